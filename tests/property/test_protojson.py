import math

import pytest
from google.protobuf import text_format
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.duration_pb2 import Duration
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.struct_pb2 import Value
from google.protobuf.timestamp_pb2 import Timestamp
from google.protobuf.wrappers_pb2 import DoubleValue, FloatValue
from hypothesis import given, settings
from hypothesis import strategies as st

from leadloop import protojson
from leadloop.events import EVENT_TYPES
from leadloop.v1.lead_pb2 import Lead

SCALARS = {
    FieldDescriptor.CPPTYPE_STRING: st.text(max_size=5),
    FieldDescriptor.CPPTYPE_BOOL: st.booleans(),
    FieldDescriptor.CPPTYPE_INT32: st.integers(-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_UINT32: st.integers(0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_INT64: st.integers(-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT64: st.integers(0, 2**64 - 1),
    FieldDescriptor.CPPTYPE_DOUBLE: st.floats(),
}
# The years 1 to 9999, and what fits into a Duration.
SECONDS = {
    Timestamp.DESCRIPTOR.full_name: st.integers(-62_135_596_800, 253_402_300_799),
    Duration.DESCRIPTOR.full_name: st.integers(0, 315_576_000_000),
}
NANOS = st.sampled_from([0, 7, 1_000, 120_000_000, 999_999_999])


@st.composite
def messages(draw, descriptor) -> Message:
    """Draw a message with some of its fields set, at any depth."""
    message = GetMessageClass(descriptor)()
    if isinstance(message, Timestamp | Duration):
        message.seconds = draw(SECONDS[descriptor.full_name])
        message.nanos = draw(NANOS)
        return message
    fields = list(descriptor.fields)
    for field in draw(st.lists(st.sampled_from(fields), unique=True)) if fields else []:
        fill(draw, message, field)
    return message


def fill(draw, message, field):
    kind = field.message_type
    if kind is not None and kind.GetOptions().map_entry:
        entries = draw(st.lists(messages(kind), max_size=3))
        for entry in entries:
            if kind.fields_by_name["value"].message_type is None:
                getattr(message, field.name)[entry.key] = entry.value
            else:
                getattr(message, field.name)[entry.key].CopyFrom(entry.value)
    elif field.is_repeated:
        drawn = draw(st.lists(value_of(field), max_size=3))
        getattr(message, field.name).extend(drawn)
    elif kind is not None:
        getattr(message, field.name).CopyFrom(draw(messages(kind)))
    else:
        setattr(message, field.name, draw(value_of(field)))


def value_of(field):
    if field.message_type is not None:
        return messages(field.message_type)
    if field.enum_type is not None:
        return st.sampled_from([*(v.number for v in field.enum_type.values), 99])
    if field.type == FieldDescriptor.TYPE_BYTES:
        return st.binary(max_size=5)
    return SCALARS[field.cpp_type]


@pytest.mark.parametrize("name", sorted(EVENT_TYPES))
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_every_event_reads_as_protobuf_says(name, data):
    event = data.draw(messages(EVENT_TYPES[name].DESCRIPTOR))

    written = protojson.to_dict(event)

    assert written == MessageToDict(event, preserving_proto_field_name=True)
    assert ParseDict(written, EVENT_TYPES[name]()) == event


@pytest.mark.parametrize(
    ("number", "written"), [(math.inf, "Infinity"), (-math.inf, "-Infinity"), (math.nan, "NaN")]
)
def test_numbers_that_json_lacks_are_text(number, written):
    assert protojson.to_dict(Value(number_value=number)) == {"number_value": written}


def test_a_number_whose_zero_may_be_lost_is_refused():
    with pytest.raises(TypeError, match="optional double"):
        protojson.to_dict(DoubleValue())


def test_a_message_may_hold_others_of_its_own_type():
    inner = DescriptorProto(name="inner")

    assert protojson.to_dict(DescriptorProto(name="outer", nested_type=[inner])) == {
        "name": "outer",
        "nested_type": [{"name": "inner"}],
    }


def test_what_a_contract_may_hold_that_no_event_holds_yet_reads_as_protobuf_says():
    text = """
        name: "later.proto" package: "later" syntax: "proto3"
        message_type {
            name: "Later"
            field { name: "big" number: 1 type: TYPE_UINT64 label: LABEL_OPTIONAL }
            field { name: "ratios" number: 2 type: TYPE_DOUBLE label: LABEL_REPEATED }
            field { name: "said" number: 3 type: TYPE_MESSAGE label: LABEL_REPEATED
                    type_name: ".later.Later.SaidEntry" }
            nested_type {
                name: "SaidEntry" options { map_entry: true }
                field { name: "key" number: 1 type: TYPE_BOOL label: LABEL_OPTIONAL }
                field { name: "value" number: 2 type: TYPE_STRING label: LABEL_OPTIONAL }
            }
        }
    """
    pool = DescriptorPool()
    pool.Add(text_format.Parse(text, FileDescriptorProto()))
    later = GetMessageClass(pool.FindMessageTypeByName("later.Later"))(
        big=2**64 - 1, ratios=[-0.0, math.inf], said={True: "yes", False: "no"}
    )

    written = protojson.to_dict(later)

    assert written == MessageToDict(later, preserving_proto_field_name=True)
    assert repr(written["ratios"]) == "[-0.0, 'Infinity']"


@given(st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=9))
def test_the_keys_of_a_map_are_sorted(attributes):
    written = protojson.to_dict(Lead(attributes=attributes))

    assert repr(written.get("attributes", {})) == repr(dict(sorted(attributes.items())))


def test_a_number_of_half_the_digits_is_refused():
    with pytest.raises(TypeError, match="float is not written yet"):
        protojson.to_dict(FloatValue())
