"""Puts scoring together: the API, the handlers, cool-downs, rescoring, shadows, studies."""

from collections.abc import Sequence

from leadloop.clock import Clock
from leadloop.database import Database
from leadloop.ids import Ids
from leadloop.service import Service
from leadloop.settings import room_folder
from leadloop.timers import TimerLoop
from leadloop.web import Doors, create_app
from services.scoring.api import router
from services.scoring.handlers import HANDLERS, PATIENT, lock_subjects, on_time_passed
from services.scoring.models.api import router as model_router
from services.scoring.rescore import RescoreLoop
from services.scoring.settings import Settings
from services.scoring.shadow.api import router as shadow_router
from services.scoring.shadow.loop import ShadowLoop
from services.scoring.studies.api import router as study_router
from services.scoring.studies.loop import StudyLoop

NAME = "scoring"
PATHS = (
    *("/v1/scores", "/v1/shadows", "/v1/models"),
    *("/v1/backtests", "/v1/simulations", "/v1/lessons"),
)


def build(
    settings: Settings, *, clock: Clock, ids: Ids, studies: Sequence[str] = ()
) -> Service:
    """Make the service.

    Args:
        settings: Of the room.
        clock: What it knows of time.
        ids: Where its identifiers come from.
        studies: The program that works out a study; without one they wait for a service that
            has it.
    """
    database = Database(settings.database_url, NAME, clock=clock, ids=ids)
    api = create_app(
        service=NAME,
        title="Leadloop scoring",
        database=database,
        doors=Doors(settings.tokens(), settings.body_bytes_max),
    )
    api.include_router(router)
    api.include_router(shadow_router)
    api.include_router(model_router)
    api.include_router(study_router)
    timers = TimerLoop(database, lock=lock_subjects, fire=on_time_passed, service=NAME)
    memory_mb_max = settings.study_memory_mb_max
    study_loops = [StudyLoop(database, studies, memory_mb_max)] if studies else []
    return Service(
        name=NAME,
        database=database,
        migrations=room_folder(__file__),
        api=api,
        paths=PATHS,
        handlers=HANDLERS,
        patient=PATIENT,
        loops=(timers, RescoreLoop(database), ShadowLoop(database), *study_loops),
        closers=[loop.close for loop in study_loops],
    )
