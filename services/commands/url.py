"""How a command names the Leadloop that it talks to."""

from typing import Annotated

import typer

Url = Annotated[
    str,
    typer.Option(
        "--url",
        envvar="LEADLOOP_URL",
        help="A running Leadloop; its token: LEADLOOP_API_TOKEN.",
    ),
]
