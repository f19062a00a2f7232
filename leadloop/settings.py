"""What every service reads from its environment; a wrong value stops the start by its name."""

from pathlib import Path
from typing import ClassVar

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "LEADLOOP_"


def per_room(room: str, name: str) -> AliasChoices:
    """Name a setting given for one room or for all: the room's own comes first."""
    return AliasChoices(f"{PREFIX}{room}_{name}".upper(), f"{PREFIX}{name}".upper(), name)


class ServiceSettings(BaseSettings):
    """The settings that all services share; each room adds its own.

    `LEADLOOP_<ROOM>_DATABASE_URL` and `LEADLOOP_<ROOM>_PORT` come before the general names.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="ignore", populate_by_name=True
    )

    room: ClassVar[str] = ""

    database_url: str = Field(
        "postgresql+asyncpg://postgres@localhost/leadloop",
        description="PostgreSQL, as SQLAlchemy writes it; a service keeps to its own schema.",
    )
    kafka: str = Field(
        "localhost:9092", description="The brokers to start from: host:port, comma separated."
    )
    instance: str = Field(
        "",
        pattern="^[A-Za-z0-9._-]{0,200}$",
        description="Names a replica over restarts, so that one that crashed goes on at once.",
    )
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(
        8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one."
    )
    api_token: SecretStr = Field(
        SecretStr(""),
        description="Tokens for /v1, comma separated. Without one only this machine is served.",
    )
    body_bytes_max: int = Field(
        1024 * 1024, gt=0, description="Largest accepted request body, in bytes."
    )
    log_level: str = Field("INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$")
    log_json: bool = Field(True, description="JSON lines; false for lines that people read.")
    allow_private_endpoints: bool = Field(
        False,
        description="Let webhooks go to plain http and private addresses; for trying out.",
    )

    def tokens(self) -> tuple[str, ...]:
        """Return the API tokens; empty when none is set."""
        return tuple(
            t.strip() for t in self.api_token.get_secret_value().split(",") if t.strip()
        )


def room_folder(file: str) -> Path:
    """Return the folder of migrations beside a room's file."""
    return Path(file).parent / "migrations"
