from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from leadloop.events import Envelope, encode
from leadloop.inbox import in_waves
from leadloop.v1.lead_pb2 import LeadErased

NOW = datetime(2026, 3, 2, tzinfo=UTC)


def an_event(position: int, key: str, type_name: str) -> Envelope:
    event = LeadErased(lead_id=key)
    return Envelope(str(position), "leads.v1", key, type_name, NOW, "", event, encode(event))


pairs = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("XYZ")), max_size=60)


@given(pairs)
def test_waves_keep_every_event_and_the_order_within_each_key(batch):
    events = [an_event(n, key, kind) for n, (key, kind) in enumerate(batch)]

    waves = in_waves(events, lambda event: event.type)

    handled = [event for _, wave in waves for event in wave]
    assert sorted(int(e.id) for e in handled) == list(range(len(events)))
    for key in "abc":
        order = [int(e.id) for e in handled if e.key == key]
        assert order == sorted(order)
    assert all(event.type == kind for kind, wave in waves for event in wave)


def test_interleaved_types_of_different_leads_become_one_wave_each():
    events = [
        an_event(n, f"lead-{n}", "Captured" if n % 2 == 0 else "Recorded") for n in range(100)
    ]

    assert [(kind, len(wave)) for kind, wave in in_waves(events, lambda event: event.type)] == [
        ("Captured", 50),
        ("Recorded", 50),
    ]


@given(pairs)
def test_types_that_share_a_handler_come_together_in_the_order_they_came(batch):
    events = [an_event(n, key, kind) for n, (key, kind) in enumerate(batch)]

    waves = in_waves(events, lambda event: "alone" if event.type == "X" else "together")

    for group, wave in waves:
        assert {event.type for event in wave} <= ({"X"} if group == "alone" else {"Y", "Z"})
    handled = [event for _, wave in waves for event in wave]
    for key in "abc":
        order = [int(event.id) for event in handled if event.key == key]
        assert order == sorted(order)
    if not any(event.type == "X" for event in events):
        assert len(waves) <= 1
