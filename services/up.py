"""Start things: everything in one process, one service on its own, the schemas, the topics."""

import errno
import os
import secrets
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import structlog
from aiokafka.errors import KafkaConnectionError

from leadloop.clock import SystemClock
from leadloop.consumer import KafkaTransport, create_topics
from leadloop.database import place_of
from leadloop.ids import Ids
from leadloop.logs import configure
from leadloop.postgres import InUse, Postgres
from leadloop.service import serve
from leadloop.settings import ServiceSettings
from services.client import Refused
from services.embedded import POSTGRES, SECRETS, SOURCES, assemble
from services.env_file import Unreadable, read_env
from services.rooms import build_service, migrate_room, misspelt_variables, room_of

log = structlog.get_logger()

Tell = Callable[[str], None]

FIRST_SOURCES = """\
# Who may send leads here. All kinds of senders: deploy/sources.example.yaml
sources:
  website:
    type: plain
    secret_env: WEBSITE_TOKEN
    proof: {header: authorization, scheme: token, prefix: "Bearer "}
    mapping:
      id: id
      occurred_at: occurred_at
      email: email
      first_name: first_name
      last_name: last_name
      phone: phone
      company: company
      job_title: job_title
      country: country
      consent: consent
      touch: {source: utm.source, medium: utm.medium, campaign: utm.campaign}
      activity: {kind: activity, attributes: {url: url, form: form}}
"""


async def up(folder: Path, *, host: str, port: int, tell: Tell) -> None:
    """Run all four services in this process until told to stop.

    Raises:
        Refused: The port or the folder is in use, or the folder's secrets can't be read.
    """
    settings = ServiceSettings()
    configure(level=level_of(settings), service="leadloop", json=settings.log_json)
    require_free(host, port)
    prepare(folder, tell=tell)
    with holding(folder) as postgres:
        loop = await assemble(
            postgres.url,
            clock=SystemClock(),
            ids=Ids(),
            sources=folder / SOURCES,
            allow_private_endpoints=True,
        )

        def ready(listening: int) -> None:
            tell(
                f"Leadloop answers at http://{host}:{listening} (docs: /docs). Ctrl-C stops it."
            )
            tell(f"Its database, for commands that take --database: {postgres.url}")

        await serve(loop.services, loop.transport, loop.app, host=host, port=port, ready=ready)


def level_of(settings: ServiceSettings) -> str:
    """Return the least level that is logged: warnings, unless a level is set."""
    return settings.log_level if "log_level" in settings.model_fields_set else "WARNING"


def require_free(host: str, port: int, *, told_by: str = "--port") -> None:
    """Refuse to begin when nobody could reach us.

    Args:
        host: Address to listen on.
        port: Port to listen on.
        told_by: The option or variable by which another port is chosen.

    Raises:
        Refused: It can't be listened there.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            why = f"port {port} of {host} is in use: choose another one with {told_by}"
        else:
            # Of the same sentence the rest names host and port again.
            reason = (error.strerror or "").partition(" (while")[0]
            why = f"can't listen on {host}, port {port}: {reason}"
        raise Refused(why) from error


@contextmanager
def holding(folder: Path) -> Iterator[Postgres]:
    """Run the folder's PostgreSQL, which belongs to one process at a time.

    Raises:
        Refused: Another process holds it.
    """
    postgres = Postgres(folder / POSTGRES)
    try:
        postgres.start()
    except InUse as error:
        raise Refused(
            f"{folder} is in use by process {error.holder}, perhaps another `leadloop up`: "
            "stop that first, or choose another --folder"
        ) from error
    with postgres:
        yield postgres


def prepare(folder: Path, *, tell: Tell) -> None:
    """Give a new folder one source with a token of its own; load the folder's secrets.

    Raises:
        Refused: It can't be made or written in, or its secrets can't be read.
    """
    with writing_in(folder):
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / SOURCES).exists():
            (folder / SOURCES).write_text(FIRST_SOURCES)
            write_secrets(folder, {"WEBSITE_TOKEN": secrets.token_urlsafe(32)})
            kept = folder / SECRETS
            tell(f"New folder {folder}: one source, website; its token is in {kept}.")
    load_secrets(folder)


@contextmanager
def writing_in(folder: Path) -> Iterator[None]:
    """Say of a folder that can't be made, or written in, why.

    Raises:
        Refused: It can't.
    """
    try:
        yield
    except OSError as error:
        is_file = folder.exists() and not folder.is_dir()
        why = "it is a file" if is_file else error.strerror
        raise Refused(f"can't keep data in {folder}: {why}") from error


def write_secrets(folder: Path, values: dict[str, str]) -> None:
    """Keep secrets where only their owner may read them."""
    path = folder / SECRETS
    path.touch(mode=0o600)
    path.write_text("".join(f"{name}={value}\n" for name, value in values.items()))


def load_secrets(folder: Path) -> None:
    """Put a folder's secrets into the environment; what is set there already stays.

    Raises:
        Refused: The file can't be read.
    """
    path = folder / SECRETS
    if not path.exists():
        return
    try:
        values = read_env(path)
    except Unreadable as error:
        raise Refused(str(error)) from error
    for name, value in values.items():
        os.environ.setdefault(name, value)


async def run_room(name: str) -> None:
    """Run one service against the database and the broker of its environment.

    Raises:
        Refused: The port is in use.
    """
    settings = room_of(name).settings()
    configure(level=settings.log_level, service=name, json=settings.log_json)
    for variable, meant in misspelt_variables(os.environ):
        log.warning("settings.unread", variable=variable, meant=meant)
    require_free(settings.host, settings.port, told_by=f"LEADLOOP_{name.upper()}_PORT")
    service = build_service(name, clock=SystemClock(), ids=Ids(), settings=settings)
    transport = KafkaTransport(
        settings.kafka,
        client=f"leadloop-{name}",
        instance=settings.instance,
        security=settings.broker_security(),
    )
    await serve([service], transport, service.app, host=settings.host, port=settings.port)


async def migrate_all(names: Sequence[str], *, tell: Tell) -> None:
    """Bring the schemas of these rooms up to date."""
    for name in names:
        url = room_of(name).settings().database_url
        try:
            await migrate_room(name, url)
        except OSError as error:
            raise Refused(f"no database answers at {place_of(url)}: {error}") from error
        tell(f"{name}: up to date")


async def create_all_topics(partitions: int, replicas: int, *, tell: Tell) -> None:
    """Create the contract's topics on the brokers of the environment."""
    settings = ServiceSettings()
    try:
        names = await create_topics(
            settings.kafka,
            partitions=partitions,
            replicas=replicas,
            security=settings.broker_security(),
        )
    except KafkaConnectionError as error:
        # Its client has said why.
        raise Refused(f"no broker answers at {settings.kafka}") from error
    except OSError as error:
        raise Refused(f"no broker answers at {settings.kafka}: {error}") from error
    for name in names:
        tell(name)
