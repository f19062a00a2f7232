"""What handoff reads from its environment."""

from typing import ClassVar

from pydantic import Field

from leadloop.settings import ServiceSettings, per_room


class Settings(ServiceSettings):
    """Handoff's settings; LEADLOOP_HANDOFF_... comes before LEADLOOP_..."""

    room: ClassVar[str] = "handoff"

    database_url: str = Field(
        "postgresql+asyncpg://postgres@localhost/leadloop",
        validation_alias=per_room("handoff", "database_url"),
        description="PostgreSQL, as SQLAlchemy writes it; handoff keeps to its own schema.",
    )
    port: int = Field(
        8003,
        ge=0,
        le=65535,
        validation_alias=per_room("handoff", "port"),
        description="Port to listen on; 0 takes a free one.",
    )
