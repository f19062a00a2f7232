"""`leadloop demo` tells its story and leaves data that `leadloop up` serves."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from leadloop.clock import SystemClock
from leadloop.ids import Ids
from leadloop.logs import configure
from leadloop.postgres import Postgres
from services.client import Refused
from services.demo.asgi import call
from services.demo.show import show_quarter
from services.demo.story import period
from services.embedded import POSTGRES, SOURCES, assemble
from services.up import load_secrets


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for name in ("HUBSPOT_SECRET", "MAUTIC_SECRET", "WEBSITE_SECRET", "CURL_TOKEN"):
        monkeypatch.setenv(f"DEMO_{name}", "")
        monkeypatch.delenv(f"DEMO_{name}")
    yield tmp_path / "kept"
    # The demo sets up logging for its own process.
    configure(service="tests", json=True)


async def test_the_story_is_told_and_its_data_are_served_afterwards(
    folder: Path, capsys: pytest.CaptureFixture[str]
):
    await show_quarter(size="tiny", seed=1, folder=folder, force=False)

    told = capsys.readouterr().out
    for title in ("How far people came", "What sales owes", "Why sales gave leads back"):
        assert title in told
    assert "One lead, Hanna Brandt" in told
    assert "Deal Q2-0000-2 is won, 24,000 EUR" in told
    assert "What to try next" in told

    load_secrets(folder)
    with Postgres(folder / POSTGRES, durable=False) as postgres:
        loop = await assemble(
            postgres.url, clock=SystemClock(), ids=Ids(), sources=folder / SOURCES
        )
        report = await call(loop.app, "GET", f"/v1/reports/funnel?{period()}")
        agreement = await call(loop.app, "GET", "/v1/agreements/default")
        endpoints = await call(loop.app, "GET", "/v1/endpoints")
        for service in loop.services:
            await service.close()

    assert sum(row["captured"] for row in report.json()["rows"]) == 40
    assert agreement.json()["version"] == 1
    # The story's receivers ended with it; nobody waits for deliveries to them.
    assert {one["state"] for one in endpoints.json()["items"]} == {"disabled"}


async def test_a_folder_with_other_data_is_refused(folder: Path):
    (folder / POSTGRES).mkdir(parents=True)

    with pytest.raises(Refused):
        await show_quarter(size="tiny", seed=1, folder=folder, force=False)
