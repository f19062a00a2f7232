"""The rules that a linter does not know; each is tried on a planted fault too."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
FUNCTION_LINES_MAX = 40
FILE_LINES_MAX = 400
SAYS_NOTHING = re.compile(r"^(utils?|helpers?|common|base|managers?|misc)$")
ASKS_THE_TIME = re.compile(r"datetime\.(now|utcnow|today)\(|\btime\.time\(|\bdate\.today\(")
SLEEPS = re.compile(r"\b(asyncio|time)\.sleep\((?!0\))")


def code_files(*folders: str) -> list[Path]:
    found = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    return [path for path in found if "v1" not in path.relative_to(ROOT).parts]


def faults(path: Path, text: str) -> list[str]:
    """Name what a file does that the house does not do."""
    found = []
    if text.count("\n") > FILE_LINES_MAX:
        found.append(f"more than {FILE_LINES_MAX} lines")
    if SAYS_NOTHING.match(path.stem):
        found.append("a name that says nothing")
    if path.name != "clock.py" and ASKS_THE_TIME.search(text):
        found.append("asks the time outside of clock.py")
    if path.name not in {"loop.py", "postgres.py"} and SLEEPS.search(text):
        found.append("sleeps outside of loop.py")
    return found + [f"{name}: {lines} lines" for name, lines in long_functions(text)]


def long_functions(text: str) -> list[tuple[str, int]]:
    functions = [
        node
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    lengths = [(node.name, (node.end_lineno or 0) - node.lineno + 1) for node in functions]
    return [(name, lines) for name, lines in lengths if lines > FUNCTION_LINES_MAX]


@pytest.mark.parametrize(
    "path", code_files("leadloop", "services"), ids=lambda path: str(path.relative_to(ROOT))
)
def test_a_file_keeps_the_house_rules(path):
    assert faults(path, path.read_text()) == []


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("rules.py", "\n" * 401, "more than 400 lines"),
        ("utils.py", "", "a name that says nothing"),
        ("rules.py", "now = datetime.now(UTC)", "asks the time outside of clock.py"),
        ("handlers.py", "await asyncio.sleep(1)", "sleeps outside of loop.py"),
        ("rules.py", "def f():\n" + "    x = 1\n" * 41, "f: 42 lines"),
    ],
)
def test_a_planted_fault_is_found(name, text, fault):
    assert faults(Path(name), text) == [fault]


def test_no_test_is_skipped_and_none_sleeps():
    lazy = re.compile(
        r"pytest\.(mark\.)?(skip|xfail)|import" + r"orskip|(time|asyncio)\.sleep\((?!0\))"
    )
    tests = (ROOT / "tests").rglob("*.py")

    found = [
        str(path) for path in tests if path != Path(__file__) and lazy.search(path.read_text())
    ]
    assert found == []


def test_generated_code_and_rooms_hold_no_address_of_this_machine():
    kinds = ("*.py", "*.yaml", "*.yml", "*.toml", "*.md", "*.lock", "*.json")
    paths = [path for kind in kinds for path in ROOT.glob(kind)]

    found = [path.name for path in paths if "/work/" in path.read_text()]
    assert found == []
