import pytest

from leadloop.errors import Rejected
from services.lab.history.export import Told, reading

LEADS = "lead,came,closed\na,2026-01-05,2026-02-01\nb,2026-01-06,\nc,2026-01-07,\n"
DEEDS = (
    "lead,type,when,url,seconds\n"
    "b,Page View,2026-01-09T10:00Z,/pricing,30\n"
    "a,page_view,2026-01-08T10:00Z,/,5\n"
    "a,Demo request,2026-01-07T10:00Z,,\n"
    "b,page_view,2026-01-01T10:00Z,/jobs,\n"
    "x,page_view,2026-01-01T10:00Z,/,\n"
    "a,page_view,2026-03-01T10:00Z,/,\n"
    "a,page_view,later,/,\n"
)


@pytest.fixture
def past(tmp_path):
    def read(leads=LEADS, deeds=DEEDS, **told):
        (tmp_path / "leads.csv").write_text(leads)
        (tmp_path / "deeds.csv").write_text(deeds)
        given = {
            "leads": tmp_path / "leads.csv",
            "outcome": "closed",
            "time": "came",
            "lead_id": "lead",
            "activities": tmp_path / "deeds.csv",
            **told,
        }
        with reading(Told(**given)) as found:
            (shard,) = found.shards()
            return {lead.lead_id: lead for lead in shard.leads()}, shard, found

    return read


def test_activities_meet_their_leads_in_the_order_of_time(past):
    leads, shard, _ = past()

    assert [(a.kind, a.values["url"]) for a in leads["a"].activities] == [
        ("demo_request", ""),
        ("page_view", "/"),
    ]
    assert [a.values.get("seconds") for a in leads["b"].activities] == [None, 30]
    assert leads["c"].activities == ()
    assert (shard.activities, shard.early) == (5, 1)


def test_activities_after_the_outcome_are_left_out(past):
    _, shard, _ = past()

    assert shard.late == 1


def test_activities_of_unknown_leads_and_without_a_time_are_set_aside(past):
    _, shard, _ = past()

    assert [(one.file, one.line, one.kind) for one in shard.aside.first] == [
        ("deeds.csv", 6, "unknown lead"),
        ("deeds.csv", 8, "no time"),
    ]


def test_kinds_are_told_by_the_names_that_rules_use(past):
    _, _, found = past()

    assert found.kinds == {
        "Page View": "page_view",
        "page_view": "page_view",
        "Demo request": "demo_request",
    }


def test_the_only_column_of_times_says_when(past):
    _, _, found = past()

    assert found.export.activities.time == 2


def test_a_time_that_could_be_in_two_columns_has_to_be_named(past):
    deeds = "lead,type,begun,ended\na,x,2026-01-07,2026-01-08\n"

    with pytest.raises(Rejected, match="--activity-time; begun and ended hold times"):
        past(deeds=deeds)


def test_leads_without_an_id_can_have_no_activities(past):
    with pytest.raises(Rejected, match="name it with --id; it has who, came, closed"):
        past(leads=LEADS.replace("lead", "who"), lead_id="")


def test_an_activity_column_of_another_name_can_be_told(past):
    leads, _, _ = past(deeds=DEEDS.replace("lead,", "person,", 1), activity_lead_id="person")

    assert len(leads["a"].activities) == 2
