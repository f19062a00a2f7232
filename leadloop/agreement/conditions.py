"""Conditions in CEL as an agreement words them: they compile and name only what exists."""

import re
from collections.abc import Collection

import cel

from leadloop.agreement.document import Value, shortened
from leadloop.nearest import did_you_mean

LENGTH_MAX = 1_000

ABOUT_LEAD = ("lead",)
ABOUT_ACTIVITY = ("lead", "activity")
ABOUT_SCORE = ("lead", "fit", "engagement", "total", "products", "predicted", "activity")
ABOUT_CONTENT = ("lead", "stage", "question")

# The standard definitions of CEL; operators are not looked up, their names begin with _ ! - @.
_FUNCTIONS = frozenset(
    {
        *("size", "contains", "startsWith", "endsWith", "matches", "min", "max", "type"),
        *("int", "uint", "double", "string", "bytes", "bool", "timestamp", "duration", "dyn"),
        *("getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear", "getFullYear"),
        *("getMonth", "getHours", "getMinutes", "getSeconds", "getMilliseconds"),
        *("optional", "none", "of", "hasValue", "value", "or", "orValue"),
    }
)
_MACRO_VARIABLE = re.compile(r"\.\s*(?:all|exists|exists_one|map|filter)\(\s*(\w+)\s*,")
_PARSE_ERROR = re.compile(r"ERROR: <input>:(\d+):(\d+): (.*)")


def condition(value: Value, about: Collection[str]) -> str:
    """Return a condition that compiles and uses only the names in `about`."""
    source = value.scalar("a condition")
    if not source:
        return ""
    if len(source) > LENGTH_MAX:
        value.fault(f"a condition of at most {LENGTH_MAX} characters", f"{len(source)}")
        return ""
    try:
        program = cel.compile(source)
    except ValueError as error:
        value.fault("a condition in CEL", _parse_error(source, error))
        return ""
    _note_unknown(value, source, program, about)
    return source


def optional_condition(value: Value, about: Collection[str], otherwise: str) -> str:
    """Return a condition as `condition` does, `otherwise` when it is not given."""
    return otherwise if value.is_missing else condition(value, about)


def _note_unknown(
    value: Value, source: str, program: cel.Program, about: Collection[str]
) -> None:
    """Note the names and functions that nothing will stand for when the rule runs."""
    own = set(_MACRO_VARIABLE.findall(source))
    for name in sorted(set(program.variables()) - set(about) - own):
        expected = f"a condition over {', '.join(about)}"
        value.fault(expected, f"the unknown name {name}{did_you_mean(name, about)}")
    for name in sorted(set(program.functions()) - set(_FUNCTIONS)):
        if name[0].isalpha():
            found = f"the unknown function {name}{did_you_mean(name, _FUNCTIONS)}"
            value.fault("a function of CEL", found)


def _parse_error(source: str, error: ValueError) -> str:
    """Return the compiler's first complaint, without the list of all tokens it knows."""
    found = _PARSE_ERROR.search(str(error))
    if found is None:
        return shortened(source)
    said = found[3].split(" expecting {")[0]
    return f"{shortened(source)}: {said} at character {found[2]}"
