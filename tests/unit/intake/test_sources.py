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
        (changed("site", type="hubspott"), "found hubspott; did you mean hubspot?"),
        (
            {"sources": {"site": {"unsigned": True}}},
            "sources.site: expected type: hubspot, mautic, standard or plain, found no type",
        ),
        (
            changed("site", colour="red"),
            "sources.site.colour: expected one of secret_env, ",
        ),
        (changed("site", secret="SITE"), "mapping; did you mean secret_env?"),
        (changed("site", mapping={"emial": "e"}), "did you mean email?"),
        (
            changed("site", mapping={"email": "e", "touch": {"sorce": "e"}}),
            "sources.site.mapping.touch.sorce: expected one of source, medium, campaign, ",
        ),
        (changed("site", mapping=None), "sources.site.mapping: expected an object, found null"),
        (changed("hubspot", secret_env="a secret"), "expected the name of the environment"),
        (changed("hubspot", tolerance_seconds=86_401), "seconds: expected 86400 or less"),
        (changed("standard", tolerance_seconds=10**8), "seconds: expected 86400 or less"),
        ({"sources": {"api": SOURCES["sources"]["open"]}}, "sources.api: expected a name of"),
        ({"sauces": {}}, "sauces: expected one of sources; did you mean sources?"),
        ({}, "sources: expected a value, found nothing"),
        (
            changed("site", mapping={"email": "lowercase(email)"}),
            "sources.site.mapping.email: expected a function of JMESPath (abs, ",
        ),
        (
            changed("site", mapping={"email": "e", "touch": {"source": "a || [].join(b)"}}),
            "sources.site.mapping.touch.source: expected 2 arguments of join()",
        ),
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
        ({"sources": {"A B": SOURCES["sources"]["open"]}}, "sources.A B: expected a name of"),
        ([], "the file: expected an object, found an array"),
        (None, "the file: expected an object, found null"),
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


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("sources:\n  a: {type: plain}\n  b: {}\n  a: {}\n", "a a second time, after line 2"),
        ("sources: {a: {mapping: {email: x, email: y}}}", "email a second time, after line 1"),
    ],
)
def test_a_key_that_stands_twice_is_named_with_its_lines(tmp_path, content, told):
    path = tmp_path / "sources.yaml"
    path.write_text(content)

    with pytest.raises(SourcesError, match=told):
        load_sources(path, {})


def test_what_yaml_merges_may_be_said_again(tmp_path):
    path = tmp_path / "sources.yaml"
    path.write_text(
        "sources:\n"
        "  a: &form {type: plain, unsigned: true, mapping: {email: email}}\n"
        "  b: {<<: *form, mapping: {email: mail}}\n"
    )

    assert list(load_sources(path, {})) == ["a", "b"]


def test_functions_of_jmespath_may_be_used():
    content = changed("site", mapping={"email": "not_null(a, b, c)", "phone": "join(' ', d)"})

    assert parse_sources(content, ENVIRON)


def test_no_source_shows_its_secret():
    shown = repr(list(parse_sources(SOURCES, ENVIRON).values()))

    assert [secret for secret in ENVIRON.values() if secret in shown] == []
