from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from leadloop import signing
from leadloop.signing import SignedMessage, Verdict

secrets = st.binary(min_size=24, max_size=64)
message_ids = st.text("abcdefghijklmnopqrstuvwxyz0123456789_-", min_size=1)
timestamps = st.integers(0, 4_102_444_800)
bodies = st.binary(max_size=500)


def check(keys, message_id, timestamp_s, header, body):
    message = SignedMessage(message_id, str(timestamp_s), header, body)
    return signing.verify(keys, message, now=datetime.fromtimestamp(timestamp_s, UTC))


@given(secrets, message_ids, timestamps, bodies)
def test_what_is_signed_verifies(secret, message_id, timestamp_s, body):
    header = signing.sign(secret, message_id, timestamp_s, body)

    assert check([secret], message_id, timestamp_s, header, body) is Verdict.VALID


@given(secrets, message_ids, timestamps, bodies, bodies)
def test_another_body_does_not_verify(secret, message_id, timestamp_s, body, other):
    header = signing.sign(secret, message_id, timestamp_s, body)

    same = check([secret], message_id, timestamp_s, header, other) is Verdict.VALID
    assert same == (body == other)


@given(secrets, secrets, message_ids, timestamps, bodies)
def test_either_key_verifies_while_both_sign(current, previous, message_id, timestamp_s, body):
    header = signing.signature_header([current, previous], message_id, timestamp_s, body)

    for key in (current, previous):
        assert check([key], message_id, timestamp_s, header, body) is Verdict.VALID


@given(st.text(), st.text(), st.text(), bodies)
def test_verifying_never_raises(message_id, timestamp, header, body):
    message = SignedMessage(message_id, timestamp, header, body)
    now = datetime(2026, 3, 2, tzinfo=UTC)

    verdict = signing.verify([b"k" * 32], message, now=now, tolerance=timedelta(days=40_000))
    assert verdict is not Verdict.VALID


@given(st.binary(min_size=24, max_size=64))
def test_a_secret_survives_its_text(key):
    import base64

    text = signing.SECRET_PREFIX + base64.b64encode(key).decode()
    assert signing.decode_secret(text) == key
