"""How long the engine takes to compile a regular expression, which it does at each judging."""

import re

# Microseconds, measured and rounded up. A class of Unicode has hundreds of ranges, and all of
# them are written out again each time that it may repeat.
_BASE = 50
# What says how often, or, under (?x), nothing: the piece before it is still the last.
_NO_PIECE = frozenset("*+? \t\n\r")
_PLAIN = 1
_FOLDED = 6
# Folding goes through a range or a class character by character.
_FOLDED_RANGE = 6_000
_FOLDED_TIMES = 15
_ANY = 10
_CLASS = {**dict.fromkeys("wWpP", 600), **dict.fromkeys("dDsS", 100), "b": 3, "B": 3}

_PIECE = re.compile(
    r"""\\(?P<escape>[pPxuU]\{[^}]*\}|[pP].|.)
      |\{(?P<least>\d*),?(?P<most>\d*)\}
      |(?P<open>\(|\[:?(?P<negated>\^?)\]?)
      |(?P<close>[)\]])
      |(?P<any>\.)
      |(?P<far>-(?=[^\x00-\x7f]|\\[xuU]))
      |(?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_FOLDS = re.compile(r"\(\?[a-zA-Z]*i")


def pattern_cost(pattern: str) -> int:
    """Return about how many microseconds it takes; it may be far less, but not far more."""
    plain = _FOLDED if _FOLDS.search(pattern) else _PLAIN
    # The cost of each group and set that is open, the outermost first, and of its last piece.
    totals, lasts = [0], [0]
    for found in _PIECE.finditer(pattern):
        if found["open"]:
            totals.append(_ANY if found["negated"] else plain)
            lasts.append(0)
        elif found["close"] and len(totals) > 1:
            lasts.pop()
            _add(totals.pop(), totals, lasts)
        elif found["least"] is not None:
            times = int(found["most"] or 0) or int(found["least"] or 0) + 1
            _add(lasts[-1] * times, totals, lasts)
        elif found[0] not in _NO_PIECE:
            _add(_piece_cost(found, plain), totals, lasts)
    return _BASE + sum(totals)


def _add(cost: int, totals: list[int], lasts: list[int]) -> None:
    totals[-1] += cost
    lasts[-1] = cost


def _piece_cost(found: re.Match[str], plain: int) -> int:
    folds = plain == _FOLDED
    if found["escape"]:
        cost = _CLASS.get(found["escape"][0], plain)
        return cost * _FOLDED_TIMES if folds and found["escape"][0] in "pP" else cost
    if found["far"]:
        return _FOLDED_RANGE if folds else _ANY
    return _ANY if found["any"] or not found[0].isascii() else plain
