"""What is said of a broker that does not answer."""

from structlog.testing import capture_logs

from leadloop.watching import Outage


class Seconds:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_an_outage_is_said_at_once_again_now_and_then_and_at_its_end():
    clock = Seconds()
    outage = Outage("scoring", "kafka:9092", clock)

    with capture_logs() as lines:
        for _ in range(130):
            clock.now += 1
            outage.goes_on("no answer")
        clock.now += 1
        outage.is_over()
        outage.is_over()

    assert [(line["event"], line["seconds"]) for line in lines] == [
        ("consumer.waits", 1),
        ("consumer.waits", 61),
        ("consumer.waits", 121),
        ("consumer.recovered", 131),
    ]
    assert (lines[0]["group"], lines[0]["brokers"]) == ("scoring", "kafka:9092")
    assert {line["log_level"] for line in lines} == {"warning"}


def test_the_next_outage_is_said_at_once_too():
    clock = Seconds()
    outage = Outage("scoring", "kafka:9092", clock)

    with capture_logs() as lines:
        outage.goes_on("no answer")
        outage.is_over()
        clock.now += 2
        outage.goes_on("no answer")

    assert [line["event"] for line in lines].count("consumer.waits") == 2
    assert outage.is_on
