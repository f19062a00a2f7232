"""What the configured sources fill, as far as their file says; and what a CSV has."""

import csv
import re
from collections.abc import Mapping
from pathlib import Path

import yaml

from leadloop.agreement.checks.known import Known

# A kind in quotes inside of its expression is always the same.
_CONSTANT = re.compile(r"'([^']*)'")
_NOT_SNAKE = re.compile(r"[^a-z0-9]+")
# These hand on whatever the sender's own fields are called; of these kinds are activities.
KINDS_BY_TYPE = {
    "hubspot": frozenset({"contact_creation", "contact_restore", "contact_associationchange"}),
    "mautic": frozenset(
        {"form_submit", "page_view", "email_open", "email_click", "download", "video_view"}
    ),
}
_HEADER_BYTES_MAX = 64 * 1024


def known_by_sources(content: str, where: str = "the sources") -> Known:
    """Return what the sources of a file fill.

    Args:
        content: The file, YAML.
        where: How it is called in what people read.

    Raises:
        ValueError: The file is no YAML or lists no sources.
    """
    try:
        root = yaml.safe_load(content)
    except yaml.YAMLError as error:
        said = " ".join(str(error).split())
        raise ValueError(f"{where}: expected YAML, found: {said}") from error
    sources = root.get("sources") if isinstance(root, Mapping) else None
    if not isinstance(sources, Mapping) or not sources:
        raise ValueError(f"{where}: expected sources by name, found none")
    filled = [_of_source(source) for source in sources.values()]
    return Known(
        attributes=_joined([one.attributes for one in filled]),
        activity_fields=_joined([one.activity_fields for one in filled]),
        kinds=_joined([one.kinds for one in filled]),
        where=where,
    )


def known_by_csv(path: Path) -> Known:
    """Return the columns that a CSV names in its first line.

    Raises:
        ValueError: There is no such line.
    """
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        first = file.readline(_HEADER_BYTES_MAX).strip()
    if not first:
        raise ValueError(f"{path}: expected the names of columns, found an empty line")
    delimiter = max(",;\t|", key=first.count)
    columns = next(csv.reader([first], delimiter=delimiter))
    return Known(columns=frozenset(name.strip() for name in columns), where=path.name)


def _of_source(source: object) -> Known:
    """Return what one source fills; anything, when that can't be told."""
    if not isinstance(source, Mapping):
        return Known()
    fixed = KINDS_BY_TYPE.get(str(source.get("type")))
    if fixed is not None:
        said = _kinds(_mapping(source, "activity"))
        return Known(kinds=None if said is None else fixed | said)
    mapping = _mapping(source, "mapping")
    activity = _mapping(mapping, "activity")
    return Known(
        attributes=frozenset(map(str, _mapping(mapping, "attributes"))),
        activity_fields=frozenset(map(str, _mapping(activity, "attributes"))),
        kinds=_kinds(activity),
    )


def _kinds(activity: Mapping[object, object]) -> frozenset[str] | None:
    """Return the kinds that a mapping of activities gives; None when they can't be told."""
    if not activity:
        return frozenset()
    kind = _CONSTANT.fullmatch(str(activity.get("kind", "")).strip())
    return frozenset({_NOT_SNAKE.sub("_", kind[1].lower()).strip("_")}) if kind else None


def _mapping(parent: Mapping[object, object], name: str) -> Mapping[object, object]:
    found = parent.get(name)
    return found if isinstance(found, Mapping) else {}


def _joined(parts: list[frozenset[str] | None]) -> frozenset[str] | None:
    """Return all of them; None when one of them can't be told."""
    known = [part for part in parts if part is not None]
    return frozenset().union(*known) if len(known) == len(parts) else None
