"""Puts intake together: the door for webhooks, the API, the writer."""

import os
from collections.abc import Mapping
from functools import partial

from leadloop import metrics
from leadloop.clock import Clock
from leadloop.database import Database
from leadloop.ids import Ids
from leadloop.service import Service
from leadloop.settings import room_folder
from leadloop.web import Doors, create_app
from services.intake.api import router_of
from services.intake.documented import document_hooks
from services.intake.handlers import HANDLERS
from services.intake.hooks import Hooks
from services.intake.metrics import CAPTURES_PARKED, COUNT_PARKED
from services.intake.reception import read_again
from services.intake.settings import Settings
from services.intake.sources import Source, load_sources
from services.intake.writer import Writer

NAME = "intake"
PATHS = ("/hooks", "/v1/leads", "/v1/captures", "/v1/sources")


def build(
    settings: Settings,
    *,
    clock: Clock,
    ids: Ids,
    sources: Mapping[str, Source] | None = None,
) -> Service:
    """Make the service; `sources` stands in for the configured file when given.

    Raises:
        SourcesError: The file of sources can't be used.
    """
    if sources is None:
        sources = load_sources(settings.sources, os.environ) if settings.sources else {}
    database = Database(settings.database_url, NAME, clock=clock, ids=ids)
    writer = Writer(
        database, partial(read_again, sources), waiting_max=settings.waiting_requests_max
    )
    api = create_app(
        service=NAME,
        title="Leadloop intake",
        database=database,
        doors=Doors(settings.tokens(), settings.body_bytes_max),
    )
    api.include_router(router_of(sources))
    document_hooks(api)
    metrics.read_also(NAME, CAPTURES_PARKED, COUNT_PARKED)
    return Service(
        name=NAME,
        database=database,
        migrations=room_folder(__file__),
        api=api,
        door=Hooks(api, sources=sources, writer=writer, clock=clock, ids=ids),
        paths=PATHS,
        handlers=HANDLERS,
        closers=(writer.close,),
    )
