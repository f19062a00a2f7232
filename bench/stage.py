"""How one of the four stages of a chain is told on its command line what to stand on."""

from typing import Annotated

import typer

Stage = Annotated[int, typer.Argument(help="1 to 4.")]
Url = Annotated[str, typer.Option(help="The database.")]
Kafka = Annotated[str, typer.Option(help="The broker.")]
