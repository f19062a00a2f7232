"""A YAML document whose every value knows its line, so that a fault can name it."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

import yaml

from leadloop.nearest import did_you_mean

SIZE_BYTES_MAX = 256 * 1024
DEPTH_MAX = 12
VALUES_MAX = 10_000
FAULTS_MAX = 50
TEXT_LENGTH_MAX = 500
# int() of a longer number is refused by Python itself, later and less clearly.
DIGITS_MAX = 12

_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
_TAG = "tag:yaml.org,2002:"
_NUMBERS = (f"{_TAG}int", f"{_TAG}float")
_PLAIN = (*_NUMBERS, f"{_TAG}str", f"{_TAG}bool", f"{_TAG}timestamp")


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong in a text, and where.

    Attributes:
        line: Counted from 1.
        column: Counted from 1.
        path: JSON Pointer of the value, empty for the whole text.
        expected: What would have been right.
        found: What stands there.
    """

    line: int
    column: int
    path: str
    expected: str
    found: str

    def __str__(self) -> str:
        """Return the fault as one line for people."""
        where = f"line {self.line}" + (f", {self.path}" if self.path else "")
        return f"{where}: expected {self.expected}, found {self.found}"


@dataclass
class Faults:
    """Collects the faults of one text, so that all of them are told at once."""

    found: list[Fault] = field(default_factory=list)

    def add(self, node: yaml.Node, path: str, *, expected: str, found: str) -> None:
        """Note a fault at a node; a text that is wrong throughout needs no thousandth."""
        if len(self.found) < FAULTS_MAX:
            mark = node.start_mark
            self.found.append(Fault(mark.line + 1, mark.column + 1, path, expected, found))


class _BoundedLoader(yaml.SafeLoader):
    """Composes nodes with bounds on their depth and number; refuses references."""

    depth = 0
    values = 0

    def compose_node(self, parent: yaml.Node | None, index: object) -> yaml.Node | None:
        """Compose the next node, or refuse it before it is built."""
        event: yaml.Event = self.peek_event()  # type: ignore[no-untyped-call]  # so in the stub
        # A reference to a reference to a reference is how a small text becomes a huge one.
        if isinstance(event, yaml.AliasEvent):
            self._refuse(event, "every value written out", f"the reference *{event.anchor}")
        self.depth += 1
        self.values += 1
        if self.depth > DEPTH_MAX:
            self._refuse(event, f"at most {DEPTH_MAX} levels", "one more")
        if self.values > VALUES_MAX:
            self._refuse(event, f"at most {VALUES_MAX} values", "one more")
        node = super().compose_node(parent, index)  # type: ignore[arg-type]  # stub: int only
        self.depth -= 1
        return node

    @staticmethod
    def _refuse(event: yaml.Event, expected: str, found: str) -> None:
        mark = event.start_mark
        line, column = (mark.line, mark.column) if mark else (0, 0)
        raise _Refused(line, column, expected, found)


class _Refused(yaml.YAMLError):
    """A text that is YAML and yet not read."""

    def __init__(self, line: int, column: int, expected: str, found: str) -> None:
        super().__init__(expected)
        self.fault = Fault(line + 1, column + 1, "", expected, found)


def compose(text: str, faults: Faults) -> "Value | None":
    """Return the text's root value; None, with a fault noted, when it can't be read."""
    fault = _too_large(text)
    if fault is None:
        try:
            root = yaml.compose(text, Loader=_BoundedLoader)
        # The scanner lets these two through from numbers inside of escapes.
        except (yaml.YAMLError, ValueError, OverflowError) as error:
            fault = _syntax_fault(text, error)
        else:
            if root is not None:
                return Value(root, "", faults)
            fault = Fault(1, 1, "", "an agreement", "an empty text")
    faults.found.append(fault)
    return None


def _too_large(text: str) -> Fault | None:
    """Return a fault for a text that is too large or that no file could hold."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        return Fault(1, 1, "", "text in Unicode", "half of a surrogate pair")
    if size > SIZE_BYTES_MAX:
        return Fault(1, 1, "", f"at most {SIZE_BYTES_MAX // 1024} KiB", f"{size} bytes")
    return None


def _syntax_fault(text: str, error: Exception) -> Fault:
    """Return a reader's error as a fault with its line."""
    if isinstance(error, _Refused):
        return error.fault
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is not None:
        said = getattr(error, "problem", None) or getattr(error, "context", "")
        return Fault(mark.line + 1, mark.column + 1, "", "YAML", _no_yaml(said))
    position = getattr(error, "position", 0)
    line = text.count("\n", 0, position) + 1
    return Fault(line, 1, "", "YAML", _no_yaml(getattr(error, "reason", error)))


def _no_yaml(said: object) -> str:
    return f"text that is none ({said})"


@dataclass(frozen=True)
class Value:
    """One value of the document: read it as what it should be; a fault is noted if it isn't.

    Every reading returns something harmless after a fault, so that reading can go on and
    find the next one. A value without a node is missing, which was noted already.
    """

    node: yaml.Node | None
    path: str
    faults: Faults

    def fault(self, expected: str, found: str = "") -> None:
        """Note that something else was expected here; `found` replaces the plain value."""
        if self.node is not None:
            self.faults.add(self.node, self.path, expected=expected, found=found or self.seen)

    @property
    def is_missing(self) -> bool:
        """Say whether the key is not there."""
        return self.node is None

    @property
    def seen(self) -> str:
        """Return what stands here, in a few words."""
        if isinstance(self.node, yaml.MappingNode):
            return "a mapping"
        if isinstance(self.node, yaml.SequenceNode):
            return "a list"
        if not isinstance(self.node, yaml.ScalarNode) or self.node.tag == f"{_TAG}null":
            return "nothing"
        kind = "the number " if self.node.tag in _NUMBERS else ""
        return kind + (shortened(self.node.value) or "an empty text")

    def scalar(self, expected: str) -> str:
        """Return a single value as written, whatever YAML takes it for; "" after a fault."""
        node = self.node
        if isinstance(node, yaml.ScalarNode) and node.tag in _PLAIN:
            value: str = node.value
            if value.strip() and all(c.isprintable() or c == "\n" for c in value):
                return value.strip()
        self.fault(expected)
        return ""

    def text(self, expected: str = "a text", longest: int = TEXT_LENGTH_MAX) -> str:
        """Return words; a number is none."""
        if isinstance(self.node, yaml.ScalarNode) and self.node.tag in _NUMBERS:
            self.fault(expected)
            return ""
        value = self.scalar(expected)
        if len(value) > longest:
            self.fault(f"at most {longest} characters", f"{len(value)}")
        return value

    def whole(self, least: int, most: int) -> int:
        """Return a whole number between the bounds; `least` after a fault."""
        expected = f"a whole number from {least} to {most}"
        value = self.scalar(expected)
        is_number = re.fullmatch(rf"[+-]?[0-9]{{1,{DIGITS_MAX}}}", value)
        if is_number and least <= int(value) <= most:
            return int(value)
        if value:
            self.fault(expected)
        return least

    def percent(self, least: int, most: int) -> int:
        """Return a percentage such as 50% as a whole number; `least` after a fault."""
        expected = f"a percentage from {least}% to {most}%"
        value = self.scalar(expected)
        found = re.fullmatch(r"([0-9]{1,3}) ?%", value)
        if found and least <= int(found[1]) <= most:
            return int(found[1])
        if value:
            self.fault(expected)
        return least

    def duration(self, units: str, longest: timedelta) -> timedelta:
        """Return a duration such as 15m, 4h or 2d; a minute after a fault.

        Args:
            units: The letters that are allowed here, of "mhd".
            longest: The greatest duration that makes sense here.
        """
        examples = [example for example in ("15m", "4h", "2d") if example[-1] in units]
        expected = f"a duration such as {' or '.join(examples)}"
        value = self.scalar(expected)
        found = re.fullmatch(rf"([0-9]{{1,5}})([{units}])", value)
        if not found:
            if value:
                self.fault(expected)
        elif not timedelta(0) < (length := int(found[1]) * _UNITS[found[2]]) <= longest:
            self.fault(f"more than nothing and at most {longest.days} days")
        else:
            return length
        return _UNITS["m"]

    def day(self) -> date | None:
        """Return a date such as 2026-12-24; None after a fault."""
        value = self.scalar("a date such as 2026-12-24")
        try:
            return date.fromisoformat(value) if value else None
        except ValueError:
            self.fault("a date such as 2026-12-24")
            return None

    def choice(self, allowed: Iterable[str]) -> str:
        """Return one of the allowed words; "" after a fault."""
        known = sorted(allowed)
        value = self.scalar(f"one of {', '.join(known)}")
        if not value or value in known:
            return value
        self.fault(f"one of {', '.join(known)}", shortened(value) + did_you_mean(value, known))
        return ""

    def items(self, most: int) -> "list[Value]":
        """Return a list's values; none after a fault."""
        if not isinstance(self.node, yaml.SequenceNode):
            self.fault("a list")
            return []
        if len(self.node.value) > most:
            self.fault(f"at most {most} entries", f"{len(self.node.value)}")
            return []
        return [
            Value(node, f"{self.path}/{index}", self.faults)
            for index, node in enumerate(self.node.value)
        ]

    def entries(self, most: int) -> "list[tuple[Value, Value]]":
        """Return a mapping's keys with their values, whatever the keys; none after a fault."""
        if not isinstance(self.node, yaml.MappingNode):
            self.fault("a mapping")
            return []
        if len(self.node.value) > most:
            self.fault(f"at most {most} entries", f"{len(self.node.value)}")
            return []
        found: dict[str, tuple[Value, Value]] = {}
        for key_node, node in self.node.value:
            key = Value(key_node, f"{self.path}/{_pointer(key_node)}", self.faults)
            name = key.scalar("a word as a key")
            if name in found:
                key.fault("each key once", f"{shortened(name)} again")
            elif name:
                found[name] = (key, Value(node, key.path, self.faults))
        return list(found.values())

    def fields(self, required: Iterable[str], optional: Iterable[str] = ()) -> "Fields":
        """Return a mapping's values by key; unknown and missing keys are faults."""
        known = {name: True for name in required} | dict.fromkeys(optional, False)
        values: dict[str, Value] = {}
        for key, value in self.entries(most=len(known) + FAULTS_MAX):
            name = key.scalar("a key")
            if name in known:
                values[name] = value
            else:
                expected = f"one of the keys {', '.join(known)}"
                key.fault(expected, shortened(name) + did_you_mean(name, known))
        if isinstance(self.node, yaml.MappingNode):
            for name, is_required in known.items():
                if is_required and name not in values:
                    self.fault(f"the key {name}", "no such key")
        return Fields(values, self)


@dataclass(frozen=True)
class Fields:
    """The values of a mapping with known keys."""

    values: Mapping[str, Value]
    parent: Value

    def __getitem__(self, name: str) -> Value:
        """Return the value of a key; a missing one reads as harmless without another fault."""
        missing = Value(None, f"{self.parent.path}/{name}", self.parent.faults)
        return self.values.get(name, missing)


def shortened(value: str, longest: int = 60) -> str:
    """Return a value as one line that fits into a message."""
    line = " ".join(value.split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def _pointer(node: yaml.Node) -> str:
    """Return a key as a step of a JSON Pointer (RFC 6901)."""
    word = node.value if isinstance(node, yaml.ScalarNode) else "?"
    return shortened(word).replace("~", "~0").replace("/", "~1")
