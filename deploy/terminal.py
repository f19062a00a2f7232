"""`make stack` as a person sees it: what starts, where it answers, what to try next."""

import signal
import time
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import IO, Annotated

import typer
from rich.console import Console

from deploy.broker import Unavailable, free_port
from deploy.child import DidNotStart
from deploy.lock import FolderLock, Taken
from deploy.stack import PORTS, ROOMS, Stack
from deploy.watch import Watch

FOLDER = Path(".stack")
COLOURS = dict(zip(ROOMS, ("cyan", "magenta", "green", "yellow"), strict=True))
LOOK_EVERY_SECONDS = 0.5
VENV_BIN = ".venv/bin"
AGREEMENT = "deploy/agreement.example.yaml"
LEAD = (
    '{"email": "ada@example.com", "company": "Analytical Engines", "country": "DE", '
    '"job_title": "Head of Sales", "activity": {"kind": "demo_request"}}'
)

app = typer.Typer(add_completion=False, rich_markup_mode=None)
console = Console()


@app.command()
def show(
    folder: Annotated[Path, typer.Option(help="Keeps data and logs.")] = FOLDER,
    sources: Annotated[
        Path | None, typer.Option(help="YAML file of configured senders.", exists=True)
    ] = None,
    fresh: Annotated[bool, typer.Option(help="Forget what an earlier run left.")] = False,
    logs: Annotated[bool, typer.Option(help="Show the services' lines as they come.")] = False,
) -> None:
    """Run PostgreSQL, Kafka and the four services as processes of this machine until Ctrl-C."""
    lock = FolderLock(folder)
    try:
        lock.take()
    except Taken as taken:
        console.print(str(taken).strip(), style="red", markup=False, soft_wrap=True)
        raise typer.Exit(1) from taken
    if fresh:
        lock.clear()
    signal.signal(signal.SIGTERM, _like_ctrl_c)
    stack = Stack(folder, ports=_ports(), sources=sources)
    lock.say(" ".join(f"{room}: {stack.address(room)}" for room in ROOMS))
    try:
        with suppress(KeyboardInterrupt):
            _start(stack)
            _present(stack)
            _watch(stack, logs=logs)
    except (DidNotStart, Unavailable) as error:
        console.print(str(error), style="red", markup=False)
        raise typer.Exit(1) from error
    finally:
        with console.status("stopping"):
            stack.stop()
        lock.release()


def _like_ctrl_c(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _ports() -> dict[str, int]:
    """Return the usual ports, another one where somebody already listens."""
    return {name: port if _is_free(port) else free_port() for name, port in PORTS.items()}


def _is_free(port: int) -> bool:
    import socket

    with socket.socket() as probe:
        # As servers do: a port whose last connections only fade away is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _start(stack: Stack) -> None:
    started = time.monotonic()
    with console.status("starting") as status:
        stack.start(tell=status.update)
    console.print(f"Leadloop runs, started in {time.monotonic() - started:.0f} s.\n")


def _present(stack: Stack) -> None:
    rows = [(room, f"{stack.address(room)}/docs", stack.log(room)) for room in ROOMS]
    rows.append(("kafka", stack.broker.bootstrap, stack.broker.log))
    rows.append(("postgresql", stack.postgres.url, stack.postgres.log))
    width = max(len(where) for _, where, _ in rows)
    # Not a table of rich: addresses are for copying, so a narrow terminal must not cut them.
    for what, where, log in rows:
        _print_plain(f"{what:<12}{where:<{width}}  {_short(log)}")
    console.print("\nNext, in another terminal:", style="bold")
    for line in _next_commands(stack):
        _print_plain("  " + line)
    console.print(
        "\nA part that ends is started again. Ctrl-C stops all of it; the data stay.",
        style="dim",
    )


def _print_plain(line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)


def _next_commands(stack: Stack) -> list[str]:
    """Return the way of a first lead: an agreement, a person in sales, the lead itself."""
    intake, handoff, feedback = (stack.address(r) for r in ("intake", "handoff", "feedback"))
    json = "-H 'content-type: application/json'"
    text = f"--sha256 $(sha256sum <{AGREEMENT} | cut -c1-64)"
    sign = f"leadloop agreement sign default --url {feedback} {text}"
    return [
        f"export PATH=$PWD/{VENV_BIN}:$PATH",
        f"leadloop agreement propose {AGREEMENT} --url {feedback}",
        f"{sign} --side marketing --signer 'Mara Lindt'",
        f"{sign} --side sales --signer 'Tom Berger'",
        f'curl -X PUT {handoff}/v1/people/eva {json} -d \'{{"name": "Eva Roth"}}\'',
        f"curl -s {intake}/v1/leads {json} -d '{LEAD}'",
        f"curl -s {handoff}/v1/handoffs",
        f"leadloop report funnel --url {feedback}",
    ]


def _short(path: Path) -> Path:
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _watch(stack: Stack, *, logs: bool) -> None:
    """Say when a part ends and start it again, and what the services log, until Ctrl-C."""
    followed = {room: stack.log(room).open() for room in ROOMS} if logs else {}
    watch = Watch(stack.parts(), _tell, time.monotonic())
    try:
        while True:
            for room, lines in followed.items():
                _print_new(room, lines)
            watch.look(time.monotonic())
            time.sleep(LOOK_EVERY_SECONDS)
    finally:
        for lines in followed.values():
            lines.close()


def _tell(line: str) -> None:
    console.print(line, style="red", markup=False, highlight=False, soft_wrap=True)


def _print_new(room: str, lines: IO[str]) -> None:
    for line in lines:
        console.print(f"[{COLOURS[room]}]{room:>8}[/] ", end="")
        _print_plain(line.rstrip())


if __name__ == "__main__":
    app()
