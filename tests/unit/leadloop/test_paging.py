import base64

import pytest

from leadloop.errors import Malformed
from leadloop.paging import decode_cursor, encode_cursor, id_in, next_of, place_in


@pytest.mark.parametrize("parts", [("a",), ("2026-03-02T09:00:00Z", "id"), ("é", "", "/+?")])
def test_a_cursor_gives_back_what_was_put_in(parts):
    assert decode_cursor(encode_cursor(*parts), len(parts)) == parts


def test_a_cursor_fits_into_a_url_as_it_is():
    assert set(encode_cursor("?>~é" * 20)) <= set(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    )


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "nonsense",
        "!!!",
        "é",
        encode_cursor("a", "b"),
        base64.urlsafe_b64encode(b'{"a": 1}').decode(),
        base64.urlsafe_b64encode(b"[1]").decode(),
        base64.urlsafe_b64encode(b"[" * 2_000).decode(),
    ],
)
def test_another_text_is_refused_and_named(cursor):
    with pytest.raises(Malformed) as refused:
        decode_cursor(cursor, 1)

    assert refused.value.errors[0].pointer == "query cursor"


def test_an_id_goes_into_a_cursor_and_comes_out_again():
    lead_id = "01a206c3-1807-7686-b3d3-2403a49364b0"

    assert id_in(encode_cursor(lead_id)) == lead_id
    assert id_in(None) is None


@pytest.mark.parametrize(
    "parts", [("no id",), (), ("01a206c3-1807-7686-b3d3-2403a49364b0", "")]
)
def test_a_cursor_without_an_id_is_refused(parts):
    with pytest.raises(Malformed):
        id_in(encode_cursor(*parts))


def test_a_list_begins_at_its_first_place_without_a_cursor_only():
    assert place_in(None, 1, int, 0) == 0
    assert place_in(encode_cursor("7"), 1, int, 0) == 7
    for cursor in ("", encode_cursor("seven"), encode_cursor("7", "8")):
        with pytest.raises(Malformed):
            place_in(cursor, 1, int, 0)


@pytest.mark.parametrize(("found", "cursor"), [("", None), ("ab", None), ("abc", "after b")])
def test_a_page_is_followed_by_another_when_one_row_more_was_found(found, cursor):
    assert next_of(found, 2, "after {}".format) == cursor
