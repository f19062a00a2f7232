"""Carry one trace through webhooks, events and deliveries as W3C traceparent text."""

import re
from contextvars import ContextVar
from random import Random

HEADER = "traceparent"
# The trace of the unit of work that runs in this task, for log lines; empty outside of one.
current: ContextVar[str] = ContextVar("traceparent", default="")

_TRACE_ID_BITS = 128
_SPAN_ID_BITS = 64
_SAMPLED = "01"
_NOTHING = re.compile("0+")
_PATTERN = re.compile(
    "(?P<version>[0-9a-f]{2})-(?P<trace_id>[0-9a-f]{32})-(?P<span_id>[0-9a-f]{16})"
    "-(?P<flags>[0-9a-f]{2})(?P<rest>-.*)?"
)


def new_traceparent(random: Random) -> str:
    """Begin a trace; a seeded source begins the same one again."""
    return _format(_hex_id(random, _TRACE_ID_BITS), random, _SAMPLED)


def continue_traceparent(header: str | None, random: Random) -> str:
    """Return a new span of the trace in the header, or of a new trace without a valid one."""
    match = _PATTERN.fullmatch(header or "")
    if match is None or not _is_valid(match):
        return new_traceparent(random)
    return _format(match["trace_id"], random, match["flags"])


def trace_id(traceparent: str) -> str:
    """Return the trace's id, empty when the text is not a traceparent."""
    match = _PATTERN.fullmatch(traceparent)
    return match["trace_id"] if match else ""


def _is_valid(match: re.Match[str]) -> bool:
    if match["version"] == "ff" or (match["version"] == "00" and match["rest"]):
        return False
    return not (_NOTHING.fullmatch(match["trace_id"]) or _NOTHING.fullmatch(match["span_id"]))


def _format(trace: str, random: Random, flags: str) -> str:
    return f"00-{trace}-{_hex_id(random, _SPAN_ID_BITS)}-{flags}"


def _hex_id(random: Random, bits: int) -> str:
    """Return a number other than zero, which the standard keeps for "no id"."""
    return f"{random.getrandbits(bits) or 1:0{bits // 4}x}"
