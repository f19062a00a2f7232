"""What feedback reads from its environment."""

from pathlib import Path
from typing import ClassVar

from pydantic import Field

from leadloop.settings import ServiceSettings, per_room


class Settings(ServiceSettings):
    """Feedback's settings; LEADLOOP_FEEDBACK_... comes before LEADLOOP_..."""

    room: ClassVar[str] = "feedback"

    database_url: str = Field(
        "postgresql+asyncpg://postgres@localhost/leadloop",
        validation_alias=per_room("feedback", "database_url"),
        description="PostgreSQL, as SQLAlchemy writes it; feedback keeps to its own schema.",
    )
    port: int = Field(
        8004,
        ge=0,
        le=65535,
        validation_alias=per_room("feedback", "port"),
        description="Port to listen on; 0 takes a free one.",
    )
    sources: Path | None = Field(
        None,
        description="YAML of the senders, as intake has it: checks then know what they fill.",
    )
