from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.feedback.facts import ClockFact, Contact, CycleFact, LeadFact, summed
from tests.conftest import MONDAY_MORNING

moments = st.integers(0, 5).map(lambda minutes: MONDAY_MORNING + timedelta(minutes=minutes))
maybe = st.none() | moments
contacts = st.builds(
    Contact, at=moments, campaign=st.sampled_from(["", "a", "b"]), touch=st.binary(max_size=1)
)
leads = st.builds(
    lambda lead_id, at, source, contact, merged_at, into: LeadFact(
        lead_id,
        at,
        source if at else "",
        contact,
        contact,
        merged_at,
        into if merged_at else None,
    ),
    st.sampled_from("xyz"),
    maybe,
    st.sampled_from(["hubspot", "mautic"]),
    st.none() | contacts,
    maybe,
    st.sampled_from("xyz"),
)


@st.composite
def cycles(draw):
    """Return facts as one handoff tells them: a sequence has one owner and one reason."""
    owner, reason = draw(st.integers(0, 3)), draw(st.integers(0, 3))
    return CycleFact(
        lead_id=draw(st.sampled_from("xy")),
        cycle=draw(st.integers(1, 2)),
        qualified_at=draw(maybe),
        routed_at=draw(maybe),
        accepted_at=draw(maybe),
        owner_sequence=owner,
        owner_id=f"person {owner}" if owner else None,
        reason_sequence=reason,
        reason=f"reason {reason}" if reason else None,
        consequence=reason or None,
    )


clocks = st.builds(
    lambda kind, breached_at, met_at: ClockFact(
        "h", kind, MONDAY_MORNING, "x", 1, MONDAY_MORNING, 900, None, breached_at, met_at
    ),
    st.integers(1, 2),
    maybe,
    maybe,
)
batches = st.one_of(st.lists(leads), st.lists(cycles()), st.lists(clocks))


@given(batches, st.randoms(use_true_random=False))
def test_facts_add_up_to_the_same_in_any_order(facts, random):
    mixed = random.sample(facts, len(facts))

    assert summed(mixed) == summed(facts)


@given(batches, st.integers(0, 20))
def test_facts_add_up_to_the_same_in_any_batches(facts, cut):
    first, rest = summed(facts[:cut]), summed(facts[cut:])

    assert summed([*first, *rest]) == summed(facts)


@given(batches)
def test_a_fact_told_twice_changes_nothing(facts):
    assert summed([*facts, *facts]) == summed(facts)


@given(batches)
def test_there_is_one_fact_a_key_and_keys_are_sorted(facts):
    keys = [fact.key for fact in summed(facts)]

    assert keys == sorted(set(keys))
