import csv
from html.parser import HTMLParser
from pathlib import Path

import pytest

from leadloop.agreement.contract import to_contract
from leadloop.agreement.reader import read_agreement
from services.lab.backtest.report import report_of
from services.lab.backtest.run import Options, Proposal, backtest_export
from services.lab.history.export import Told
from services.lab.report.markdown import markdown
from services.lab.report.page import page

EXAMPLE = Path(__file__).parents[4] / "deploy" / "agreement.example.yaml"
HEADER = "id,came,country,company,job_title,email,stage,closed_on\n"


def body(text):
    return to_contract(read_agreement(text), 1, ()).SerializeToString()


def a_history(folder, leads=300):
    with (folder / "leads.csv").open("w") as people:
        people.write(HEADER)
        for n in range(leads):
            won = n % 5 == 0 or n % 7 == 0
            title = "Head of <IT>" if n % 3 == 0 or n % 7 == 0 else "Clerk"
            row = (n, f"2026-0{n % 3 + 1}-{n % 28 + 1:02}", ("DE", "FR")[n % 2], "ACME", title)
            closed = "2026-06-01" if won else ""
            people.write(f"{','.join(map(str, row))},a@b.example,{'won' if won else 'lost'},")
            people.write(f"{closed}\n")
        people.write("broken\n")
    with (folder / "deeds.csv").open("w") as deeds:
        deeds.write("id,kind,at,url\n")
        for n in range(leads):
            deeds.write(f"{n},form_submit,2026-04-0{n % 9 + 1},\n")
            deeds.write(f"{n},Demo Request,2026-04-10,\n" if n % 10 == 0 else "")
    return Told(
        leads=folder / "leads.csv",
        outcome="stage",
        time="came",
        lead_id="id",
        activities=folder / "deeds.csv",
        activity_time="at",
    )


@pytest.fixture(scope="module")
def backtest(tmp_path_factory):
    folder = tmp_path_factory.mktemp("history")
    text = EXAMPLE.read_text()
    leaky = "    - {name: is closed, when: has(lead.closed_on), points: 1}\n"
    proposed = text.replace("total >= 40", "total >= 50").replace(
        "  fit:\n", f"  fit:\n{leaky}"
    )
    proposal = Proposal(body(proposed), body(text))
    options = Options(people=4, changes=folder / "changes.csv")
    return backtest_export(a_history(folder), proposal, options), options.changes


def test_a_report_answers_every_question(backtest):
    text = markdown(report_of(backtest[0]))

    assert [line[3:] for line in text.splitlines() if line.startswith("## ")] == [
        "At a glance",
        "Tiers",
        "Volume",
        "Thresholds",
        "Calibration",
        "What changes against the current version",
        "Rules",
        "Time to qualification",
        "Rows set aside",
        "How the history was read",
    ]
    assert "300 leads from 2026-01-01 to 2026-03-28" in text
    assert "a week for each of 4 in sales" in text


def test_a_report_warns_of_rules_on_columns_that_tell_the_outcome(backtest):
    (warning,) = (w for w in report_of(backtest[0]).warnings if w.startswith("The column"))

    assert warning.startswith("The column 'closed_on' is filled almost only for leads")
    assert warning.endswith("proves nothing: is closed.")


def test_a_report_warns_of_rules_on_the_outcome_itself(tmp_path):
    peeking = EXAMPLE.read_text().replace('lead.company != ""', 'lead.stage == "won"')

    report = report_of(backtest_export(a_history(tmp_path), Proposal(body(peeking))))

    warning = "What reads the outcome itself proves nothing: knows the company."
    assert warning in report.warnings


def test_a_report_warns_of_what_rules_ask_and_the_files_do_not_have(backtest):
    warnings = " ".join(report_of(backtest[0]).warnings)

    assert "lead.consent is blank for every lead: leads.csv has no such column" in warnings
    assert "No activity is of the kind page_view. Rules on it: looked at prices." in warnings


def test_all_changes_are_in_the_file_in_the_order_of_lines(backtest):
    with backtest[1].open(newline="") as file:
        rows = list(csv.DictReader(file))

    changed = sum(
        group.all
        for kind, group in backtest[0].found.changes.groups.items()
        if kind != "the same"
    )
    assert len(rows) == changed > 0
    lines = [int(row["line"]) for row in rows]
    assert lines == sorted(lines)
    assert all(row["why"] for row in rows)


class Outline(HTMLParser):
    """Notes tags, and every address that a browser would fetch."""

    def __init__(self):
        super().__init__()
        self.tags, self.fetched = [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.fetched += [value for name, value in attrs if name in {"src", "href"}]


def test_a_page_needs_nothing_else_and_shows_charts(backtest):
    html = page(report_of(backtest[0]))

    outline = Outline()
    outline.feed(html)
    assert outline.fetched == []
    assert outline.tags.count("svg") == 4
    assert "script" not in outline.tags
    assert "url(" not in html


def test_names_of_leads_and_columns_are_no_markup(tmp_path):
    told = a_history(tmp_path)
    text = (tmp_path / "leads.csv").read_text().replace("id,", "<b>|*x*,", 1)
    (tmp_path / "leads.csv").write_text(text.replace("came", "came").replace("stage", "<s>"))
    agreement = EXAMPLE.read_text().replace("our market", "our <i>market</i> | `x`")
    told = Told(leads=told.leads, outcome="<s>", time="came")

    report = report_of(backtest_export(told, Proposal(body(agreement))))

    assert "<i>" not in page(report)
    assert "our \\<i\\>market\\</i\\> \\| \\`x\\`" in markdown(report)
