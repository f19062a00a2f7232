"""The options of every command on a history: which it is, how it is read, what is written."""

from pathlib import Path
from typing import Annotated, Final

import typer

_FILES: Final = "History from CSV files"
_COLUMNS: Final = "Columns of these files"
_VALUES: Final = "How values are read"
OUTPUT: Final = "Output"

DatabaseUrl = Annotated[
    str,
    typer.Option("--database", help="Our own history: scoring's database.", metavar="URL"),
]

Leads = Annotated[
    Path | None,
    typer.Option("--leads", help="CSV of leads with outcomes.", rich_help_panel=_FILES),
]
Activities = Annotated[
    Path | None,
    typer.Option("--activities", help="CSV of what they did.", rich_help_panel=_FILES),
]
Outcome = Annotated[
    str,
    typer.Option("--outcome", help="Says what came of a lead.", rich_help_panel=_COLUMNS),
]
Time = Annotated[
    str, typer.Option("--time", help="Says when a lead came.", rich_help_panel=_COLUMNS)
]
Id = Annotated[
    str, typer.Option("--id", help="The lead's id, in --leads.", rich_help_panel=_COLUMNS)
]
LeadId = Annotated[
    str,
    typer.Option(
        "--lead-id", help="The same in --activities; as --id.", rich_help_panel=_COLUMNS
    ),
]
Kind = Annotated[
    str, typer.Option("--kind", help="What an activity was.", rich_help_panel=_COLUMNS)
]
ActivityTime = Annotated[
    str,
    typer.Option("--activity-time", help="When an activity was.", rich_help_panel=_COLUMNS),
]
Model = Annotated[
    list[Path] | None,
    typer.Option(
        "--model",
        metavar="FILE",
        help="A model that an agreement names, as `agreement learn` wrote it.",
        rich_help_panel=_FILES,
    ),
]
Won = Annotated[
    list[str] | None,
    typer.Option(
        "--won",
        metavar="VALUE",
        help="An outcome that means won; * for any.",
        rich_help_panel=_VALUES,
    ),
]
Lost = Annotated[
    list[str] | None,
    typer.Option(
        "--lost",
        metavar="VALUE",
        help="One that means lost; the rest is open then.",
        rich_help_panel=_VALUES,
    ),
]
TimeFormat = Annotated[
    str,
    typer.Option(
        "--time-format",
        help="iso, dmy, mdy, epoch, epoch-ms, or one such as %d.%m.%Y.",
        rich_help_panel=_VALUES,
    ),
]
Zone = Annotated[
    str, typer.Option("--zone", help="Zone of times that name none.", rich_help_panel=_VALUES)
]
Encoding = Annotated[
    str,
    typer.Option(
        "--encoding", help="Such as latin-1; found out if left out.", rich_help_panel=_VALUES
    ),
]
Delimiter = Annotated[
    str,
    typer.Option(
        "--delimiter",
        help="Between two values; found out if left out.",
        rich_help_panel=_VALUES,
    ),
]
DecimalComma = Annotated[
    bool,
    typer.Option(
        "--decimal-comma", help="Numbers are written as 1.234,56.", rich_help_panel=_VALUES
    ),
]
Html = Annotated[
    Path | None, typer.Option("--html", help="Write a page.", rich_help_panel=OUTPUT)
]
Markdown = Annotated[
    Path | None, typer.Option("--markdown", help="Write a text.", rich_help_panel=OUTPUT)
]
Jobs = Annotated[int, typer.Option("--jobs", help="Processes; 0: one a core.", min=0)]
