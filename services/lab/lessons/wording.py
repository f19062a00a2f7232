"""A suggestion put into the agreement's own text: other points, other numbers, rules added.

The text is changed where it has to be and nowhere else, so that comments, order and wording
stay, and people see in a diff all that they would sign.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import yaml

from leadloop.agreement.definition import NAME_LENGTH_MAX
from leadloop.agreement.document import Faults, compose
from leadloop.agreement.reader import read_draft
from leadloop.agreement.terms import Agreement
from leadloop.conditions import LENGTH_MAX
from leadloop.errors import Rejected

_FIT: Final = "/qualified_lead/fit"
_INDENT: Final = "  "


class Added(NamedTuple):
    """A fit rule to add."""

    name: str
    condition: str
    points: int


@dataclass(frozen=True)
class Changes:
    """What is to be changed in a text.

    Attributes:
        points: The new points of rules, by name.
        added: Fit rules to add behind the others.
        conditions: The new conditions of tiers, by name.
    """

    points: Mapping[str, int] = field(default_factory=dict)
    added: Sequence[Added] = ()
    conditions: Mapping[str, str] = field(default_factory=dict)


class _Edit(NamedTuple):
    """Characters to put in the place of others."""

    start: int
    end: int
    text: str


def reworded(text: str, changes: Changes) -> str:
    """Return a text with some changes.

    Raises:
        Rejected: The text, or what would come of it, is no sound agreement.
    """
    before = read_draft(text)
    root = _root(text)
    edits = [
        *_points(text, root, before, changes.points),
        *_conditions(text, root, before, changes.conditions),
        *_added(text, root, changes.added),
    ]
    changed = _applied(text, edits)
    _require_meant(before, read_draft(changed), changes)
    return changed


def can_be_added(name: str, condition: str) -> bool:
    """Say whether a rule can stand in an agreement: short, and with letters that show."""
    return (
        bool(name.strip()) and len(condition) <= LENGTH_MAX and (name + condition).isprintable()
    )


def fresh_name(name: str, taken: Iterable[str]) -> str:
    """Return a name like this one that is short enough and that no rule has."""
    known, short = set(taken), name.strip()[:NAME_LENGTH_MAX]
    number, fresh = 2, short
    while fresh in known:
        ending = f" ({number})"
        fresh, number = short[: NAME_LENGTH_MAX - len(ending)] + ending, number + 1
    return fresh


def _root(text: str) -> yaml.MappingNode:
    """Return the text's nodes; that it can be read is known."""
    found = compose(text, Faults())
    if found is None or not isinstance(found.node, yaml.MappingNode):
        raise Rejected("The agreement can't be read.")
    return found.node


def _applied(text: str, edits: Iterable[_Edit]) -> str:
    """Make the edits, from the last one to the first, so that places stay right."""
    for edit in sorted(edits, key=lambda one: -one.start):
        text = text[: edit.start] + edit.text + text[edit.end :]
    return text


def _require_meant(before: Agreement, after: Agreement, changes: Changes) -> None:
    """Refuse a text that does not say what was meant, however that came about."""
    old, new = before.definition, after.definition
    points = {rule.name: changes.points.get(rule.name, rule.points) for rule in old.rules}
    points |= {rule.name: rule.points for rule in changes.added}
    conditions = {t.name: changes.conditions.get(t.name, t.condition) for t in old.tiers}
    is_meant = (
        points == {rule.name: rule.points for rule in new.rules}
        and conditions == {tier.name: tier.condition for tier in new.tiers}
        and (old.gates, old.caps, old.products) == (new.gates, new.caps, new.products)
    )
    if not is_meant:
        raise Rejected(
            "The suggestion can't be put into the text as it is laid out: write each rule as "
            "a list item of its own, with its points behind `points:`."
        )


def _points(
    text: str, root: yaml.MappingNode, before: Agreement, points: Mapping[str, int]
) -> Iterator[_Edit]:
    for rule in before.definition.rules:
        wanted = points.get(rule.name, rule.points)
        node = _at(root, f"{rule.path}/points")
        if wanted != rule.points and node is not None:
            yield _Edit(node.start_mark.index, node.end_mark.index, str(wanted))


def _conditions(
    text: str, root: yaml.MappingNode, before: Agreement, conditions: Mapping[str, str]
) -> Iterator[_Edit]:
    for tier in before.definition.tiers:
        wanted = conditions.get(tier.name, tier.condition)
        node = _at(root, f"{tier.path}/when")
        if wanted == tier.condition or node is None:
            continue
        start, end = node.start_mark.index, node.end_mark.index
        written = text[start:end]
        if written.count(tier.condition) == 1:
            # As it is quoted and laid out now.
            yield _Edit(start, end, written.replace(tier.condition, wanted))
        else:
            line_end = written[len(written.rstrip()) :]
            yield _Edit(start, end, _quoted(wanted) + line_end)


def _added(text: str, root: yaml.MappingNode, added: Sequence[Added]) -> Iterator[_Edit]:
    """Put rules behind the last fit rule, in the style of the list."""
    if not added:
        return
    fit = _at(root, _FIT)
    if fit is None:
        yield _new_list(text, root, added)
    elif isinstance(fit, yaml.SequenceNode) and fit.flow_style:
        at = _end_of(text, fit.value[-1]) if fit.value else fit.end_mark.index - 1
        rules = ", ".join(map(_item, added))
        yield _Edit(at, at, f", {rules}" if fit.value else rules)
    elif isinstance(fit, yaml.SequenceNode):
        at = _line_end(text, _end_of(text, fit.value[-1]))
        indent = " " * fit.start_mark.column
        yield _inserted(text, at, [f"{indent}- {_item(rule)}" for rule in added])


def _new_list(text: str, root: yaml.MappingNode, added: Sequence[Added]) -> _Edit:
    """Begin a list of fit rules, before all else that makes a lead qualified."""
    whole = _at(root, "/qualified_lead")
    if not isinstance(whole, yaml.MappingNode):
        raise Rejected("The agreement does not say what a qualified lead is.")
    first = whole.value[0][0].start_mark
    if whole.flow_style:
        return _Edit(first.index, first.index, f"fit: [{', '.join(map(_item, added))}], ")
    indent, newline = " " * first.column, _newline(text)
    items = [f"{indent}{_INDENT}- {_item(rule)}" for rule in added]
    # What stands before the first key indents the new key; the old one needs the same again.
    lines = newline.join(["fit:", *items]) + newline + indent
    return _Edit(first.index, first.index, lines)


def _inserted(text: str, at: int, lines: Sequence[str]) -> _Edit:
    newline = _newline(text)
    return _Edit(at, at, "".join(newline + line for line in lines))


def _item(rule: Added) -> str:
    """Write a rule in one line."""
    name = json.dumps(rule.name, ensure_ascii=False)
    return f"{{name: {name}, when: {_quoted(rule.condition)}, points: {rule.points}}}"


def _quoted(text: str) -> str:
    """Write a text in single quotes, where only a quote needs care."""
    return "'" + text.replace("'", "''") + "'"


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _line_end(text: str, at: int) -> int:
    """Return where the line ends, so that a comment stays with what it is about."""
    ends = [place for mark in "\r\n" if (place := text.find(mark, at)) >= 0]
    return min(ends, default=len(text))


def _end_of(text: str, node: yaml.Node) -> int:
    """Return where a value ends; of a block, where the last value in it does."""
    if isinstance(node, yaml.MappingNode) and not node.flow_style and node.value:
        return _end_of(text, node.value[-1][1])
    if isinstance(node, yaml.SequenceNode) and not node.flow_style and node.value:
        return _end_of(text, node.value[-1])
    end: int = node.end_mark.index
    if isinstance(node, yaml.ScalarNode) and node.style in {"|", ">"}:
        # Such a text takes the blank lines behind it along.
        return len(text[:end].rstrip())
    return end


def _at(root: yaml.Node, path: str) -> yaml.Node | None:
    """Return what stands at a path of keys and numbers; None when nothing does."""
    node: yaml.Node | None = root
    for step in path.split("/")[1:]:
        node = _child(node, step)
    return node


def _child(node: yaml.Node | None, step: str) -> yaml.Node | None:
    if isinstance(node, yaml.MappingNode):
        found = (value for key, value in node.value if key.value == step)
        return next(found, None)
    if isinstance(node, yaml.SequenceNode):
        item: yaml.Node = node.value[int(step)]
        return item
    return None
