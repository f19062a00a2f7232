import json

import pytest

from leadloop.events import EVENT_TYPES, decode, encode, route_of, to_json, topics
from tests.contract.sample import GOLDEN, fill

KEPT = sorted(GOLDEN.glob("*.bin"))


def test_every_event_has_golden_bytes():
    assert {path.stem for path in KEPT} == set(EVENT_TYPES), "python -m tests.contract.sample"


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.stem)
def test_golden_bytes_still_mean_what_they_meant(path):
    event = decode(path.stem, path.read_bytes())

    kept = json.loads(path.with_suffix(".json").read_text())
    now = json.loads(json.dumps(to_json(event)))
    assert {name: now[name] for name in kept} == kept
    assert encode(event) == path.read_bytes()


@pytest.mark.parametrize("name", sorted(EVENT_TYPES))
def test_an_event_is_keyed_by_one_of_its_own_text_fields(name):
    kind = EVENT_TYPES[name]

    field = kind.DESCRIPTOR.fields_by_name[route_of(kind).key_field]
    assert field.type == field.TYPE_STRING
    assert not field.is_repeated


def test_the_sample_sets_every_field():
    for kind in EVENT_TYPES.values():
        event = fill(kind())
        unset = [f.name for f in kind.DESCRIPTOR.fields if f not in dict(event.ListFields())]
        assert unset == []


def test_the_contract_has_the_topics_of_the_design():
    assert topics() == {
        "agreements.v1": True,
        "handoffs.v1": False,
        "leads.v1": False,
        "outcomes.v1": False,
        "qualifications.v1": False,
    }


def test_what_is_no_event_has_no_route():
    from leadloop.v1.lead_pb2 import Touch

    with pytest.raises(ValueError, match="expected an event"):
        route_of(Touch)
