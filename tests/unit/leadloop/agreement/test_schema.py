"""The published schema knows what the reader knows, no more and no less."""

import json
import re
from datetime import date
from pathlib import Path
from string import Template

import pytest
import yaml
from jsonschema import Draft7Validator

from leadloop.agreement.document import Value
from leadloop.agreement.reader import check
from leadloop.agreement.schema import as_text, schema

ROOT = Path(__file__).parents[4]
EXAMPLE = ROOT / "deploy" / "agreement.example.yaml"
PUBLISHED = ROOT / "docs" / "agreement.schema.json"
AGREEMENTS = ROOT / "tests" / "agreements"
TODAY = date(2026, 3, 2)
# The faults that a schema can tell; it knows no names, no CEL, no sums.
TOLD_BY_SCHEMA = {"points_no_number"}
UNREADABLE = {"yaml"}


class Loader(yaml.SafeLoader):
    """Reads as editors do, by YAML 1.2: dates are texts, and so is the word on."""


Loader.yaml_implicit_resolvers = {
    first: [
        (tag, re.compile("true|false") if tag.endswith("bool") else pattern)
        for tag, pattern in found
        if not tag.endswith("timestamp")
    ]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def faults(text: str) -> list[str]:
    Draft7Validator.check_schema(schema())
    found = Draft7Validator(schema()).iter_errors(yaml.load(text, Loader))
    return [error.json_path for error in found]


def test_the_published_schema_is_fresh():
    published = PUBLISHED.read_text()

    assert published == as_text(), "run make schema"
    assert json.loads(published) == schema()


def test_the_example_is_valid_and_names_the_schema():
    text = EXAMPLE.read_text()

    assert faults(text) == []
    first = text.splitlines()[0].removeprefix("# yaml-language-server: $schema=")
    assert (EXAMPLE.parent / first).resolve() == PUBLISHED


def test_the_demo_s_agreement_is_valid():
    demo = (ROOT / "services" / "demo" / "agreement.yaml").read_text()
    values = {"customers": "40", "revenue": "240000", "qualified_per_month": "200"}

    assert faults(Template(demo).substitute(values)) == []


@pytest.mark.parametrize("path", sorted(AGREEMENTS.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_schema_tells_the_faults_that_it_can_tell(path):
    if path.stem in UNREADABLE:
        with pytest.raises(yaml.YAMLError):
            faults(path.read_text())
        return
    told = faults(path.read_text())

    assert bool(told) == (path.stem in TOLD_BY_SCHEMA | {"bomb"})


def test_every_key_that_the_reader_knows_is_in_the_schema_and_no_other(monkeypatch):
    known: dict[str, tuple[set[str], set[str]]] = {}
    fields = Value.fields

    def noting(self, required, optional=()):
        known[self.path] = (set(required), set(optional))
        return fields(self, required, optional)

    monkeypatch.setattr(Value, "fields", noting)
    text = (AGREEMENTS / "sound.yaml").read_text()

    assert check(text, TODAY).agreement
    for path, (required, optional) in known.items():
        described = at(schema(), path)
        assert set(described["properties"]) == required | optional, path
        assert set(described["required"]) == required, path


def at(described, path: str):
    """Return what the schema says of the value with this path."""
    for step in path.split("/")[1:]:
        if "items" in described:
            described = described["items"]
        elif step in described.get("properties", {}):
            described = described["properties"][step]
        elif "patternProperties" in described:
            (described,) = described["patternProperties"].values()
        else:
            described = described["additionalProperties"]
    return described


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ("half_life: 60d}", "half_life: 60d, within: 9d}"),
        ("half_life: 60d}", "half_life: 60h}"),
        ("at_most: 3 per 7d", "at_most: three"),
        ("warn_at: 50%", "warn_at: 50"),
        ("then: reroute}", "then: forget}"),
        ("cool_down: 90d", "cool_dwn: 90d"),
        ("revenue: 480000 EUR", "revenue: 480000"),
        ("mon-thu:", "montag:"),
        ("{name: A, when: total >= 60 && fit >= 30}", "{name: A}"),
    ],
)
def test_what_the_schema_refuses_the_reader_refuses_too(was, becomes):
    text = (AGREEMENTS / "sound.yaml").read_text()
    broken = text.replace(was, becomes, 1)

    assert broken != text
    assert faults(broken)
    assert check(broken, TODAY).faults
