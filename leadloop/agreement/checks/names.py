"""Names in conditions that nothing stands for: fields and kinds that no source fills."""

from collections.abc import Collection, Iterator

from leadloop.agreement.checks.case import Case, Worded, tree_of
from leadloop.agreement.checks.finding import Found, Level
from leadloop.agreement.checks.known import ACTIVITY_FIELDS, LEAD_FIELDS
from leadloop.conditions.syntax import Binary, List, Literal, Node, children
from leadloop.nearest import did_you_mean, likely_meant
from leadloop.possible import Read, reads_in
from leadloop.possible.reading import value_read

_KIND = Read("activity", "kind")


def names_nobody_fills(case: Case) -> Iterator[Found]:
    """Give a finding for each field and each kind of activity that no lead will have."""
    for worded in case.worded():
        tree = tree_of(worded.text)
        if tree:
            for read in dict.fromkeys(read for read, _ in reads_in(tree)):
                yield from _field(case, worded, read)
            for kind in dict.fromkeys(_kinds_in(tree)):
                yield from _kind(case, worded.path, worded.what, kind)
    for rule in case.agreement.definition.rules:
        if rule.activity_kind:
            what = f'The rule "{rule.name}"'
            yield from _unfilled_kind(case, f"{rule.path}/on", what, rule.activity_kind)


def _field(case: Case, worded: Worded, read: Read) -> Iterator[Found]:
    known = case.known
    if read.record == "lead":
        filled, own = known.lead_fields, tuple(LEAD_FIELDS)
    elif read.record == "activity":
        more = known.activity_fields
        filled, own = None if more is None else more | set(ACTIVITY_FIELDS), ACTIVITY_FIELDS
    else:
        return
    name = f"{read.record}.{read.name}"
    if filled is not None and read.name not in filled:
        yield Found(
            worded.path,
            "field_unfilled",
            f"{worded.what} reads {name}, which nothing in {known.where} fills"
            f"{did_you_mean(read.name, filled)}.",
            "Map the field in a source, or correct its name.",
            Level.WARNING,
        )
    elif filled is None and (meant := _misspelt(read.name, own)):
        yield Found(
            worded.path,
            "field_misspelt",
            f"{worded.what} reads {name}, and every lead has {read.record}.{meant}."
            if read.record == "lead"
            else f"{worded.what} reads {name}, and every activity has {meant}.",
            f"Write {read.record}.{meant} if that is meant.",
            Level.WARNING,
        )


def _kind(case: Case, path: str, what: str, kind: str) -> Iterator[Found]:
    """Give a finding for a kind that a condition asks for and nothing else knows."""
    if case.known.kinds is not None:
        yield from _unfilled_kind(case, path, what, kind)
        return
    counted = {rule.activity_kind for rule in case.agreement.definition.rules} - {""}
    meant = _misspelt(kind, counted)
    if meant:
        yield Found(
            path,
            "kind_misspelt",
            f'{what} asks for activities "{kind}", and rules count "{meant}".',
            f'Write "{meant}" if that is meant.',
            Level.WARNING,
        )


def _unfilled_kind(case: Case, path: str, what: str, kind: str) -> Iterator[Found]:
    kinds = case.known.kinds
    if kinds is not None and kind not in kinds:
        yield Found(
            path,
            "kind_unfilled",
            f'{what} asks for activities "{kind}", which nothing in {case.known.where} sends'
            f"{did_you_mean(kind, kinds)}.",
            "Map the kind in a source, or correct its name.",
            Level.WARNING,
        )


def _misspelt(name: str, known: Collection[str]) -> str:
    """Return the known name that was likely meant; empty when none was.

    A name that another one begins with is a name of its own: phone_2, emails.
    """
    if name in known:
        return ""
    apart = [one for one in known if not (one.startswith(name) or name.startswith(one))]
    return likely_meant(name, apart)


def _kinds_in(tree: Node) -> Iterator[str]:
    """Give the texts that the kind of an activity is compared with."""
    if isinstance(tree, Binary) and tree.operator in ("==", "!=", "in"):
        sides = (tree.left, tree.right)
        if any(value_read(side) == _KIND for side in sides):
            for side in sides:
                items = side.items if isinstance(side, List) else (side,)
                for item in items:
                    if isinstance(item, Literal) and isinstance(item.value, str) and item.value:
                        yield item.value
    for child in children(tree):
        yield from _kinds_in(child)
