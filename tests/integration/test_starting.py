"""A service that is started, as a process of its own, against a real database."""

import sys

import pytest
from sqlalchemy import make_url

from deploy.child import Child
from tests.conftest import ROOT

pytestmark = pytest.mark.integration

WITHIN_SECONDS = 120


def test_a_database_that_does_not_exist_is_told_and_ends_with_code_2(postgres_url, tmp_path):
    url = make_url(postgres_url).set(database="nowhere")
    settings = {
        "LEADLOOP_DATABASE_URL": url.render_as_string(hide_password=False),
        "LEADLOOP_PORT": "0",
    }
    command = [sys.executable, "-c", "from services.cli import main; main()", "run", "intake"]
    service = Child(command, log=tmp_path / "log", environment=settings)

    service.start()
    code = service.wait(WITHIN_SECONDS)

    assert code == 2
    assert service.last_lines(1) == (
        'LEADLOOP_DATABASE_URL: the database refuses: database "nowhere" does not exist'
    )


@pytest.mark.parametrize("command", ["backtest", "learn"])
def test_a_history_in_a_database_that_does_not_exist_is_told(postgres_url, tmp_path, command):
    url = make_url(postgres_url).set(database="nowhere").render_as_string(hide_password=False)
    asked = ["agreement", command, str(ROOT / "deploy/agreement.example.yaml")]
    main = [sys.executable, "-c", "from services.cli import main; main()"]
    child = Child([*main, *asked, "--database", url], log=tmp_path / "log", environment={})

    child.start()
    code = child.wait(WITHIN_SECONDS)

    assert code == 1
    assert child.last_lines(1) == (
        '--database: the database refuses: database "nowhere" does not exist.'
    )
