"""What `leadloop run` says when its environment is wrong."""

import pytest

from leadloop.database import TooOld
from services.commands.starting import Unusable, start


@pytest.mark.parametrize("command", [("run", "intake"), ("migrate",), ("topics",)])
def test_a_wrong_variable_is_one_line_and_exit_code_2(told, command):
    code, lines = told(*command, LEADLOOP_DATABASE_URL="mysql://x/y")

    assert code == 2
    assert lines == [
        "LEADLOOP_DATABASE_URL: expected "
        "postgresql+asyncpg://user:password@host:port/database, found the scheme mysql"
    ]


def test_a_missing_file_of_sources_is_one_line_and_exit_code_2(told, tmp_path):
    path = tmp_path / "sources.yaml"

    code, lines = told("run", "intake", LEADLOOP_SOURCES=str(path))

    assert code == 2
    assert lines == [f"{path}: expected a file, found: No such file or directory"]


def test_sources_that_are_no_yaml_are_one_line(told, tmp_path):
    path = tmp_path / "sources.yaml"
    path.write_text("sources: [")

    code, (line,) = told("run", "intake", LEADLOOP_SOURCES=str(path))

    assert code == 2
    assert line.startswith(f"{path}: expected YAML, found: ")


def test_a_database_that_is_away_is_named_by_host_and_port(told):
    url = "postgresql+asyncpg://ada:secret-word@127.0.0.1:9/none"

    code, lines = told("migrate", "intake", LEADLOOP_DATABASE_URL=url)

    assert code == 1
    assert lines[0].startswith("no database answers at 127.0.0.1:9/none: ")
    assert "secret-word" not in str(lines)


def test_a_misspelt_variable_is_told_and_stops_nothing(told):
    url = "postgresql+asyncpg://ada@127.0.0.1:9/none"

    code, lines = told(
        "migrate", "intake", LEADLOOP_DATABASE_URL=url, LEADLOOP_BODY_BYTE_MAX="3"
    )

    assert code == 1
    assert lines[0] == "LEADLOOP_BODY_BYTE_MAX is not read; was LEADLOOP_BODY_BYTES_MAX meant?"


@pytest.mark.parametrize(
    ("variable", "named"),
    [
        ("LEADLOOP_INTAKE_DATABASE_URL", "LEADLOOP_INTAKE_DATABASE_URL"),
        ("LEADLOOP_SCORING_DATABASE_URL", "LEADLOOP_DATABASE_URL"),
    ],
)
def test_a_server_that_is_too_old_is_named_by_the_variable_that_leads_to_it(
    monkeypatch, variable, named
):
    url = "postgresql+asyncpg://db/leadloop"
    monkeypatch.setenv(variable, url)

    async def begin() -> None:
        raise ExceptionGroup("", [TooOld("14.17", url, "intake")])

    with pytest.raises(Unusable) as refused:
        start(begin())
    assert str(refused.value) == (
        f"{named}: expected PostgreSQL 15 or later, found 14.17 at db:5432/leadloop"
    )
