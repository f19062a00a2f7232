"""What every service reads from its environment; a wrong value stops the start by its name."""

import re
from inspect import signature
from pathlib import Path
from typing import ClassVar, Literal, Self

import asyncpg
from pydantic import AliasChoices, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from leadloop.brokers import Mechanism, Protocol, Security, is_bootstrap

PREFIX = "LEADLOOP_"
SCHEME = "postgresql+asyncpg"
URL_FORM = f"{SCHEME}://user:password@host:port/database"
_HOST = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+")
_CONNECT_OPTIONS = frozenset(signature(asyncpg.connect).parameters)


def per_room(room: str, name: str) -> AliasChoices:
    """Name a setting given for one room or for all: the room's own comes first."""
    return AliasChoices(f"{PREFIX}{room}_{name}".upper(), f"{PREFIX}{name}".upper(), name)


class ServiceSettings(BaseSettings):
    """The settings that all services share; each room adds its own.

    `LEADLOOP_<ROOM>_DATABASE_URL` and `LEADLOOP_<ROOM>_PORT` come before the general names.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        frozen=True,
        extra="ignore",
        populate_by_name=True,
        # What was found may be a password.
        hide_input_in_errors=True,
    )

    room: ClassVar[str] = ""

    database_url: str = Field(
        "postgresql+asyncpg://postgres@localhost/leadloop",
        description="PostgreSQL, as SQLAlchemy writes it; a service keeps to its own schema.",
    )
    kafka: str = Field(
        "localhost:9092", description="The brokers to start from: host:port, comma separated."
    )
    kafka_security: Protocol = Field(
        "plaintext", description="How brokers are reached: with TLS, with a password, both."
    )
    kafka_sasl_mechanism: Mechanism | None = Field(
        None, description="How name and password are proven, with sasl_ssl or sasl_plaintext."
    )
    kafka_username: str = Field("", description="Who we are to the brokers.")
    kafka_password: SecretStr = Field(SecretStr(""), description="What proves it.")
    kafka_ca_file: Path | None = Field(
        None, description="PEM of who vouches for the brokers; the system's when unset."
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
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_json: bool = Field(True, description="JSON lines; false for lines that people read.")
    allow_private_endpoints: bool = Field(
        False,
        description="Let webhooks go to plain http and private addresses; for trying out.",
    )

    @field_validator("kafka")
    @classmethod
    def _is_bootstrap(cls, value: str) -> str:
        if not is_bootstrap(value):
            raise ValueError(f"expected host:port, several with commas, found {value!r}")
        return value

    @field_validator("kafka_sasl_mechanism", "kafka_ca_file", mode="before")
    @classmethod
    def _empty_is_unset(cls, value: object) -> object:
        return None if value == "" else value

    @field_validator("kafka_security", mode="before")
    @classmethod
    def _in_small_letters(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @model_validator(mode="after")
    def _brokers_fit(self) -> Self:
        contradictions = list(self.broker_security().contradictions())
        if contradictions:
            raise ValueError("; ".join(contradictions))
        return self

    def broker_security(self) -> Security:
        """Return how connections to the brokers are kept safe."""
        return Security(
            self.kafka_security,
            self.kafka_sasl_mechanism,
            self.kafka_username,
            self.kafka_password.get_secret_value(),
            self.kafka_ca_file,
        )

    @field_validator("database_url")
    @classmethod
    def _can_be_reached(cls, url: str) -> str:
        """Refuse what no connection can be made of; nothing of it is repeated: it is secret."""
        fault = fault_of_url(url)
        if fault:
            raise ValueError(f"expected {URL_FORM}, found {fault}")
        return url

    @field_validator("api_token")
    @classmethod
    def _names_a_token(cls, given: SecretStr) -> SecretStr:
        """Refuse a value that looks like tokens and opens /v1 to no one or to everyone."""
        if given.get_secret_value() and not tokens_in(given):
            raise ValueError("expected tokens, comma separated, found none between the commas")
        return given

    def tokens(self) -> tuple[str, ...]:
        """Return the API tokens; empty when none is set."""
        return tokens_in(self.api_token)

    @classmethod
    def variables(cls) -> frozenset[str]:
        """Return the names of the environment variables that are read."""
        return frozenset(
            variable
            for name, field in cls.model_fields.items()
            for variable in _variables(name, field.validation_alias)
        )


def tokens_in(given: SecretStr) -> tuple[str, ...]:
    """Return the tokens of a comma separated list."""
    return tuple(t.strip() for t in given.get_secret_value().split(",") if t.strip())


def fault_of_url(url: str) -> str:
    """Say what is wrong with a database's URL without repeating it; nothing when it is well."""
    try:
        parts = make_url(url)
    except (ArgumentError, ValueError):
        return "something else"
    if parts.drivername != SCHEME:
        return f"the scheme {parts.drivername}"
    if parts.host is None and not parts.query.get("host"):
        return "no host"
    if parts.host is not None and not _HOST.fullmatch(parts.host):
        return "a host that is none: @, / and % in a password are written %40, %2F and %25"
    unknown = sorted(set(parts.query) - _CONNECT_OPTIONS)
    hint = " (it is ssl here)" if "sslmode" in unknown else ""
    return f"the option {unknown[0]}, which asyncpg does not know{hint}" if unknown else ""


def _variables(name: str, alias: object) -> list[str]:
    """Return the variables that a field is read from, the first that is set counts."""
    if isinstance(alias, AliasChoices):
        return [c for c in alias.choices if isinstance(c, str) and c.startswith(PREFIX)]
    return [f"{PREFIX}{name}".upper()]


def room_folder(file: str) -> Path:
    """Return the folder of migrations beside a room's file."""
    return Path(file).parent / "migrations"
