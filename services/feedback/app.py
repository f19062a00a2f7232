"""Puts feedback together: the agreement's life, outcomes, reports, marketing's deliveries."""

from leadloop.clock import Clock
from leadloop.database import Database
from leadloop.delivery import DeliveryLoop
from leadloop.endpoints import endpoints_router
from leadloop.ids import Ids
from leadloop.posting import HttpPoster, Post
from leadloop.service import Service
from leadloop.settings import room_folder
from leadloop.web import Doors, create_app
from services.feedback import agreement_api, api
from services.feedback.handlers import HANDLERS, REPEATABLE
from services.feedback.settings import Settings

NAME = "feedback"
PATHS = ("/v1/outcomes", "/v1/agreements", "/v1/reports", "/v1/timelines")


def build(settings: Settings, *, clock: Clock, ids: Ids, post: Post | None = None) -> Service:
    """Make the service; `post` stands in for the network when given."""
    database = Database(settings.database_url, NAME, clock=clock, ids=ids)
    poster = HttpPoster(allow_private=settings.allow_private_endpoints)
    post = post or poster
    deliveries = DeliveryLoop(database, service=NAME, post=post)
    app = create_app(
        service=NAME,
        title="Leadloop feedback",
        database=database,
        doors=Doors(settings.tokens(), settings.body_bytes_max),
    )
    app.state.sources = settings.sources
    app.include_router(agreement_api.router)
    # Before the routes of outcomes: /v1/outcomes/endpoints is no outcome.
    app.include_router(
        endpoints_router(
            "/v1/outcomes",
            topic="outcomes.v1",
            post=post,
            allow_private=settings.allow_private_endpoints,
        )
    )
    app.include_router(api.router)
    return Service(
        name=NAME,
        database=database,
        migrations=room_folder(__file__),
        api=app,
        paths=PATHS,
        handlers=HANDLERS,
        patient=HANDLERS,
        repeatable=REPEATABLE,
        loops=(deliveries,),
        closers=(deliveries.close, poster.close),
    )
