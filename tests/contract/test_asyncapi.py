from importlib import import_module
from pathlib import Path

import yaml

from deploy.asyncapi import _READERS, as_yaml, document
from leadloop.events import EVENT_TYPES, route_of

KEPT = Path(__file__).parent.parent.parent / "docs" / "asyncapi.yaml"


def test_the_document_is_what_the_contract_says():
    assert KEPT.read_text() == as_yaml(), "python -m deploy.asyncapi > docs/asyncapi.yaml"


def test_every_event_is_described_on_its_channel():
    described = document()

    for name, kind in EVENT_TYPES.items():
        channel = described["channels"][route_of(kind).topic.replace(".", "_")]
        assert name.rpartition(".")[2] in channel["messages"]
        assert described["components"]["messages"][name.rpartition(".")[2]]["summary"]


def test_references_lead_somewhere():
    described = yaml.safe_load(KEPT.read_text())

    for operation in described["operations"].values():
        assert operation["channel"]["$ref"].split("/")[-1] in described["channels"]


def test_the_readers_named_are_those_that_handle_the_topic():
    for room in ("scoring", "handoff", "feedback"):
        handlers = import_module(f"services.{room}.handlers").HANDLERS
        read = {route_of(kind).topic for kind in handlers}
        assert read == {topic for topic, readers in _READERS.items() if room in readers}, room
