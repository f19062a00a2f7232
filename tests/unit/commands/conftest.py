"""How a command is run by its tests: as a person does, by its arguments and environment."""

import pytest

from services import cli


@pytest.fixture
def told(monkeypatch, capsys):
    """Run a command in this environment; return its exit code and the lines it prints."""

    def told(*arguments: str, **variables: str) -> tuple[object, list[str]]:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr("sys.argv", ["leadloop", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return ended.value.code, capsys.readouterr().err.splitlines()

    return told
