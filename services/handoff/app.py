"""Puts handoff together: events, timers, deliveries to CRMs, the API."""

from leadloop.clock import Clock
from leadloop.database import Database
from leadloop.delivery import DeliveryLoop
from leadloop.endpoints import endpoints_router
from leadloop.ids import Ids
from leadloop.posting import HttpPoster, Post
from leadloop.service import Service
from leadloop.settings import room_folder
from leadloop.timers import TimerLoop
from leadloop.web import Doors, create_app
from services.handoff import api, firing, team
from services.handoff.firing import QueueWatch
from services.handoff.handlers import HANDLERS, PATIENT
from services.handoff.settings import Settings

NAME = "handoff"
PATHS = ("/v1/handoffs", "/v1/people", "/v1/queues", "/v1/endpoints", "/v1/deliveries")


def build(settings: Settings, *, clock: Clock, ids: Ids, post: Post | None = None) -> Service:
    """Make the service; `post` stands in for the network when given."""
    database = Database(settings.database_url, NAME, clock=clock, ids=ids)
    poster = HttpPoster(allow_private=settings.allow_private_endpoints)
    post = post or poster
    deliveries = DeliveryLoop(database, service=NAME, post=post)
    timers = TimerLoop(database, lock=firing.lock, fire=firing.fire, service=NAME)
    app = create_app(
        service=NAME,
        title="Leadloop handoff",
        database=database,
        doors=Doors(settings.tokens(), settings.body_bytes_max),
    )
    app.include_router(api.router)
    app.include_router(team.router)
    app.include_router(
        endpoints_router(
            "/v1",
            topic="handoffs.v1",
            post=post,
            allow_private=settings.allow_private_endpoints,
        )
    )
    return Service(
        name=NAME,
        database=database,
        migrations=room_folder(__file__),
        api=app,
        paths=PATHS,
        handlers=HANDLERS,
        patient=PATIENT,
        # The CRM is told by deliveries; what is published goes to reports.
        is_relay_patient=True,
        loops=(timers, deliveries, QueueWatch(database)),
        closers=(deliveries.close, poster.close),
    )
