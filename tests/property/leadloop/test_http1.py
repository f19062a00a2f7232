"""However the network cuts an answer into pieces, it means the same."""

import asyncio
from itertools import pairwise
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadloop.attempts import Answer
from leadloop.http1 import ANSWER_BYTES_MAX, BadAnswer, Connection, Origin

ORIGIN = Origin("http", "crm.example", 80)
OK = b"HTTP/1.1 200 OK\r\n"
LONG = b"x" * ANSWER_BYTES_MAX


class Wire(asyncio.Transport):
    """Stands for the network, which cuts as it likes and not as a test would have it."""

    def __init__(self):
        super().__init__()
        self.is_aborted = False

    def write(self, data):
        pass

    def get_write_buffer_size(self):
        return 0

    def abort(self):
        self.is_aborted = True


class Heard(NamedTuple):
    """What came of a post."""

    answer: Answer | type[OSError]
    is_open: bool


async def hear(pieces, *, pause=False):
    """Post; hear these pieces, then the end if they tell too little."""
    ends: list[Connection] = []
    wire = Wire()
    connection = Connection(ORIGIN, ends.append)
    connection.connection_made(wire)
    deadline = asyncio.get_running_loop().time() + 60
    post = asyncio.create_task(connection.post(b"POST", deadline=deadline))
    await asyncio.sleep(0)
    for piece in pieces:
        if not wire.is_aborted:
            connection.data_received(piece)
        if pause:
            await asyncio.sleep(0)
            await asyncio.sleep(0)
    await asyncio.sleep(0)
    if not post.done():
        connection.eof_received()
    (answer,) = await asyncio.gather(post, return_exceptions=True)
    assert connection.is_open != wire.is_aborted
    assert ends == [] if connection.is_open else [connection]
    if isinstance(answer, BaseException):
        assert isinstance(answer, OSError)
        return Heard(type(answer), connection.is_open)
    return Heard(answer, connection.is_open)


ANSWERS = {
    "204": (b"HTTP/1.1 204 No Content\r\n\r\n", Heard(Answer(204), True)),
    "304": (b"HTTP/1.1 304 Not\r\ncontent-length: 9\r\n\r\n", Heard(Answer(304), True)),
    "204 with a length": (
        b"HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\n",
        Heard(Answer(204), True),
    ),
    "no reason": (b"HTTP/1.1 200\r\ncontent-length: 0\r\n\r\n", Heard(Answer(200), True)),
    "a body": (OK + b"content-length: 2\r\n\r\nok", Heard(Answer(200), True)),
    "chunks": (
        OK
        + b"transfer-encoding: chunked\r\n\r\n2;a=b\r\nok\r\n1\r\n!\r\n0\r\nx-end: 1\r\n\r\n",
        Heard(Answer(200), True),
    ),
    "a pause": (
        b"HTTP/1.1 503 Busy\r\nRetry-After: 7\r\ncontent-length: 0\r\n\r\n",
        Heard(Answer(503, "7"), True),
    ),
    "two pauses": (
        b"HTTP/1.1 429 Busy\r\nretry-after: 7\r\nretry-after: 9\r\ncontent-length: 0\r\n\r\n",
        Heard(Answer(429, "7"), True),
    ),
    "a pause too late": (
        OK + b"transfer-encoding: chunked\r\n\r\n0\r\nretry-after: 7\r\n\r\n",
        Heard(Answer(200), True),
    ),
    "interim answers": (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nretry-after: 9\r\n\r\n"
        + OK
        + b"content-length: 2\r\n\r\nok",
        Heard(Answer(200), True),
    ),
    "lines that end with LF": (
        b"HTTP/1.1 200 OK\ncontent-length: 0\n\n",
        Heard(Answer(200), True),
    ),
    "folded headers": (
        OK + b"x-a: b\r\n  c\r\ncontent-length: 0\r\n\r\n",
        Heard(Answer(200), True),
    ),
    "connection: close": (
        OK + b"connection: close\r\ncontent-length: 2\r\n\r\nok",
        Heard(Answer(200), False),
    ),
    "1.0": (b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok", Heard(Answer(200), False)),
    "1.0 that would stay": (
        b"HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 0\r\n\r\n",
        Heard(Answer(200), False),
    ),
    "until the end": (OK + b"\r\nsome text", Heard(Answer(200), False)),
    "another coding": (OK + b"transfer-encoding: gzip\r\n\r\nabc", Heard(Answer(200), False)),
    "a body cut short": (OK + b"content-length: 9\r\n\r\nok", Heard(Answer(200), False)),
    "a chunk cut short": (
        OK + b"transfer-encoding: chunked\r\n\r\n9\r\nok",
        Heard(Answer(200), False),
    ),
    "a chunk of no length": (
        OK + b"transfer-encoding: chunked\r\n\r\nok\r\n",
        Heard(Answer(200), False),
    ),
    "more than a body": (OK + b"content-length: 2\r\n\r\nok!", Heard(Answer(200), False)),
    "more than a 204": (b"HTTP/1.1 204 No Content\r\n\r\nok", Heard(Answer(204), False)),
    "two answers": (
        b"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 500 No\r\nretry-after: 7\r\n\r\n",
        Heard(Answer(204), False),
    ),
    "another protocol": (
        b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\nabc",
        Heard(BadAnswer, False),
    ),
    "101": (b"HTTP/1.1 101 Switching\r\n\r\n", Heard(BadAnswer, False)),
    "no status": (b"HTTP/1.1 000 OK\r\ncontent-length: 0\r\n\r\n", Heard(BadAnswer, False)),
    "no HTTP": (b"220 mail.example ESMTP\r\n", Heard(BadAnswer, False)),
    "a name with a space": (OK + b"x y: 1\r\n\r\n", Heard(BadAnswer, False)),
    "a zero byte": (OK + b"x-a: \0\r\ncontent-length: 0\r\n\r\n", Heard(BadAnswer, False)),
    "two lengths": (
        OK + b"content-length: 2\r\ncontent-length: 3\r\n\r\nok!",
        Heard(BadAnswer, False),
    ),
    "a length and chunks": (
        OK + b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        Heard(BadAnswer, False),
    ),
    "a length that is none": (OK + b"content-length: two\r\n\r\nok", Heard(BadAnswer, False)),
    "an end in the headers": (OK + b"x-a: ", Heard(ConnectionResetError, False)),
    "an interim answer alone": (
        b"HTTP/1.1 100 Continue\r\n\r\n",
        Heard(ConnectionResetError, False),
    ),
    "nothing": (b"", Heard(ConnectionResetError, False)),
}


@pytest.mark.parametrize(("answer", "expected"), ANSWERS.values(), ids=ANSWERS)
async def test_an_answer_means_the_same_wherever_it_is_cut(answer, expected):
    assert await hear([answer] if answer else []) == expected
    assert await hear([bytes([one]) for one in answer]) == expected
    assert await hear([bytes([one]) for one in answer], pause=True) == expected
    for cut in range(1, len(answer)):
        assert await hear([answer[:cut], answer[cut:]]) == expected
        assert await hear([answer[:cut], answer[cut:]], pause=True) == expected


def cut_at(answer, cuts):
    ends = [0, *sorted({cut % len(answer) for cut in cuts} - {0}), len(answer)]
    return [answer[start:end] for start, end in pairwise(ends)]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (OK + b"x-a: " + LONG + b"\r\n\r\n", BadAnswer),
        (OK + b"x: y\r\n" * (ANSWER_BYTES_MAX // 6), BadAnswer),
        (OK + LONG + b": y\r\n\r\n", BadAnswer),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * (ANSWER_BYTES_MAX // 25 + 1) + OK, BadAnswer),
        (OK + b"content-length: 65536\r\n\r\n" + LONG, Answer(200)),
        (OK + b"\r\n" + LONG, Answer(200)),
        (OK + b"transfer-encoding: chunked\r\n\r\n0\r\nx-a: " + LONG, Answer(200)),
        (OK + b"transfer-encoding: chunked\r\n\r\n1;" + LONG, Answer(200)),
    ],
)
@given(cuts=st.lists(st.integers(0, 2 * ANSWER_BYTES_MAX), max_size=5))
async def test_of_an_answer_without_end_no_more_is_heard_than_a_bound(answer, expected, cuts):
    pieces = cut_at(answer, [*cuts, ANSWER_BYTES_MAX])

    assert await hear(pieces) == Heard(expected, False)


async def test_an_answer_may_be_as_long_as_the_bound():
    head = OK + b"content-length: %d\r\n\r\n"
    fits = ANSWER_BYTES_MAX - len(head % 10_000)
    answer = head % fits + b"x" * fits

    assert len(answer) == ANSWER_BYTES_MAX
    assert await hear([answer]) == Heard(Answer(200), True)


NAMES = st.sampled_from(["x-a", "date", "server", "retry-afterwards", "x-retry-after"])
HEADERS = st.lists(st.tuples(NAMES, st.text("abc 123,;=", max_size=9)), max_size=4)
INTERIM = st.tuples(st.sampled_from([100, 102, 103, 199]), HEADERS)


def written(status, headers):
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    return f"HTTP/1.1 {status} Said\r\n{lines}\r\n".encode()


@st.composite
def whole_answers(draw):
    """Return the bytes of an answer with what they mean."""
    status = draw(st.integers(200, 999).filter(lambda status: status not in {204, 304}))
    retry_after = draw(st.sampled_from(["", "7", "Wed, 21 Oct 2026 07:28:00 GMT"]))
    body = draw(st.binary(max_size=40))
    headers = draw(HEADERS) + ([("Retry-After", retry_after)] if retry_after else [])
    if draw(st.booleans()):
        headers.append(("Transfer-Encoding", "chunked"))
        body = b"".join(b"1\r\n%c\r\n" % one for one in body) + b"0\r\n\r\n"
    else:
        headers.append(("Content-Length", str(len(body))))
    interim = [written(*one) for one in draw(st.lists(INTERIM, max_size=3))]
    return b"".join(interim) + written(status, headers) + body, Answer(status, retry_after)


@given(whole_answers(), st.lists(st.integers(0, 500), max_size=8), st.booleans())
async def test_every_whole_answer_is_understood(whole, cuts, pause):
    answer, meant = whole

    heard = await hear(cut_at(answer, cuts), pause=pause)

    assert heard == Heard(meant, True)


@given(st.binary(max_size=80), st.lists(st.integers(0, 80), max_size=4))
async def test_what_is_no_answer_ends_the_connection_or_is_waited_for(noise, cuts):
    cut = [piece for piece in cut_at(noise, cuts) if piece] if noise else []

    whole = await hear([noise] if noise else [])

    assert not whole.is_open
    assert await hear(cut) == whole


async def test_whatever_ends_a_connection_is_told_as_the_end_of_one():
    connection = Connection(ORIGIN, lambda _: None)
    connection.connection_made(Wire())
    connection.connection_lost(RuntimeError("the loop has had enough"))

    with pytest.raises(ConnectionResetError, match="the loop has had enough"):
        await connection.post(b"POST", deadline=0)
