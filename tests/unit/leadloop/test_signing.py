from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from leadloop import signing
from leadloop.signing import SignedMessage, Verdict

# The official vector of Standard Webhooks.
SECRET = signing.decode_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
MESSAGE_ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
TIMESTAMP = 1614265330
BODY = b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
NOW = datetime.fromtimestamp(TIMESTAMP, UTC)
OTHER_SECRET = b"another key, 24 bytes at least"


def verdict(signature=SIGNATURE, *, timestamp=str(TIMESTAMP), now=NOW, secrets=(SECRET,)):
    message = SignedMessage(MESSAGE_ID, timestamp, signature, BODY)
    return signing.verify(secrets, message, now=now)


def test_the_official_vector_is_reproduced():
    assert signing.sign(SECRET, MESSAGE_ID, TIMESTAMP, BODY) == SIGNATURE


def test_the_official_vector_verifies():
    assert verdict() is Verdict.VALID


def test_one_of_several_signatures_is_enough():
    header = signing.signature_header([OTHER_SECRET, SECRET], MESSAGE_ID, TIMESTAMP, BODY)

    assert len(header.split()) == 2
    assert verdict(header) is Verdict.VALID
    assert verdict(header, secrets=[OTHER_SECRET]) is Verdict.VALID


@pytest.mark.parametrize(
    "malformed",
    ["", " ", "v1", "v1,", "v1,abc", "v2," + SIGNATURE[3:], "v1a,xyz", ",", "\udcff", "é,ü"],
)
def test_malformed_entries_are_skipped(malformed):
    assert verdict(malformed) is Verdict.WRONG_SIGNATURE
    assert verdict(f"{malformed} {SIGNATURE}") is Verdict.VALID


def test_a_header_full_of_entries_is_read_up_to_a_bound():
    assert verdict(" ".join(["v1,x"] * 1_000 + [SIGNATURE])) is Verdict.WRONG_SIGNATURE


@pytest.mark.parametrize("timestamp", ["", "abc", "1.5", "-1", " 1614265330", "٣", "9" * 400])
def test_what_is_not_a_timestamp_is_said_to_be_none(timestamp):
    assert verdict(timestamp=timestamp) is Verdict.NOT_A_TIMESTAMP


@pytest.mark.parametrize(
    ("age", "expected"),
    [
        (timedelta(minutes=5), Verdict.VALID),
        (timedelta(minutes=5, seconds=1), Verdict.TOO_OLD),
        (timedelta(minutes=-5), Verdict.VALID),
        (timedelta(minutes=-5, seconds=-1), Verdict.TOO_NEW),
    ],
)
def test_the_timestamp_may_be_five_minutes_off_either_way(age, expected):
    assert verdict(now=NOW + age) is expected


def test_no_secret_verifies_nothing():
    assert verdict(secrets=[]) is Verdict.WRONG_SIGNATURE


def test_a_new_secret_can_be_decoded_and_made_again_from_a_seed():
    text = signing.new_secret(Random(7).randbytes)

    assert text == signing.new_secret(Random(7).randbytes)
    assert text != signing.new_secret()
    assert len(signing.decode_secret(text)) == 32


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("whsec_", "24 to 64 bytes, found 0"),
        ("whsec_QUJD", "found 3"),
        ("whsec_" + "QUJD" * 30, "found 90"),
        ("whsec_not base64!", "base64"),
        ("whsec_QUJD" * 3, "base64"),
    ],
)
def test_a_secret_that_can_not_be_used_is_refused_without_being_shown(text, complaint):
    with pytest.raises(ValueError, match=complaint) as refused:
        signing.decode_secret(text)

    assert text not in str(refused.value)
