"""A report as Markdown, tables and all."""

from services.lab.report.sections import Report, Table


def markdown(report: Report) -> str:
    """Return the whole report as text."""
    parts = [f"# {_plain(report.title)}", *map(_plain, report.summary)]
    if report.warnings:
        parts.append(
            "\n".join(["**Mind this**", "", *(f"- {_plain(w)}" for w in report.warnings)])
        )
    for section in report.sections:
        parts.append(f"## {section.title}")
        parts.extend(map(_plain, section.text))
        parts.extend(map(_table, section.tables))
    return "\n\n".join(parts) + "\n"


def _table(table: Table) -> str:
    marks = ["---" if n in table.texts else "--:" for n in range(len(table.header))]
    rows = [table.header, marks, *table.rows]
    return "\n".join(f"| {' | '.join(map(_cell, row))} |" for row in rows)


def _plain(text: str) -> str:
    """Take the meaning for Markdown from what names of columns may hold."""
    marked = text
    for mark in "\\`*_[]<>":
        marked = marked.replace(mark, f"\\{mark}")
    return " ".join(marked.split())


def _cell(text: str) -> str:
    return text if text in ("---", "--:") else _plain(text).replace("|", "\\|")
