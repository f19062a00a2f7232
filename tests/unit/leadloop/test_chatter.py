"""What the broker's client says, as our log shows it."""

import io
import json
import logging
from datetime import timedelta

import pytest

from leadloop import logs
from leadloop.chatter import Chatter
from leadloop.seldom import Seldom


@pytest.fixture
def lines():
    stream = io.StringIO()
    logs.configure(service="scoring", level="INFO", json=True, stream=stream)
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_broker_that_is_away_is_no_error_of_the_client(lines):
    logging.getLogger("aiokafka").error("Unable connect to node with id %s: %s", 1, "refused")

    (line,) = lines()
    assert line["level"] == "warning"
    assert line["event"] == "Unable connect to node with id 1: refused"


def test_one_line_of_a_kind_stands_for_thousands(lines):
    for tries in range(1_000):
        logging.getLogger("aiokafka").error("Unable connect to node with id %s", tries)
        logging.getLogger("aiokafka.consumer.fetcher").error("Failed fetch from %s", tries)

    assert len(lines()) == 2


def test_a_line_says_how_many_were_left_out():
    seconds = iter([0.0, 1.0, 2.0, 11.0])
    chatter = Chatter(Seldom(timedelta(seconds=10), lambda: next(seconds)))
    said = [a_record("away from %s", n) for n in range(4)]

    assert [chatter.filter(record) for record in said] == [True, False, False, True]
    assert said[3].getMessage() == "away from 3 (and 2 more like it)"


def a_record(text: str, *args: object) -> logging.LogRecord:
    return logging.LogRecord("aiokafka", logging.ERROR, "client.py", 1, text, args, None)


def test_an_error_of_the_client_itself_stays_one(lines):
    try:
        int("a bug")
    except ValueError:
        logging.getLogger("aiokafka.consumer.fetcher").exception("Unexpected error")

    (line,) = lines()
    assert line["level"] == "error"
    assert "a bug" in line["exception"]


def test_lines_of_others_pass_as_they_are(lines):
    for _ in range(3):
        logging.getLogger("aiokafkaesque").error("something else")

    assert [line["level"] for line in lines()] == ["error"] * 3
