from dataclasses import replace

from bench.replay import Difference, compare, first_difference
from services.demo.quarter import Happened

EVENT = Happened("leads.v1", "key", "id", "leadloop.v1.LeadCaptured", "2026-01-01", b"value")


def test_equal_runs_are_identical_to_the_last_event():
    figures = compare([EVENT] * 3, [EVENT] * 3)

    assert (figures.events, figures.identical) == (3, 3)
    assert first_difference([EVENT] * 3, [EVENT] * 3) is None


def test_one_other_byte_and_a_missing_event_are_found():
    other = replace(EVENT, value=b"Value")

    figures = compare([EVENT, other, EVENT], [EVENT, EVENT])

    assert (figures.events, figures.identical) == (3, 1)
    assert first_difference([EVENT, other], [EVENT, EVENT]) == Difference(1, other, EVENT)
    assert first_difference([EVENT], []) == Difference(0, EVENT, None)
