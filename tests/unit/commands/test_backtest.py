from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from services.commands.backtest import backtest
from tests.unit.scoring.model_builders import VERSION, a_predictor

EXAMPLE = Path(__file__).parents[3] / "deploy" / "agreement.example.yaml"
LEADS = "id,came,country,stage\n1,2026-01-05,DE,won\n2,2026-01-06,FR,lost\n"


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("leads.csv").write_text(LEADS)
    Path("agreement.yaml").write_text(EXAMPLE.read_text())
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(backtest)

    def invoke(*arguments):
        return CliRunner().invoke(app, ["agreement.yaml", *map(str, arguments)])

    return invoke


def test_a_backtest_is_shown_and_written(run):
    told = "--leads leads.csv --outcome stage --time came --html out.html --markdown out.md"
    result = run(*told.split(), "--changes", "out.csv", "--against", "agreement.yaml")

    assert result.exit_code == 0, result.output
    assert "Backtest of the agreement default on leads.csv" in result.output
    assert Path("out.html").read_text().startswith("<!doctype html>")
    assert Path("out.md").read_text().startswith("# Backtest")
    assert Path("out.csv").read_text().startswith("line,lead_id,kind,")


DRAFT = """qualified_lead:
  fit: [{name: german, when: 'lead.country == "DE"', points: 30}]
  tiers: [{name: A, when: total >= 30}]
"""


def test_a_draft_that_holds_the_definition_alone_can_be_tried(run):
    Path("agreement.yaml").write_text(DRAFT)

    result = run("--leads", "leads.csv", "--outcome", "stage")

    assert result.exit_code == 0, result.output
    assert "Backtest of the agreement draft on leads.csv" in result.output


def test_what_a_draft_says_beside_its_definition_must_be_sound(run):
    Path("agreement.yaml").write_text(DRAFT + "reasons: {no_need: {label: No need}}\n")

    result = run("--leads", "leads.csv", "--outcome", "stage")

    assert result.exit_code == 1
    assert "line 4 /reasons/no_need: expected the key then, found no such key" in result.output


def write_model(name="model.json", **parts):
    Path(name).write_text(a_predictor(**parts).to_json())


def write_naming(version=VERSION):
    text = EXAMPLE.read_text().replace("  tiers:\n", NAMING.format(version), 1)
    Path("agreement.yaml").write_text(text)


NAMING = """  predictive_model: {}
  tiers:
"""
TOLD = "--leads leads.csv --outcome stage --time came --markdown out.md"


def test_a_model_of_a_file_predicts_and_the_report_tells_what_it_knew_before(run):
    write_model()
    write_naming()

    result = run(*TOLD.split(), "--model", "model.json")

    assert result.exit_code == 0, result.output
    told = Path("out.md").read_text()
    assert (
        f"The model {VERSION} was learned from 1,000 leads that came up to 2026-01-05" in told
    )
    assert "and 1 of the 2 leads with an outcome came by then" in told
    assert "asks how strongly rules hold that its agreement does not have" in told
    assert "asks about 1 fields that leads.csv does not have" in told
    assert "not at hand" not in told


def test_a_model_that_is_not_given_is_told(run):
    write_naming()

    result = run(*TOLD.split())

    assert result.exit_code == 0, result.output
    assert "is not at hand, so conditions on `predicted` do not hold" in result.output


@pytest.mark.parametrize(
    ("version", "written", "said"),
    [
        ("fedcba98", "", "No agreement names the model 0123456789abcdef of --model; what is"),
        (VERSION, "{}", "model.json: expected a model as `leadloop agreement learn` writes it"),
        (VERSION, "gone", "model.json: no such file or directory."),
    ],
)
def test_a_model_that_can_not_be_used_is_refused_in_a_sentence(run, version, written, said):
    write_model()
    write_naming(version)
    if written == "gone":
        Path("model.json").unlink()
    elif written:
        Path("model.json").write_text(written)

    result = run(*TOLD.split(), "--model", "model.json")

    assert result.exit_code == 1
    assert said in result.output.replace("\n", " ")


def test_two_models_of_one_version_are_refused(run):
    write_model()
    write_model("other.json", columns=("country",))
    write_naming()

    result = run(*TOLD.split(), "--model", "model.json", "--model", "other.json")

    assert result.exit_code == 1
    assert f"another file holds a model of the version {VERSION} too" in result.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("", "Name the history to replay: --leads FILE.csv with --outcome COLUMN, or"),
        ("--leads leads.csv", "Name the column that says what came of a lead"),
        ("--leads gone.csv --outcome stage", "gone.csv: no such file or directory."),
        ("--leads leads.csv --outcome stag", "has no column 'stag' (did you mean stage?)"),
        ("--leads leads.csv --outcome country", "It is not clear which values of 'country'"),
        ("--leads leads.csv --outcome stage --html no/such/place.html", "can't be written"),
        ("--leads leads.csv --outcome stage --against gone.yaml", "gone.yaml: no such file"),
        (
            "--leads leads.csv --outcome stage --against leads.csv",
            "leads.csv: The agreement has",
        ),
        ("--database postgresql+asyncpg://x@127.0.0.1:9/x", "Scoring's database can't be read"),
        ("--database x --leads leads.csv", "Name one history"),
        ("--leads leads.csv --outcome stage --time country", "'country' holds no times"),
    ],
)
def test_what_can_not_be_done_is_one_sentence(run, arguments, said):
    result = run(*arguments.split())

    assert result.exit_code == 1
    assert said in result.output.replace("\n", " ")
    assert "Traceback" not in result.output
