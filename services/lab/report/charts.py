"""Small charts as inline SVG: bars in layers, bars of shares, lines, points with intervals."""

from collections.abc import Sequence
from html import escape
from math import ceil, floor, log10
from typing import Final, NamedTuple

WIDTH: Final = 720
HEIGHT: Final = 260
LEFT, RIGHT, TOP, BOTTOM = 56, 14, 14, 40
TICKS: Final = 5
LABELS_MAX: Final = 10
COLOURS: Final = 6
# Of bars that lie, with their names before and a note behind them.
ROW, THICK, NAMES, NOTES = 26, 16, 200, 60


class Line(NamedTuple):
    """One line of a chart; a missing value is a gap."""

    name: str
    values: Sequence[float | None]


class Dot(NamedTuple):
    """A value with the interval in which it lies."""

    label: str
    value: float | None
    low: float
    high: float
    note: str = ""


class Bar(NamedTuple):
    """A whole and the shares that it is made of, in the order of the parts."""

    label: str
    shares: Sequence[float]
    note: str = ""


class Part(NamedTuple):
    """What one share of every bar means, and its colour."""

    name: str
    colour: int


def stacked(title: str, labels: Sequence[str], layers: Sequence[Line]) -> str:
    """Draw a bar for each label, made of a part for each layer."""
    sums = [sum(layer.values[n] or 0 for layer in layers) for n in range(len(labels))]
    frame = _Frame(title, max([*sums, 1]), is_share=False)
    step = frame.width / max(len(labels), 1)
    for n, label in enumerate(labels):
        base = 0.0
        for place, layer in enumerate(layers):
            value = layer.values[n] or 0
            if value:
                note = f"{label}: {layer.name} {value:,.0f}"
                frame.bar(n * step, step, (base, base + value), place, note)
            base += value
    frame.labels([(n * step + step / 2, label) for n, label in enumerate(labels)])
    return frame.drawn([layer.name for layer in layers])


def shares(title: str, bars: Sequence[Bar], parts: Sequence[Part]) -> str:
    """Draw a lying bar for each whole, all of one length, made of its shares."""
    drawn = "".join(_lying(place * ROW, bar, parts) for place, bar in enumerate(bars))
    legend = "".join(
        f'<span class="key k{part.colour % COLOURS}">{escape(part.name)}</span>'
        for part in parts
    )
    return (
        f'<figure><svg viewBox="0 0 {WIDTH} {len(bars) * ROW}" role="img" '
        f'aria-label="{escape(title)}">{drawn}</svg>'
        f"<figcaption>{escape(title)} {legend}</figcaption></figure>"
    )


def _lying(top: int, bar: Bar, parts: Sequence[Part]) -> str:
    """Draw one bar with its name and its note."""
    left, drawn = float(NAMES), ""
    for part, share in zip(parts, bar.shares, strict=True):
        width = share * (WIDTH - NAMES - NOTES)
        note = escape(f"{bar.label}: {part.name} {share * 100:.1f} %")
        drawn += (
            f'<rect class="c{part.colour % COLOURS}" x="{left:.1f}" y="{top + 4}" '
            f'width="{width:.1f}" height="{THICK}"><title>{note}</title></rect>'
        )
        left += width
    baseline = top + THICK
    return (
        f'<g><text x="0" y="{baseline}">{escape(bar.label)}</text>{drawn}'
        f'<text x="{WIDTH - NOTES + 8}" y="{baseline}">{escape(bar.note)}</text></g>'
    )


def lines(title: str, places: Sequence[float], drawn: Sequence[Line]) -> str:
    """Draw shares over numbers."""
    frame = _Frame(title, 1.0, is_share=True)
    low, high = (min(places), max(places)) if places else (0.0, 1.0)
    span = (high - low) or 1.0
    across = [(place - low) / span * frame.width for place in places]
    for n, line in enumerate(drawn):
        found = zip(across, line.values, strict=True)
        frame.line([(x, value) for x, value in found if value is not None], n, line.name)
    ticks = _steps(high - low)
    first = ceil(low / ticks)
    marks = [k * ticks for k in range(first, floor(high / ticks) + 1)]
    frame.labels([((mark - low) / span * frame.width, f"{mark:,.0f}") for mark in marks])
    return frame.drawn([line.name for line in drawn])


def dots(title: str, shown: Sequence[Dot], level: float | None, level_name: str) -> str:
    """Draw shares with their intervals, and a level to compare them with."""
    most = max([dot.high for dot in shown if dot.value is not None] + [level or 0.0, 0.01])
    frame = _Frame(title, min(1.0, most), is_share=True)
    step = frame.width / max(len(shown), 1)
    if level is not None:
        frame.level(level, level_name)
    for n, dot in enumerate(shown):
        if dot.value is not None:
            frame.dot(n * step + step / 2, dot)
    frame.labels([(n * step + step / 2, dot.label) for n, dot in enumerate(shown)])
    return frame.drawn([])


class _Frame:
    """A drawing area with its axes; the highest value lies on a round number."""

    def __init__(self, title: str, most: float, *, is_share: bool) -> None:
        self.width = WIDTH - LEFT - RIGHT
        self._title = title
        self._height = HEIGHT - TOP - BOTTOM
        self._is_share = is_share
        step = _steps(most) if is_share else max(_steps(most), 1.0)
        self._most = min(step * ceil(most / step - 1e-9), 1.0 if is_share else float("inf"))
        self._parts: list[str] = []
        value = 0.0
        while value <= self._most + 1e-9:
            self._rung(value)
            value += step

    def bar(
        self, left: float, step: float, values: tuple[float, float], colour: int, note: str
    ) -> None:
        """Draw a part of a bar between two values."""
        top, bottom = self._y(values[1]), self._y(values[0])
        gap = min(step * 0.15, 4)
        self._parts.append(
            f'<rect class="c{colour % COLOURS}" x="{LEFT + left + gap / 2:.1f}" y="{top:.1f}" '
            f'width="{step - gap:.1f}" height="{bottom - top:.1f}">'
            f"<title>{escape(note)}</title></rect>"
        )

    def line(self, points: Sequence[tuple[float, float]], colour: int, name: str) -> None:
        """Draw a line through values."""
        places = " ".join(f"{LEFT + x:.1f},{self._y(value):.1f}" for x, value in points)
        self._parts.append(
            f'<polyline class="l{colour % COLOURS}" points="{places}">'
            f"<title>{escape(name)}</title></polyline>"
        )

    def level(self, value: float, name: str) -> None:
        """Draw a dashed level."""
        y = self._y(value)
        self._parts.append(
            f'<line class="level" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}">'
            f"<title>{escape(name)}</title></line>"
            f'<text class="note" x="{WIDTH - RIGHT}" y="{y - 4:.1f}">{escape(name)}</text>'
        )

    def dot(self, x: float, dot: Dot) -> None:
        """Draw a value with its interval."""
        at, low, high = LEFT + x, self._y(dot.low), self._y(min(dot.high, self._most))
        self._parts.append(
            f'<line class="whisker" x1="{at:.1f}" x2="{at:.1f}" y1="{low:.1f}" '
            f'y2="{high:.1f}"/><circle class="c0" cx="{at:.1f}" '
            f'cy="{self._y(dot.value or 0):.1f}" r="5">'
            f"<title>{escape(f'{dot.label}: {dot.note}')}</title></circle>"
        )

    def labels(self, places: Sequence[tuple[float, str]]) -> None:
        """Write labels under the axis, as many as have room."""
        every = -(-len(places) // LABELS_MAX) or 1
        for x, label in places[::every]:
            self._parts.append(
                f'<text class="under" x="{LEFT + x:.1f}" y="{HEIGHT - BOTTOM + 18}">'
                f"{escape(label)}</text>"
            )

    def drawn(self, names: Sequence[str]) -> str:
        """Return the picture with a legend."""
        legend = "".join(
            f'<span class="key k{n % COLOURS}">{escape(name)}</span>'
            for n, name in enumerate(names)
        )
        return (
            f'<figure><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
            f'aria-label="{escape(self._title)}">{"".join(self._parts)}</svg>'
            f"<figcaption>{escape(self._title)} {legend}</figcaption></figure>"
        )

    def _rung(self, value: float) -> None:
        y = self._y(value)
        text = f"{value * 100:.3g} %" if self._is_share else f"{value:,.0f}"
        self._parts.append(
            f'<line class="rung" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text class="side" x="{LEFT - 8}" y="{y + 4:.1f}">{text}</text>'
        )

    def _y(self, value: float) -> float:
        return TOP + self._height * (1 - value / (self._most or 1))


def _steps(span: float) -> float:
    """Return a round step that cuts a span into about five."""
    if span <= 0:
        return 1.0
    raw = span / TICKS
    power: float = 10.0 ** floor(log10(raw))
    return next(k * power for k in (1, 2, 5, 10) if k * power >= raw - 1e-12)
