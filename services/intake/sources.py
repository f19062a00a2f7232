"""The configured senders: read once from YAML, checked, their secrets from the environment."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from leadloop import signing
from services.intake.faults import load_yaml, sentences
from services.intake.senders.finder import Extras, Finders, compile_finder
from services.intake.senders.hubspot import HubSpot
from services.intake.senders.mapping import FieldMap
from services.intake.senders.mautic import Mautic
from services.intake.senders.plain import Plain, Proof
from services.intake.senders.sender import Sender
from services.intake.senders.standard import Standard

# The source of leads that are given by hand, at POST /v1/leads.
API = "api"
BODY_BYTES_MAX = 1024 * 1024
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_NAMED = f"a name of lower-case letters, digits and hyphens other than {API}, which is ours"
_DAY_SECONDS = 24 * 60 * 60
_LEAD_FIELDS = (
    "id",
    "external_id",
    "occurred_at",
    "email",
    "first_name",
    "last_name",
    "phone",
    "company",
    "job_title",
    "country",
    "consent",
)


class SourcesError(ValueError):
    """The file of sources can't be used; the message names every key that is wrong."""


@dataclass(frozen=True, slots=True)
class Source:
    """One sender, ready.

    Attributes:
        name: Its name in /hooks/{name}.
        type: Which sender it is, for people to read.
        sender: How it proves itself and what it says.
        answer_status: The status of an answer to what was taken.
        body_bytes_max: The largest body.
        is_signed: Whether requests must prove who sent them.
    """

    name: str
    type: str
    sender: Sender
    answer_status: int
    body_bytes_max: int
    is_signed: bool


def _expression(text: str) -> str:
    """Return the expression when it can be compiled."""
    compile_finder("", text)
    return text


Expression = Annotated[str, AfterValidator(_expression)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TouchMapping(_Strict):
    """Where the parts of a touch stand."""

    source: Expression | None = None
    medium: Expression | None = None
    campaign: Expression | None = None
    content: Expression | None = None
    term: Expression | None = None
    referrer: Expression | None = None


class ActivityMapping(_Strict):
    """Where an engagement's kind and details stand; a kind in quotes is always the same."""

    kind: Expression
    attributes: dict[str, Expression] = {}


class MappingSettings(_Strict):
    """Where our fields stand in a sender's JSON, as JMESPath expressions."""

    items: Expression | None = None
    id: Expression | None = None
    external_id: Expression | None = None
    occurred_at: Expression | None = None
    email: Expression | None = None
    first_name: Expression | None = None
    last_name: Expression | None = None
    phone: Expression | None = None
    company: Expression | None = None
    job_title: Expression | None = None
    country: Expression | None = None
    consent: Expression | None = None
    attributes: dict[str, Expression] = {}
    touch: TouchMapping = TouchMapping()
    activity: ActivityMapping | None = None

    @model_validator(mode="after")
    def _names_a_person(self) -> "MappingSettings":
        if not (self.email or self.external_id):
            raise ValueError("expected email or external_id, found neither")
        return self


class ProofSettings(_Strict):
    """The header by which a plain sender proves itself."""

    header: str = Field(
        "x-signature",
        pattern=r"^[A-Za-z0-9-]+$",
        description="the name of a header: letters, digits and hyphens",
    )
    scheme: Literal["hex", "base64", "token"] = "hex"
    prefix: str = ""


class _SourceSettings(_Strict):
    secret_env: str | None = Field(
        None,
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*$",
        description="the name of the environment variable that holds the secret",
    )
    unsigned: bool = False
    answer_status: Literal[200, 201, 202, 204] = 202
    body_bytes_max: int = Field(BODY_BYTES_MAX, gt=0, le=64 * BODY_BYTES_MAX)

    @model_validator(mode="after")
    def _says_whether_signed(self) -> "_SourceSettings":
        if bool(self.secret_env) == self.unsigned:
            found = "both" if self.unsigned else "neither"
            raise ValueError(f"expected either secret_env or unsigned: true, found {found}")
        return self


class _ExtrasSettings(_SourceSettings):
    attributes: dict[str, Expression] = {}
    activity: ActivityMapping | None = None


class HubSpotSettings(_ExtrasSettings):
    """A HubSpot app or workflow; `public_url` is what it signs with every request."""

    type: Literal["hubspot"]
    public_url: str = Field(
        pattern=r"^https?://[^/?#\s]+/[^?#\s]*$",
        description="a whole address such as https://leads.example.com/hooks/hubspot",
    )
    tolerance_seconds: int = Field(300, gt=0, le=_DAY_SECONDS)


class MauticSettings(_ExtrasSettings):
    """A Mautic, whose contacts and events need no mapping."""

    type: Literal["mautic"]


class StandardSettings(_SourceSettings):
    """A sender of Standard Webhooks; several secrets, separated by blanks, while it rotates."""

    type: Literal["standard"]
    tolerance_seconds: int = Field(300, gt=0, le=_DAY_SECONDS)
    mapping: MappingSettings


class PlainSettings(_SourceSettings):
    """Any sender of JSON."""

    type: Literal["plain"]
    proof: ProofSettings = ProofSettings()
    mapping: MappingSettings


SourceSettings = Annotated[
    HubSpotSettings | MauticSettings | StandardSettings | PlainSettings,
    Field(discriminator="type"),
]


_KINDS: Mapping[str, type[_SourceSettings]] = {
    "hubspot": HubSpotSettings,
    "mautic": MauticSettings,
    "standard": StandardSettings,
    "plain": PlainSettings,
}


class SourcesFile(_Strict):
    """The whole file: each source by the name that stands in the address of its hook."""

    sources: dict[str, SourceSettings]


def load_sources(path: Path, environ: Mapping[str, str]) -> dict[str, Source]:
    """Return the sources of a file by name.

    Raises:
        SourcesError: The file can't be read, or a key of it is wrong, or a secret is missing.
    """
    try:
        content = load_yaml(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SourcesError(f"{path}: expected a file, found: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SourcesError(f"{path}: expected text in UTF-8, found: {error.reason}") from error
    except yaml.YAMLError as error:
        said = " ".join(str(error).split())
        raise SourcesError(f"{path}: expected YAML, found: {said}") from error
    return parse_sources(content, environ, where=str(path))


def parse_sources(
    content: object, environ: Mapping[str, str], *, where: str = "sources"
) -> dict[str, Source]:
    """Return the sources of a file's content by name; `where` begins each error.

    Raises:
        SourcesError: A key is wrong or a secret is missing.
    """
    try:
        settings = SourcesFile.model_validate(content).sources
    except ValidationError as error:
        told = sentences(error.errors(include_url=False), SourcesFile, _KINDS)
        raise SourcesError("\n".join(f"{where}: {one}" for one in told)) from error
    for name in settings:
        if not _NAME.fullmatch(name) or name == API:
            raise SourcesError(f"{where}: sources.{name}: expected {_NAMED}")
    return {name: _source(name, found, environ, where) for name, found in settings.items()}


def _source(
    name: str, settings: SourceSettings, environ: Mapping[str, str], where: str
) -> Source:
    secret = _secret(name, settings, environ, where)
    try:
        sender = _sender(settings, secret)
    except ValueError as error:
        key = f"sources.{name}.secret_env: {settings.secret_env}"
        raise SourcesError(f"{where}: {key}: {error}") from error
    return Source(
        name=name,
        type=settings.type,
        sender=sender,
        answer_status=settings.answer_status,
        body_bytes_max=settings.body_bytes_max,
        is_signed=not settings.unsigned,
    )


def _secret(name: str, settings: SourceSettings, environ: Mapping[str, str], where: str) -> str:
    """Return the secret; a source without one must say so in the file."""
    if settings.secret_env is None:
        return ""
    secret = environ.get(settings.secret_env, "")
    if not secret.strip():
        key = f"sources.{name}.secret_env"
        raise SourcesError(
            f"{where}: {key}: expected a secret in the environment variable "
            f"{settings.secret_env}, found nothing"
        )
    return secret


def _sender(settings: SourceSettings, secret: str) -> Sender:
    if isinstance(settings, HubSpotSettings):
        tolerance = timedelta(seconds=settings.tolerance_seconds)
        return HubSpot(secret, settings.public_url, tolerance, _extras(settings))
    if isinstance(settings, MauticSettings):
        return Mautic(secret, _extras(settings))
    mapping = _field_map(settings.mapping)
    if isinstance(settings, PlainSettings):
        proof = settings.proof
        return Plain(secret, Proof(proof.header.lower(), proof.scheme, proof.prefix), mapping)
    secrets = tuple(signing.decode_secret(text) for text in secret.split())
    return Standard(secrets, mapping, timedelta(seconds=settings.tolerance_seconds))


def _field_map(settings: MappingSettings) -> FieldMap:
    """Compile a mapping."""
    fields = {name: getattr(settings, name) for name in _LEAD_FIELDS}
    return FieldMap(
        fields=dict(_finders("", fields)),
        items=compile_finder("items", settings.items) if settings.items else None,
        touch=_finders("touch.", settings.touch.model_dump()),
        extras=_extras(settings),
    )


def _extras(settings: MappingSettings | _ExtrasSettings) -> Extras:
    activity = settings.activity
    return Extras(
        attributes=_finders("attributes.", settings.attributes),
        kind=compile_finder("activity.kind", activity.kind) if activity else None,
        details=_finders("activity.attributes.", activity.attributes) if activity else (),
    )


def _finders(prefix: str, expressions: Mapping[str, str | None]) -> Finders:
    return tuple(
        (name, compile_finder(prefix + name, expression))
        for name, expression in expressions.items()
        if expression
    )
