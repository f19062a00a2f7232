from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from services.intake.sources import SourcesError, load_sources, parse_sources
from tests.intake_builders import ENVIRON, SOURCES

EXAMPLE = Path(__file__).parent.parent.parent.parent / "deploy" / "sources.example.yaml"


def changed(source: str, **change: object) -> dict[str, Any]:
    content = deepcopy(SOURCES)
    content["sources"][source].update(change)
    return content


def test_the_example_can_be_used_as_it_is():
    names = ("HUBSPOT_CLIENT_SECRET", "MAUTIC_WEBHOOK_SECRET", "WEBSITE_WEBHOOK_SECRET")
    environ = dict.fromkeys((*names, "ZAPIER_TOKEN"), "secret")
    environ["EVENTS_WEBHOOK_SECRET"] = ENVIRON["STANDARD"]

    sources = load_sources(EXAMPLE, environ)

    assert list(sources) == ["hubspot", "mautic", "events", "website", "zapier"]
    assert all(source.is_signed for source in sources.values())


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (changed("site", type="fax"), "sources.site: "),
        (changed("site", colour="red"), "sources.site.colour: Extra inputs are not permitted"),
        (changed("site", mapping={"email": "a..b"}), "sources.site.mapping.email: expected a"),
        (
            changed("site", mapping={"email": "e", "touch": {"source": "["}}),
            "sources.site.mapping.touch.source: expected a JMESPath",
        ),
        (changed("site", mapping={}), "sources.site.mapping: expected email or external_id"),
        (changed("site", answer_status=500), "sources.site.answer_status: "),
        (changed("hubspot", public_url="leads"), "sources.hubspot.public_url: "),
        (changed("hubspot", secret_env=None), "sources.hubspot: expected either secret_env or"),
        (changed("hubspot", unsigned=True), "found both"),
        (
            changed("mautic", secret_env="NOT_SET"),
            "sources.mautic.secret_env: expected a secret",
        ),
        ({"sources": {"A B": SOURCES["sources"]["open"]}}, "sources.A B: expected lower-case"),
        ([], "the file: "),
    ],
)
def test_a_wrong_key_is_named(content, sentence):
    with pytest.raises(SourcesError) as raised:
        parse_sources(content, ENVIRON)

    assert sentence in str(raised.value)


def test_a_secret_that_can_not_be_used_is_named_and_not_shown():
    with pytest.raises(SourcesError) as raised:
        parse_sources(SOURCES, {**ENVIRON, "STANDARD": "not-base64!"})

    assert "sources.standard.secret_env: STANDARD" in str(raised.value)
    assert "not-base64!" not in str(raised.value)


def test_a_file_that_is_no_yaml_is_named(tmp_path):
    path = tmp_path / "sources.yaml"
    path.write_text("sources: [")

    with pytest.raises(SourcesError, match=r"sources\.yaml: expected YAML"):
        load_sources(path, {})


def test_no_source_shows_its_secret():
    shown = repr(list(parse_sources(SOURCES, ENVIRON).values()))

    assert [secret for secret in ENVIRON.values() if secret in shown] == []
