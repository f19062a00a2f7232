"""`leadloop agreement simulate`: what it prints, writes and refuses."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from services.commands.simulate import simulate
from tests.unit.scoring.model_builders import VERSION, a_predictor, a_tree

EXAMPLE = Path(__file__).parents[3] / "deploy" / "agreement.example.yaml"
TEAM = "people: [{name: Ann}, {name: Ben, forgets: 5%}]\n"
AWAY = """
calendars: {days: {time_zone: Europe/Berlin, open: {mon-fri: ["09:00-17:00"]}}}
people:
  - name: Ann
    calendar: days
    away:
      - {from: 2026-03-01, to: 2027-03-01}
      - {from: 2027-03-02, to: 2028-03-01}
"""
AGREEMENT = """
agreement: default
signers: {marketing: Mara, sales: Tom}
qualified_lead:
  fit: [{name: large, when: lead.employees >= 50, points: 10}]
  tiers: [{name: A, when: total >= 10}]
service_levels: {calendar: office, tiers: {A: {accept: 1h, first_attempt: 2h}}}
calendars: {office: {time_zone: Europe/Berlin, open: {mon-fri: ["09:00-17:00"]}}}
reasons: {no_budget: {label: No budget, then: return, cool_down: 7d}}
"""


def leads_file() -> str:
    rows = [
        f"{n},2026-01-{5 + n % 5:02}T{8 + n % 8:02}:30:00,{40 + n},{'won' if n % 3 else 'lost'}"
        for n in range(40)
    ]
    return "\n".join(["id,came,employees,stage", *rows, ""])


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("agreement.yaml").write_text(EXAMPLE.read_text())
    Path("small.yaml").write_text(AGREEMENT)
    Path("team.yaml").write_text(TEAM)
    Path("away.yaml").write_text(AWAY)
    Path("leads.csv").write_text(leads_file())
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(simulate)

    def invoke(arguments):
        return CliRunner().invoke(app, arguments.split())

    return invoke


def figures(result) -> dict:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout.splitlines()[-1])


STREAM = "--leads-per-week 20 --weeks 2 --start 2026-03-02"


def test_a_simulation_is_told_written_and_ends_with_figures(run):
    result = run(f"agreement.yaml {STREAM} --people 3 --json --html out.html --markdown out.md")

    told = figures(result)
    assert told["leads"] == 40
    assert told["broken"]
    assert told["times_that_hold"]
    assert "would break" in result.output
    assert Path("out.html").read_text().startswith("<!doctype html>")
    assert Path("out.md").read_text().startswith("# Agreement default, simulated")


def test_the_same_command_gives_the_same_figures(run):
    one, other = (
        figures(run(f"agreement.yaml {STREAM} --team team.yaml --no-mend --json"))
        for _ in range(2)
    )

    assert {**one, "seconds": 0} == {**other, "seconds": 0}


def test_an_agreement_compared_with_itself_differs_in_nothing(run):
    result = run(
        f"agreement.yaml {STREAM} --people 3 --no-mend --against agreement.yaml"
        " --markdown out.md"
    )

    assert result.exit_code == 0, result.output
    text = Path("out.md").read_text()
    compared = text[text.index("## Against") : text.index("## Clocks")]
    changes = [line.split("|")[-2].strip() for line in compared.splitlines()[4:-1]]
    assert set(changes) <= {"+0.0", "+0", ""}


def test_leads_of_a_file_go_through_the_rules(run):
    told = figures(
        run("small.yaml --leads leads.csv --outcome stage --time came --people 2 --json")
    )

    assert told["leads"] == 40
    assert told["handed_over"] == 30


def test_what_leads_did_counts_too(run):
    Path("did.csv").write_text(
        "lead,kind,at\n" + "".join(f"{n},Demo Request,2026-01-12T10:00:00\n" for n in range(9))
    )
    text = AGREEMENT.replace(
        "  fit: [{name: large, when: lead.employees >= 50, points: 10}]",
        "  engagement: [{name: asked, on: demo_request, points: 10}]",
    )
    Path("engaged.yaml").write_text(text)

    result = run(
        "engaged.yaml --leads leads.csv --outcome stage --time came --id id"
        " --activities did.csv --lead-id lead --people 2 --json"
    )

    assert figures(result)["handed_over"] == 9


FORESEEING = AGREEMENT.replace(
    "tiers: [{name: A, when: total >= 10}]",
    f"predictive_model: {VERSION}\n  tiers: [{{name: A, when: predicted >= 50}}]",
)
HISTORY = "--leads leads.csv --outcome stage --time came --people 2"


def test_leads_of_a_file_are_judged_by_the_model_too(run):
    Path("foreseeing.yaml").write_text(FORESEEING)
    Path("model.json").write_text(a_predictor(trees=(a_tree(0, 60, -1.0, 1.0),)).to_json())

    result = run(f"foreseeing.yaml {HISTORY} --model model.json --json")

    assert figures(result)["handed_over"] == 19
    assert f"The model {VERSION} says at each moment what it would have said" in result.output


def test_a_made_up_stream_is_told_to_hold_nothing_to_predict_from(run):
    Path("foreseeing.yaml").write_text(FORESEEING)

    result = run("foreseeing.yaml --leads-per-week 20 --people 2 --no-mend")

    assert result.exit_code == 0, result.output
    assert f"Nothing is known of them that the model {VERSION} could" in result.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("small.yaml --people 2 --leads-per-week 9 --model model.json", "leave --model out"),
        (f"small.yaml {HISTORY} --model leads.csv", "leads.csv: expected a model as"),
        ("agreement.yaml", "Say who takes leads: --people N, or --team FILE.yaml"),
        ("agreement.yaml --people 2 --team team.yaml", "one of the two"),
        ("small.yaml --people 2", "Say what leads come: --leads-per-week N"),
        ("gone.yaml --people 2", "gone.yaml: no such file or directory."),
        ("team.yaml --people 2", "team.yaml: The agreement has"),
        ("agreement.yaml --team small.yaml", "small.yaml: The file of people has"),
        ("agreement.yaml --people 5000", "Expected at most 2,000 people, found 5,000."),
        ("agreement.yaml --people 2 --start tomorrow", "Expected a day such as 2026-04-01"),
        ("agreement.yaml --people 2 --tiers A:3", "Expected shares of tiers such as A=30"),
        ("agreement.yaml --people 2 --tiers gold=3", "None of the tiers"),
        ("agreement.yaml --people 2 --leads-per-week 9999999", "at most 2,000,000 leads"),
        ("agreement.yaml --people 2 --leads-per-week 0.01 --weeks 1", "Not one lead comes"),
        ("agreement.yaml --people 2 --leads leads.csv --leads-per-week 3", "Name one source"),
        ("agreement.yaml --people 2 --leads leads.csv", "what came of a lead"),
        ("small.yaml --people 2 --leads leads.csv --outcome stage", "--time COLUMN"),
        (
            "agreement.yaml --people 2 --leads leads.csv --outcome stage --time came",
            "None of the 40 leads of the history would be qualified",
        ),
        (
            "agreement.yaml --people 2 --database postgresql+asyncpg://x@127.0.0.1:9/x",
            "Scoring's database can't be read",
        ),
        ("agreement.yaml --team gone.yaml", "gone.yaml: no such file"),
        (f"agreement.yaml {STREAM} --team away.yaml", "Nobody could work: calendar 'days'"),
        ("agreement.yaml --people 2 --html no/such/place.html", "can't be written"),
    ],
)
def test_what_can_not_be_done_is_one_sentence(run, arguments, said):
    result = run(arguments)

    assert result.exit_code == 1
    assert said in result.output
    assert "Traceback" not in result.output
