"""What goes through the pipes of a study's process comes out as it went in."""

import pytest

from leadloop.errors import FieldError
from services.scoring.studies.news import (
    Done,
    Failed,
    Order,
    Progress,
    Refused,
    line_of,
    line_of_order,
    news_of,
    order_of,
)


@pytest.mark.parametrize(
    "news",
    [
        Progress("replays", 3, 7),
        Done({"title": "Grüße\n\0"}, "<p>a\nb", {"figures": {"leads": 1}}),
        Refused("No.", (FieldError("/team", "one", "two"), FieldError("line 3", "", ""))),
        Refused("No."),
        Failed("It broke off.", "Traceback\n  ..."),
    ],
)
def test_news_are_one_line_and_are_read_as_they_were_written(news):
    line = line_of(news)

    assert line.count(b"\n") == 1
    assert news_of(line) == news


@pytest.mark.parametrize("against", [None, b"", b"\x00\xff"])
def test_an_order_is_read_as_it_was_written(against):
    order = Order("backtest", '{"text": "a\\nb"}', "postgresql://me:secret@here", 512, against)

    assert order_of(line_of_order(order)) == order
    assert "secret" not in repr(order)


@pytest.mark.parametrize("line", [b"", b"hello", b"[]", b"{}", b'{"told": {}}', b'{"done": 3}'])
def test_what_is_no_news_is_no_news(line):
    with pytest.raises((ValueError, TypeError)):
        news_of(line)
