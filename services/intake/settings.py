"""What intake reads from its environment."""

from pathlib import Path
from typing import ClassVar

from pydantic import Field

from leadloop.settings import ServiceSettings, per_room


class Settings(ServiceSettings):
    """Intake's settings; LEADLOOP_INTAKE_... comes before LEADLOOP_..."""

    room: ClassVar[str] = "intake"

    database_url: str = Field(
        "postgresql+asyncpg://postgres@localhost/leadloop",
        validation_alias=per_room("intake", "database_url"),
        description="PostgreSQL, as SQLAlchemy writes it; intake keeps to its own schema.",
    )
    port: int = Field(
        8001,
        ge=0,
        le=65535,
        validation_alias=per_room("intake", "port"),
        description="Port to listen on; 0 takes a free one.",
    )
    sources: Path | None = Field(
        None,
        description="YAML of the configured senders: type, secret, mapping. None takes none.",
    )
    waiting_requests_max: int = Field(
        4_000,
        gt=0,
        validation_alias=per_room("intake", "waiting_requests_max"),
        description="Requests that may wait for a commit; more are turned away with 503.",
    )
