"""A sample of every event with every field set, and the golden bytes kept of it.

`python -m tests.contract.sample` writes the golden files of events that have none yet; it never
changes one, since every released event must stay readable.
"""

from pathlib import Path
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.json_format import MessageToJson
from google.protobuf.message import Message

from leadloop.events import EVENT_TYPES, encode

# The descriptors of the two implementations of protobuf share their attributes, not a type.
Field = Any
GOLDEN = Path(__file__).parent / "golden"


def fill(message: Message, depth: int = 0) -> Message:
    """Set every field of a message to a value of its own."""
    for field in message.DESCRIPTOR.fields:
        if field.message_type and field.message_type.GetOptions().map_entry:
            kind = field.message_type.fields_by_name["value"]
            is_text = kind.type == FieldDescriptor.TYPE_STRING
            getattr(message, field.name)["key"] = (
                f"{field.name} value" if is_text else _value(kind)
            )
        elif field.message_type:
            _fill_message(message, field, depth)
        elif field.is_repeated:
            getattr(message, field.name).append(_value(field))
        else:
            setattr(message, field.name, _value(field))
    return message


def _fill_message(message: Message, field: Field, depth: int) -> None:
    target = getattr(message, field.name)
    child = target.add() if field.is_repeated else target
    if field.message_type.full_name.startswith("google.protobuf."):
        child.seconds, child.nanos = 1_772_442_000 + field.number, field.number * 1_000_000
    else:
        fill(child, depth + 1)


def _value(field: Field) -> object:
    if field.type == FieldDescriptor.TYPE_STRING:
        return f"{field.name} {field.number}"
    if field.type == FieldDescriptor.TYPE_BOOL:
        return True
    if field.type == FieldDescriptor.TYPE_ENUM:
        return field.enum_type.values[-1].number
    return -field.number if field.type == FieldDescriptor.TYPE_INT32 else field.number


def write_missing() -> list[str]:
    """Keep the bytes of every event that has none yet; return the events' names."""
    written = []
    for name, kind in EVENT_TYPES.items():
        event = fill(kind())
        path = GOLDEN / f"{name}.bin"
        if not path.exists():
            GOLDEN.mkdir(exist_ok=True)
            path.write_bytes(encode(event))
            path.with_suffix(".json").write_text(
                MessageToJson(event, preserving_proto_field_name=True, sort_keys=True) + "\n"
            )
            written.append(name)
    return written


if __name__ == "__main__":
    for written_name in write_missing():
        print(written_name)  # noqa: T201 (a command of its own)
