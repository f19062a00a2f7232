"""Studies as tests ask for them and work them off."""

import asyncio
import sys
from asyncio.subprocess import PIPE

from leadloop.agreement.contract import to_contract
from leadloop.agreement.reader import read_agreement
from services.rooms import STUDIES
from services.scoring.studies.loop import StudyLoop
from tests.conftest import ROOT

TEXT = (ROOT / "deploy" / "agreement.example.yaml").read_text()
PASSES_MAX = 120
MEMORY_MB_MAX = 1024


def program(source: str) -> tuple[str, ...]:
    """Return a program that stands in for that of studies: one that misbehaves."""
    return (sys.executable, "-c", source)


async def work_off(loop: StudyLoop, clock) -> int:
    """Let a loop work until it has nothing to do; return in how many passes."""
    passes = 0
    while await loop.run_once(clock.now()):
        passes += 1
        assert passes < PASSES_MAX
    return passes


def studies_of(database) -> StudyLoop:
    """Return the loop as services have it."""
    return StudyLoop(database, STUDIES, MEMORY_MB_MAX)


def body_of(text: str, version: int = 1) -> bytes:
    """Return a text as the contract has it."""
    return to_contract(read_agreement(text), version, ()).SerializeToString()


async def in_thread(function, *arguments):
    """Call what runs an event loop of its own, as the commands do."""
    return await asyncio.to_thread(function, *arguments)


async def leadloop(*arguments: str) -> str:
    """Run a command as people do; return what it prints."""
    source = "from services.cli import app; app()"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", source), *arguments, stdout=PIPE, stderr=PIPE, cwd=ROOT
    )
    out, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return out.decode()
