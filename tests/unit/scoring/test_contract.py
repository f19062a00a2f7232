"""Messages of the contract become values that conditions read, and scores become messages."""

import pytest

from leadloop.errors import Rejected
from leadloop.v1.agreement_pb2 import Agreement, Definition, Gate, Rule, Tier
from leadloop.v1.lead_pb2 import CONSENT_DENIED, Activity, Lead
from services.scoring.contract import (
    activity_of,
    agreement_of,
    attributes_of,
    facts_of,
    score_message,
)
from services.scoring.definition import Axis
from services.scoring.rules import score
from tests.unit.scoring.builders import TODAY, an_activity, facts


def test_known_fields_are_always_there_and_attributes_can_not_hide_them():
    lead = Lead(email="ada@example.com", attributes={"country": "XX", "industry": "steel"})

    assert facts_of(lead) == {
        **facts(industry="steel"),
        "email": "ada@example.com",
        "email_domain": "example.com",
    }
    assert facts_of(Lead()) == facts()
    assert facts_of(Lead(consent=CONSENT_DENIED))["consent"] == "denied"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("120", 120),
        ("-3", -3),
        ("0", 0),
        ("2.50", 2.5),
        ("007", "007"),
        ("+49", "+49"),
        ("1e5", "1e5"),
        ("nan", "nan"),
        ("1.", "1."),
        ("9" * 19, "9" * 19),
        ("٣", "٣"),
        (" 5", " 5"),
    ],
)
def test_an_attribute_is_a_number_only_when_it_is_written_as_one(text, value):
    found = attributes_of({"x": text})["x"]

    assert (found, type(found)) == (value, type(value))


def test_an_empty_attribute_is_missing():
    assert attributes_of({"x": ""}) == {}


def test_an_activity_always_has_a_kind_a_url_and_a_form():
    activity = Activity(kind="page_view", attributes={"kind": "other", "seconds": "30"})

    assert activity_of(activity).values == {
        "kind": "page_view",
        "url": "",
        "form": "",
        "seconds": 30,
    }


def test_an_agreement_is_compiled_once():
    definition = Definition(
        rules=[Rule(name="r", condition="true", points=3)],
        gates=[Gate(name="g", condition="true", reason="why")],
        tiers=[Tier(name="A", condition="total > 2")],
        cycles_max=4,
    )
    body = Agreement(name="sales", version=2, definition=definition).SerializeToString()

    agreement = agreement_of(body)

    assert agreement_of(bytes(body)) is agreement
    assert (agreement.version, agreement.cycles_max) == (2, 4)
    assert (agreement.rules[0].axis, agreement.gates[0].reason) == (Axis.FIT, "why")


@pytest.mark.parametrize(
    ("part", "definition"),
    [
        ("rules", Definition(rules=[Rule(name="x"), Rule(name="x", is_engagement=True)])),
        ("gates", Definition(gates=[Gate(name="x"), Gate(name="x")])),
        ("tiers", Definition(tiers=[Tier(name="x"), Tier(name="x")])),
    ],
)
def test_two_of_one_name_are_refused(part, definition):
    with pytest.raises(Rejected) as refused:
        agreement_of(Agreement(definition=definition).SerializeToString())

    assert refused.value.errors[0].pointer == f"/definition/{part}"


def test_a_score_message_carries_the_parts_with_their_evidence():
    rules = [Rule(name="r", condition="true", points=3, is_engagement=True, count_max=1)]
    body = Agreement(definition=Definition(rules=rules)).SerializeToString()

    found = score(facts(), [an_activity(1), an_activity(2)], agreement_of(body), TODAY)
    (part,) = score_message(found).parts

    assert (part.rule, part.points, part.capped, part.count) == ("r", 3, 3, 1)
    assert part.activity_id == an_activity(2).activity_id
    assert part.occurred_at.ToDatetime().minute == 2
