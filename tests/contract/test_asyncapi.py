from pathlib import Path

import yaml

from deploy.asyncapi import as_yaml, document, readers_of
from leadloop.events import EVENT_TYPES, route_of, topics

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


def test_every_topic_has_a_reader():
    for topic in topics():
        assert readers_of(topic), topic
