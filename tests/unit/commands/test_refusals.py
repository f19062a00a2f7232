"""What commands say when what they are given can't be used: a sentence, never a stack trace."""

import socket

import pytest

from tests.conftest import ROOT

AGREEMENT = str(ROOT / "deploy/agreement.example.yaml")
HISTORY = {
    "backtest": (),
    "learn": (),
    "drift": (),
    "simulate": ("--people", "5"),
}


@pytest.fixture
def leads(tmp_path):
    path = tmp_path / "leads.csv"
    path.write_text("id,created,outcome\n1,2026-01-01,won\n2,2026-01-02,lost\n")
    return str(path)


@pytest.mark.parametrize("command", HISTORY)
def test_a_database_that_is_none_is_told_in_a_sentence(told, command):
    code, lines = told(
        "agreement", command, AGREEMENT, *HISTORY[command], "--database", "nonsense"
    )

    assert code == 1
    assert lines[-1] == (
        "--database: expected postgresql+asyncpg://user:password@host:port/database, "
        "found something else."
    )


@pytest.mark.parametrize("delimiter", [";;", "\\t", '"', "§"])
def test_a_delimiter_that_is_none_is_told_in_a_sentence(told, leads, delimiter):
    history = ("--leads", leads, "--outcome", "outcome", "--delimiter", delimiter)
    code, lines = told("agreement", "backtest", AGREEMENT, *history)

    assert code == 1
    assert lines[-1] == (
        f"There is no delimiter {delimiter!r}: say one character such as , or ; or a tab."
    )


@pytest.mark.parametrize("encoding", ["klingon", "rot13"])
def test_an_encoding_that_is_none_is_told_in_a_sentence(told, leads, encoding):
    history = ("--leads", leads, "--outcome", "outcome", "--encoding", encoding)
    code, lines = told("agreement", "backtest", AGREEMENT, *history)

    assert code == 1
    assert lines[-1].startswith(f"There is no encoding {encoding!r}")


def test_an_agreement_that_is_not_there_is_named_once(told):
    code, lines = told("agreement", "simulate", "nowhere.yaml", "--people", "5")

    assert (code, lines) == (1, ["nowhere.yaml: no such file or directory."])


def test_a_reference_that_is_nothing_is_named(told):
    code, lines = told("agreement", "diff", AGREEMENT, "nowhere.yaml")

    assert code == 1
    assert lines == ["expected a file that exists, or NAME or NAME@VERSION, found nowhere.yaml"]


def test_of_two_agreements_the_one_with_a_fault_is_named(told, tmp_path):
    broken = tmp_path / "broken.yaml"
    broken.write_text("a: [\n")

    code, lines = told("agreement", "diff", AGREEMENT, str(broken))

    assert code == 1
    assert lines == [
        f"{broken}: The agreement has 1 fault.",
        "line 2: expected YAML, found text that is none (expected the node content, "
        "but found '<stream end>')",
    ]


def test_a_file_has_no_versions(told):
    code, lines = told("agreement", "show", AGREEMENT, "--version", "2")

    assert code == 1
    assert lines == [f"--version goes with the NAME of an agreement, and {AGREEMENT} is a file"]


def test_sources_that_are_no_yaml_are_told_in_one_line(told, tmp_path):
    broken = tmp_path / "sources.yaml"
    broken.write_text("sources: [\n")

    code, (line,) = told("agreement", "check", AGREEMENT, "--sources", str(broken))

    assert code == 1
    assert line.startswith("sources.yaml: expected YAML, found: ")


@pytest.mark.parametrize("command", [("up", "--folder"), ("demo", "--size", "small", "--keep")])
def test_a_folder_that_is_a_file_is_told_in_a_sentence(told, leads, command):
    port = ("--port", "0") if command[0] == "up" else ()

    code, lines = told(*command, leads, *port)

    assert (code, lines) == (1, [f"can't keep data in {leads}: it is a file"])


def test_a_port_that_is_none_is_refused_by_its_option(told):
    code, lines = told("up", "--port", "99999")

    assert code == 2
    assert "--port" in "".join(lines)


def test_a_service_whose_port_is_in_use_names_the_variable(told):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, lines = told("run", "intake", LEADLOOP_PORT=str(port))

    assert code == 1
    assert lines[-1] == (
        f"port {port} of 127.0.0.1 is in use: choose another one with LEADLOOP_INTAKE_PORT"
    )


def test_a_url_of_another_kind_is_named(told):
    code, lines = told("report", "funnel", "--url", "ftp://leadloop")

    assert code == 1
    assert lines == [
        "expected a URL that begins with http:// or https://, found ftp://leadloop"
    ]


@pytest.mark.parametrize("command", ["explain", "timeline"])
def test_a_lead_that_is_named_by_nothing_that_names_one_is_told(told, command):
    code, lines = told(command, "Ada")

    assert (code, lines) == (1, ["expected a lead's id or e-mail address, found Ada"])
