import pytest

from leadloop.endpoint_rules import EndpointRules, check_secret
from leadloop.errors import Rejected
from leadloop.signing import new_secret

RULES = EndpointRules("outcomes.v1")
SENT = "one of DealLost, DealOpened, DealWon, FeedbackGiven, LeadReturned"


def test_event_types_are_taken_by_full_or_last_name_and_once():
    names = ["LeadReturned", "leadloop.v1.DealWon", "leadloop.v1.LeadReturned"]

    assert RULES.types(names) == ["leadloop.v1.DealWon", "leadloop.v1.LeadReturned"]
    assert RULES.types([]) == []


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("HandoffRouted", "HandoffRouted, an event of handoffs.v1"),
        ("leadloop.v1.LeadCaptured", "LeadCaptured, an event of leads.v1"),
        ("ada@example.com", "another name"),
    ],
)
def test_an_event_type_that_is_not_sent_is_refused_with_those_that_are(name, found):
    with pytest.raises(Rejected) as refused:
        RULES.types(["DealWon", name])

    assert refused.value.errors == (("/event_types/1", SENT, found),)


@pytest.mark.parametrize(
    ("allow_private", "expected", "found"),
    [
        (False, "an https URL of a public host", "a URL, but its scheme is not https"),
        (True, "an http or https URL", "a URL, but its scheme is not http or https"),
    ],
)
def test_the_refusal_of_a_url_says_what_the_setting_takes(allow_private, expected, found):
    with pytest.raises(Rejected) as refused:
        EndpointRules("outcomes.v1", allow_private).url("ftp://crm.example.com")

    assert refused.value.errors == (("/url", expected, found),)


def test_a_url_that_is_allowed_is_taken():
    assert RULES.url("https://crm.example.com/hook") == "https://crm.example.com/hook"
    assert EndpointRules("outcomes.v1", allow_private=True).url("http://localhost:9000")


def test_a_secret_is_taken_or_refused_unseen():
    secret = new_secret()

    assert check_secret(secret) == secret
    with pytest.raises(Rejected) as refused:
        check_secret("whsec_short")
    assert refused.value.errors == (
        ("/secret", "whsec_ and base64 of 24 to 64 bytes", "another text"),
    )
