"""The shape in which programs get a report: JSON, without charts."""

from typing import Any

from services.lab.report.sections import Report, Section


# Any: values of JSON.
def shape_of(report: Report) -> dict[str, Any]:
    """Return a report as JSON has it."""
    return {
        "title": report.title,
        "summary": list(report.summary),
        "warnings": list(report.warnings),
        "sections": [_section(section) for section in report.sections],
    }


def _section(section: Section) -> dict[str, Any]:
    return {
        "title": section.title,
        "text": list(section.text),
        "tables": [
            {"header": list(table.header), "rows": [list(row) for row in table.rows]}
            for table in section.tables
        ],
    }
