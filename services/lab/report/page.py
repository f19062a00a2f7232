"""A report as one HTML file that needs nothing else: no network, no scripts."""

from html import escape
from typing import Final

from services.lab.report.sections import Report, Section, Table

_STYLE: Final = """
:root { color-scheme: light dark; --ink: #1d2733; --pale: #66717e; --line: #d9dee4;
  --paper: #fff; --mind: #fff5dc; --c0: #2f6fb0; --c1: #d9822b; --c2: #4c9a5f; --c3: #9a5fb0;
  --c4: #b0483f; --c5: #6b7784 }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e9ee; --pale: #9aa5b1; --line: #38424d;
  --paper: #151b21; --mind: #3a3216; --c0: #6ea8e0; --c1: #eba65c; --c2: #7cc48e } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.6rem } h2 { font-size: 1.2rem; margin-top: 2.2rem }
.summary { font-size: 1.05rem } .scroll { overflow-x: auto }
.mind { background: var(--mind); padding: .6rem 1rem; border-radius: 6px }
table { border-collapse: collapse; margin: .6rem 0; font-variant-numeric: tabular-nums }
th, td { border-bottom: 1px solid var(--line); padding: .25rem .7rem; text-align: right;
  vertical-align: top } th { color: var(--pale); font-weight: 600 }
.t { text-align: left; white-space: pre-wrap }
figure { margin: 1rem 0 } svg { width: 100%; height: auto; max-width: 720px }
figcaption { color: var(--pale); font-size: .9rem }
svg text { font-size: 11px; fill: var(--pale) }
.side, .note { text-anchor: end } .under { text-anchor: middle }
.rung { stroke: var(--line) } .level { stroke: var(--c4); stroke-dasharray: 4 3 }
.whisker { stroke: var(--c0); stroke-width: 2 } polyline { fill: none; stroke-width: 2 }
.key::before { content: ""; display: inline-block; width: .7em; height: .7em;
  margin: 0 .3em 0 .8em; background: currentColor; border-radius: 2px }
"""
_COLOURS: Final = "\n".join(
    f".{mark}{n} {{ {what}: var(--c{n}) }}"
    for n in range(6)
    for mark, what in (("c", "fill"), ("l", "stroke"), ("k", "color"))
)


def page(report: Report) -> str:
    """Return the whole report as a page."""
    title = escape(report.title)
    summary = "".join(f"<p class=summary>{escape(text)}</p>" for text in report.summary)
    body = "".join(map(_section, report.sections))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{_STYLE}{_COLOURS}</style></head>"
        f"<body><h1>{title}</h1>{summary}{_warnings(report)}{body}</body></html>\n"
    )


def _warnings(report: Report) -> str:
    if not report.warnings:
        return ""
    said = "".join(f"<li>{escape(warning)}</li>" for warning in report.warnings)
    return f'<div class="mind"><strong>Mind this</strong><ul>{said}</ul></div>'


def _section(section: Section) -> str:
    text = "".join(f"<p>{escape(line)}</p>" for line in section.text)
    tables = "".join(map(_table, section.tables))
    return f"<section><h2>{escape(section.title)}</h2>{text}{section.chart}{tables}</section>"


def _table(table: Table) -> str:
    head = "".join(_cell("th", n, text, table) for n, text in enumerate(table.header))
    rows = "".join(
        f"<tr>{''.join(_cell('td', n, text, table) for n, text in enumerate(row))}</tr>"
        for row in table.rows
    )
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody>'
        "</table></div>"
    )


def _cell(kind: str, place: int, text: str, table: Table) -> str:
    mark = ' class="t"' if place in table.texts else ""
    return f"<{kind}{mark}>{escape(text)}</{kind}>"
