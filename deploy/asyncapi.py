"""Describe the topics for other languages: `python -m deploy.asyncapi` prints AsyncAPI.

All of it is read from the contract; docs/asyncapi.yaml is what this prints, held by a test.
"""

import re
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml

from leadloop.events import EVENT_TYPES, WRITERS, route_of, topics
from leadloop.records import CONTENT_TYPE, SPEC_VERSION

PROTO = Path(__file__).parent.parent / "proto"
_COMMENTED_MESSAGE = re.compile(r"((?:^//.*\n)+)message (\w+) ", re.MULTILINE)


def document() -> dict[str, Any]:
    """Return the AsyncAPI 3 document of the contract."""
    said = descriptions()
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Leadloop",
            "version": "v1",
            "description": "Every event of the loop: CloudEvents 1.0 in Kafka's binary mode.",
        },
        "servers": {"kafka": {"host": "localhost:9092", "protocol": "kafka"}},
        "defaultContentType": CONTENT_TYPE,
        "channels": {_id(topic): _channel(topic, compacted) for topic, compacted in _topics()},
        "operations": _operations(),
        "components": {
            "messages": {_name(full): _message(full, said) for full in sorted(EVENT_TYPES)}
        },
    }


def descriptions() -> dict[str, str]:
    """Return each message's comment in the contract, by message name."""
    found = {}
    for path in sorted(PROTO.rglob("*.proto")):
        for comment, name in _COMMENTED_MESSAGE.findall(path.read_text()):
            lines = [line.removeprefix("//").strip() for line in comment.splitlines()]
            found[name] = " ".join(lines)
    return found


def _topics() -> list[tuple[str, bool]]:
    return sorted(topics().items())


def _id(topic: str) -> str:
    return topic.replace(".", "_")


def _name(full_name: str) -> str:
    return full_name.rpartition(".")[2]


def _events_of(topic: str) -> list[str]:
    return sorted(full for full, kind in EVENT_TYPES.items() if route_of(kind).topic == topic)


def _channel(topic: str, compacted: bool) -> dict[str, Any]:
    """Return a topic as a channel."""
    policy = "compact" if compacted else "delete"
    return {
        "address": topic,
        "messages": {
            _name(full): {"$ref": f"#/components/messages/{_name(full)}"}
            for full in _events_of(topic)
        },
        "bindings": {
            "kafka": {
                "topicConfiguration": {"cleanup.policy": [policy]},
                "bindingVersion": "0.5.0",
            }
        },
    }


def _operations() -> dict[str, Any]:
    """Return who sends and who receives on each topic."""
    operations: dict[str, Any] = {}
    for topic, _ in _topics():
        channel = {"$ref": f"#/channels/{_id(topic)}"}
        operations[f"{WRITERS[topic]}_sends_{_id(topic)}"] = {
            "action": "send",
            "channel": channel,
        }
        for reader in readers_of(topic):
            operations[f"{reader}_receives_{_id(topic)}"] = {
                "action": "receive",
                "channel": dict(channel),
            }
    return operations


def readers_of(topic: str) -> list[str]:
    """Return the services that handle events of a topic."""
    readers = []
    for room in ("scoring", "handoff", "feedback"):
        handled = import_module(f"services.{room}.handlers").HANDLERS
        if topic in {route_of(kind).topic for kind in handled}:
            readers.append(room)
    return readers


def _message(full_name: str, said: dict[str, str]) -> dict[str, Any]:
    """Return one event with its headers."""
    kind = EVENT_TYPES[full_name]
    file = kind.DESCRIPTOR.file.name
    return {
        "name": full_name,
        "summary": said[_name(full_name)],
        "contentType": CONTENT_TYPE,
        "headers": _headers(full_name),
        "payload": {
            "schemaFormat": "application/vnd.google.protobuf;version=3",
            "schema": f"proto/{file}: message {_name(full_name)}",
        },
        "bindings": {
            "kafka": {
                "key": {"type": "string", "description": route_of(kind).key_field},
                "bindingVersion": "0.5.0",
            }
        },
    }


def _headers(full_name: str) -> dict[str, Any]:
    """Return the CloudEvents attributes of an event."""
    text = {"type": "string"}
    required = ["ce_specversion", "ce_id", "ce_source", "ce_type", "ce_subject", "ce_time"]
    return {
        "type": "object",
        "required": required,
        "properties": {
            "ce_specversion": {**text, "const": SPEC_VERSION},
            "ce_id": {**text, "format": "uuid"},
            "ce_source": {**text, "format": "uri-reference"},
            "ce_type": {**text, "const": full_name},
            "ce_subject": dict(text),
            "ce_time": {**text, "format": "date-time"},
            "traceparent": dict(text),
        },
    }


def as_yaml() -> str:
    """Return the document as text."""
    return yaml.safe_dump(document(), sort_keys=False, width=100, allow_unicode=True)


if __name__ == "__main__":
    sys.stdout.write(as_yaml())
