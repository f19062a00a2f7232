import io
import json
import logging

import pytest
import structlog

from leadloop import logs, tracing

TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture
def lines():
    """Configure logging into memory and put everything back afterwards."""
    configured = structlog.get_config()
    root, names = logging.getLogger(), ("uvicorn", "uvicorn.error", "uvicorn.access")
    before = root.handlers, root.level
    loggers = [(logging.getLogger(name), logging.getLogger(name).propagate) for name in names]
    stream = io.StringIO()
    logs.configure(service="handoff", level="INFO", json=True, stream=stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.handlers, root.level = before
    for logger, propagate in loggers:
        logger.propagate = propagate
    structlog.configure(**configured)


def logger():
    return structlog.get_logger("test")


def test_a_line_names_its_event_its_service_and_its_trace(lines):
    token = tracing.current.set(TRACEPARENT)
    logger().info("lead.scored", lead_id="l-1", attempt=2)
    tracing.current.reset(token)

    (line,) = lines()
    assert line["event"] == "lead.scored"
    assert line["service"] == "handoff"
    assert line["trace_id"] == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert line["level"] == "info"
    assert (line["lead_id"], line["attempt"]) == ("l-1", 2)
    assert line["timestamp"].endswith("Z")


@pytest.mark.parametrize(
    "key", ["email", "lead_email", "phone", "first_name", "api_token", "Authorization", "body"]
)
def test_what_is_named_like_personal_data_or_a_secret_is_left_out(lines, key):
    logger().info("lead.scored", **{key: "ada@example.com"})

    (line,) = lines()
    assert "ada@example.com" not in json.dumps(line)


def test_what_only_sounds_alike_stays(lines):
    logger().info("lead.scored", filename="x.csv", tokenised=1)

    (line,) = lines()
    assert (line["filename"], line["tokenised"]) == ("x.csv", 1)


def test_the_values_of_a_row_are_cut_from_a_databases_error(lines):
    error = ValueError("duplicate key\nDETAIL:  Key (email)=(ada@example.com) exists.")
    logger().error("request.failed", exc_info=error, reason=repr(error))

    (line,) = lines()
    for text in (line["exception"], line["reason"]):
        assert "duplicate key" in text
        assert "ada@example.com" not in text


def test_lines_of_libraries_take_the_same_form(lines):
    logging.getLogger("uvicorn.error").warning("Started %s", "server")

    (line,) = lines()
    assert line["event"] == "Started server"
    assert line["service"] == "handoff"


def test_lines_below_the_level_are_left_out(lines):
    logger().debug("lead.scored")
    logging.getLogger("uvicorn.access").info("GET /")

    assert lines() == []


def a_traceparent(number: int, span: int = 1) -> str:
    return f"00-{number:032x}-{span:016x}-01"


def test_a_batch_names_each_of_its_traces_once(lines):
    twice = [a_traceparent(1, span=1), a_traceparent(1, span=2), a_traceparent(2), ""]

    assert logs.traces(twice) == {"traces": 2, "trace_ids": [f"{1:032x}", f"{2:032x}"]}


def test_a_large_batch_names_the_first_of_its_traces(lines):
    told = logs.traces(a_traceparent(number) for number in range(1, 501))

    assert told["traces"] == 500
    assert told["trace_ids"] == [f"{n:032x}" for n in range(1, logs.TRACES_MAX + 1)]


def test_at_level_debug_a_large_batch_names_all_of_its_traces(lines):
    logs.configure(service="handoff", level="DEBUG", json=True, stream=io.StringIO())

    told = logs.traces(a_traceparent(number) for number in range(1, 501))

    assert told["trace_ids"] == [f"{n:032x}" for n in range(1, 501)]


def test_what_is_no_trace_is_not_named(lines):
    assert logs.traces(["the trace of ada@example.com"])["trace_ids"] == []


def test_a_new_configuration_reaches_a_logger_that_was_used_before():
    logs.configure(service="first", json=True)
    log = structlog.get_logger("used.before")
    log.info("something.happened")

    logs.configure(service="second", json=True)
    with structlog.testing.capture_logs() as lines:
        log.info("something.else")

    assert [line["event"] for line in lines] == ["something.else"]
