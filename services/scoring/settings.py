"""What scoring reads from its environment."""

from typing import ClassVar

from pydantic import Field

from leadloop.settings import ServiceSettings, per_room


class Settings(ServiceSettings):
    """Scoring's settings; LEADLOOP_SCORING_... comes before LEADLOOP_..."""

    room: ClassVar[str] = "scoring"

    database_url: str = Field(
        "postgresql+asyncpg://postgres@localhost/leadloop",
        validation_alias=per_room("scoring", "database_url"),
        description="PostgreSQL, as SQLAlchemy writes it; scoring keeps to its own schema.",
    )
    port: int = Field(
        8002,
        ge=0,
        le=65535,
        validation_alias=per_room("scoring", "port"),
        description="Port to listen on; 0 takes a free one.",
    )
    study_memory_mb_max: int = Field(
        1024,
        ge=256,
        validation_alias=per_room("scoring", "study_memory_mb_max"),
        description="Memory of the process that works out a study, beside that of scoring.",
    )
