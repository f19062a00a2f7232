from random import Random

import pytest

from leadloop import tracing

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
HEADER = f"00-{TRACE}-00f067aa0ba902b7-01"


def test_a_trace_is_continued_by_a_new_span():
    continued = tracing.continue_traceparent(HEADER, Random(7))

    assert tracing.trace_id(continued) == TRACE
    assert continued != HEADER
    assert continued.endswith("-01")


def test_a_trace_that_is_not_sampled_stays_so():
    assert tracing.continue_traceparent(HEADER[:-2] + "00", Random(7)).endswith("-00")


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "nonsense",
        HEADER.upper(),
        HEADER + "-more",
        "ff" + HEADER[2:],
        f"00-{'0' * 32}-00f067aa0ba902b7-01",
        f"00-{TRACE}-{'0' * 16}-01",
        HEADER[:-1],
        HEADER + "\n",
    ],
)
def test_without_a_valid_header_a_new_trace_begins(header):
    began = tracing.continue_traceparent(header, Random(7))

    assert tracing.trace_id(began) not in {"", TRACE}
    assert tracing.continue_traceparent(began, Random(8)) != began


def test_a_later_version_is_continued_as_far_as_we_know_it():
    continued = tracing.continue_traceparent("01" + HEADER[2:] + "-more", Random(7))

    assert continued.startswith(f"00-{TRACE}-")


def test_the_same_seed_begins_the_same_trace():
    assert tracing.new_traceparent(Random(7)) == tracing.new_traceparent(Random(7))


def test_what_is_no_traceparent_has_no_trace_id():
    assert tracing.trace_id("nonsense") == ""
