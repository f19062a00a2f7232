from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from services.backtest_cli import backtest

EXAMPLE = Path(__file__).parents[2] / "deploy" / "agreement.example.yaml"
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
