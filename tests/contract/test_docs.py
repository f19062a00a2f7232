"""What the docs name exists: commands and their options, routes, variables, metrics, files."""

import re
import shlex
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY
from typer.main import get_command

from leadloop.clock import SystemClock
from leadloop.ids import Ids
from services.cli import app
from services.embedded import merged_openapi
from services.rooms import ROOMS, build_service

ROOT = Path(__file__).parents[2]
FOLDERS = ("docs", "services", "leadloop", "deploy", "bench")
PAGES = sorted(
    [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
    + [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.md")]
)
# A word in these is not a name but stands for one.
STANDS_FOR = re.compile(r"^(\.\.\.|<.*|\[.*|[A-Z]+|\|.*|\$.*)$")


def texts() -> Iterator[tuple[str, str]]:
    for path in PAGES:
        yield str(path.relative_to(ROOT)), path.read_text()


def said(pattern: str) -> list[tuple[str, Any]]:
    """What the pages say by this pattern, each with its page."""
    return [(page, found) for page, text in texts() for found in re.findall(pattern, text)]


def code() -> Iterator[tuple[str, str]]:
    """The lines of code blocks and the spans of code, with their pages."""
    for page, text in texts():
        blocks = re.findall(r"```[a-z]*\n(.*?)```", text, re.DOTALL)
        for block in blocks:
            for line in block.replace("\\\n", " ").splitlines():
                yield page, line
        rest = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
        for span in re.findall(r"`([^`]+)`", rest):
            yield page, " ".join(span.split())


def test_every_make_target_exists():
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z][a-z0-9-]*):", makefile, re.MULTILINE))

    named = [
        (page, word)
        for page, line in code()
        for asked in re.findall(r"(?:^|[;&|] *)make ([a-z][a-z0-9 .-]*)", line)
        for word in takewhile(lambda word: word.islower(), asked.split())
    ]
    assert len(named) > 20
    assert [(p, w) for p, w in named if w not in targets and w != "bench-..."] == []


@cache
def command():
    return get_command(app)


def faults_of(line: str) -> list[str]:
    """What a line says to `leadloop` that it does not know."""
    try:
        words = shlex.split(line, comments=True)
    except ValueError:
        words = line.split()
    found, at, path = [], command(), ["leadloop"]
    for word in words[1:]:
        if word in {"|", "&&", ";", ">", "/", "&"}:
            break
        name = word.partition("=")[0].rstrip(",.;:)")
        if name.startswith("--"):
            known = {option for one in at.params for option in one.opts + one.secondary_opts}
            found += [] if name in known | {"--help"} else [f"{' '.join(path)} {name}"]
        elif hasattr(at, "commands") and not STANDS_FOR.match(name):
            if name not in at.commands:
                return [*found, f"{' '.join(path)} {name}"]
            at, path = at.commands[name], [*path, name]
    return found


def test_every_command_and_its_options_exist():
    lines = [
        (page, "leadloop " + asked.strip())
        for page, line in code()
        for asked in re.findall(r"(?:^|[;&(] *|-- +)leadloop ((?:[a-z]|--).*)", line)
    ]

    assert len(lines) > 40
    assert [(p, fault) for p, line in lines for fault in faults_of(line)] == []


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("leadloop agreement chek a.yaml", "leadloop agreement chek"),
        ("leadloop report funnel --touches last", "leadloop report --touches"),
    ],
)
def test_a_planted_fault_in_a_command_is_found(line, fault):
    assert faults_of(line) == [fault]


@pytest.fixture(scope="module")
def described():
    """The routes of all services; making them also fills the registry of metrics."""
    services = [build_service(room, clock=SystemClock(), ids=Ids()) for room in ROOMS]
    return merged_openapi([service.api for service in services])["paths"]


def fits(route: str, path: str) -> bool:
    pattern = re.sub(r"\\\{[^/]+?\\\}", "[^/]+", re.escape(route))
    return re.fullmatch(pattern, path) is not None


def test_every_route_exists_with_its_method_and_its_parameters(described):
    method, path = (
        r"(?:\b(GET|POST|PUT|PATCH|DELETE) )?",
        r"(/(?:v1|hooks)/[\w{}/$<>.-]*[\w}>])",
    )
    named = said(method + r"(?<![\w./])" + path + r"(?:\?([\w=&<>{}.:+-]+))?")

    assert len(named) > 40
    for page, (asked, route, query) in named:
        found = [one for name, one in described.items() if fits(name, route)]
        begins = any(name.startswith(route + "/") for name in described)
        assert found or begins, f"{page}: no route {route}"
        assert not asked or any(asked.lower() in one for one in found), (
            f"{page}: {asked} {route}"
        )
        known = {given["name"] for one in found for given in parameters(one)}
        names = {given.partition("=")[0] for given in query.split("&") if given}
        assert names <= known, f"{page}: {route} reads no {names - known}"


def parameters(route: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for operation in route.values():
        yield from operation.get("parameters", [])


def test_every_variable_is_one_of_ours():
    own = {"LEADLOOP_URL", "LEADLOOP_DATA", "LEADLOOP_BIND", "LEADLOOP_VERSION"}

    named = said(r"\bLEADLOOP_[A-Z_]+[A-Z]\b")
    assert len(named) > 20
    assert [(p, n) for p, n in named if n not in own | read_by_services()] == []


def read_by_services() -> set[str]:
    classes = [import_module(f"services.{room}.settings").Settings for room in ROOMS]
    return {variable for settings in classes for variable in settings.variables()}


def test_every_metric_exists(described):
    known = {
        name for family in REGISTRY.collect() for name in (family.name, f"{family.name}_total")
    }

    named = said(r"\bleadloop_[a-z_]+[a-z]\b(?!\.|/)")
    assert named
    assert [(p, n) for p, n in named if n not in known] == []


def anchors(path: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in headings}


def test_every_link_leads_somewhere():
    broken = []
    for page, target in said(r"\]\(([^)\s]+)\)"):
        if "://" in target:
            continue
        file, _, anchor = target.partition("#")
        path = (ROOT / page).parent / file if file else ROOT / page
        if not path.exists() or (anchor and anchor not in anchors(path)):
            broken.append((page, target))
    assert broken == []


def test_every_file_of_the_project_that_is_named_exists():
    pattern = r"`((?:leadloop|services|deploy|docs|tests|bench|proto)/[\w./-]+)`"

    named = said(pattern)
    assert len(named) > 30
    assert [(p, n) for p, n in named if not (ROOT / n).exists()] == []


def test_every_file_that_is_named_alone_exists():
    """In the README of a folder it is one of that folder."""
    named = said(r"`([a-z_0-9]+\.(?:py|proto))`")
    assert len(named) > 40
    for page, name in named:
        is_of_a_folder = page.endswith("/README.md")
        folders = (
            [(ROOT / page).parent]
            if is_of_a_folder
            else [ROOT / one for one in (*FOLDERS, "tests", "proto")]
        )
        assert any(list(folder.rglob(name)) for folder in folders), f"{page}: no {name}"
