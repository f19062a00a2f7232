"""The report as Markdown, and as one HTML file that needs nothing else."""

from collections.abc import Iterable
from html import escape

from services.simulation.report import Bar, Report, Table

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto;
  padding: 0 1rem; color: #1c2330; background: #fff }
h1 { font-size: 1.6rem } h2 { font-size: 1.1rem; margin-top: 2rem }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
th, td { padding: .3rem .6rem; border-bottom: 1px solid #dde2ea; text-align: right }
th:first-child, td:first-child { text-align: left; white-space: pre }
th { font-weight: 600; color: #4a5568 }
.answer { font-size: 1.15rem; border-left: 4px solid #2b6cb0; padding-left: .8rem }
.assumed { color: #4a5568; font-size: .9rem } .wide { overflow-x: auto }
@media (prefers-color-scheme: dark) {
  body { color: #e6e9ef; background: #14181f } th, .assumed { color: #a3adbd }
  th, td { border-color: #2d3644 } }
"""
_COLOURS = (("#2f855a", "kept"), ("#d69e2e", "late"), ("#c53030", "never"))
_ROW, _NAME, _WIDTH, _HEIGHT = 26, 240, 560, 16


def markdown(report: Report) -> str:
    """Return the report as Markdown."""
    lines = [f"# {_plain(report.title)}", "", f"**{_plain(report.answer)}**", ""]
    lines += [f"- {_plain(word)}" for word in report.words]
    for table in report.tables:
        lines += ["", f"## {_plain(table.title)}", "", *_markdown_table(table)]
    lines += ["", "## Assumed", "", *(f"- {_plain(one)}" for one in report.assumed), ""]
    return "\n".join(lines)


def html(report: Report) -> str:
    """Return the report as one HTML file."""
    words = "".join(f"<li>{escape(word)}</li>" for word in report.words)
    tables = "".join(_html_table(table) for table in report.tables)
    assumed = "".join(f"<p>{escape(one)}</p>" for one in report.assumed)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(report.title)}</title><style>{_STYLE}</style></head><body>"
        f'<h1>{escape(report.title)}</h1><p class="answer">{escape(report.answer)}</p>'
        f"<ul>{words}</ul>{_chart(report.bars)}{tables}"
        f'<h2>Assumed</h2><div class="assumed">{assumed}</div></body></html>\n'
    )


def _markdown_table(table: Table) -> Iterable[str]:
    yield "| " + " | ".join(_plain(name) for name in table.columns) + " |"
    yield "|" + "---|" + "---:|" * (len(table.columns) - 1)
    for row in table.rows:
        yield "| " + " | ".join(_plain(cell) for cell in row) + " |"


def _html_table(table: Table) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in table.columns)
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>"
        for row in table.rows
    )
    return (
        f'<h2>{escape(table.title)}</h2><div class="wide"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _chart(bars: Iterable[Bar]) -> str:
    """Draw one bar for each service level: how much was kept, late and never done."""
    drawn = "".join(_drawn(place, bar) for place, bar in enumerate(bars))
    height = _ROW * (drawn.count("<g>") + 1)
    legend = "".join(
        f'<rect x="{_NAME + n * 90}" y="{height - 16}" width="12" height="12" fill="{colour}"/>'
        f'<text x="{_NAME + n * 90 + 18}" y="{height - 6}">{name}</text>'
        for n, (colour, name) in enumerate(_COLOURS)
    )
    label = "Share of clocks kept, done late and never done, by service level"
    return (
        f'<svg role="img" aria-label="{label}" viewBox="0 0 {_NAME + _WIDTH + 70} {height}" '
        f'width="100%" font-size="13" fill="currentColor">{drawn}{legend}</svg>'
    )


def _drawn(place: int, bar: Bar) -> str:
    top, left, parts = place * _ROW, float(_NAME), ""
    for (colour, _), share in zip(_COLOURS, (bar.kept, bar.late, bar.never), strict=True):
        width = share * _WIDTH
        parts += (
            f'<rect x="{left:.1f}" y="{top + 3}" width="{width:.1f}" height="{_HEIGHT}" '
            f'fill="{colour}"/>'
        )
        left += width
    end = _NAME + _WIDTH + 8
    return (
        f'<g><text x="0" y="{top + 15}">{escape(bar.name)}</text>{parts}'
        f'<text x="{end}" y="{top + 15}">{bar.kept * 100:.0f} %</text></g>'
    )


def _plain(text: str) -> str:
    """Return text that Markdown takes for nothing else."""
    for sign in "\\`*_|<>[]":
        text = text.replace(sign, f"\\{sign}")
    return " ".join(text.split())
