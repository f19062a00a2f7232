"""The routes of predictive models: add one, look at it, forget it."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from leadloop.database import Work
from leadloop.errors import Conflict, FieldError, NotFound, Rejected
from leadloop.paging import (
    Cursor,
    Limit,
    Page,
    encode_cursor,
    next_of,
    place_in,
)
from leadloop.web import Router, WorkDep, idempotent
from services.scoring.handlers import RESCORE
from services.scoring.models import store
from services.scoring.models.model import TEXT_MAX, Model, Unsound, as_text, read_model
from services.scoring.models.store import Kept

NOTE_LENGTH_MAX = 500
_ONCE = [Depends(idempotent)]
_AFTER_ALL = (datetime(9999, 1, 1, tzinfo=UTC), "")

Version = Annotated[str, Path(pattern="^[0-9a-f]{8,64}$")]


class ModelIn(BaseModel):
    """A model as `leadloop agreement learn --predictive` writes it, unchanged."""

    model_config = ConfigDict(extra="forbid")

    sha256: str = Field(pattern="^[0-9a-f]{64}$", description="Of `model`.")
    model: str = Field(max_length=TEXT_MAX, description="The model, JSON as text.")


class ModelOut(BaseModel):
    """A model that is kept."""

    model_config = ConfigDict(from_attributes=True)

    version: str = Field(description="For `predictive_model` in an agreement.")
    sha256: str
    learned_from: int = Field(description="Leads.")
    won: int = Field(description="Of them.")
    until: str = Field(description="When the newest of them came, UTC.")
    note: str
    created_at: datetime


class UserOut(BaseModel):
    """An agreement that names a model."""

    model_config = ConfigDict(from_attributes=True)

    name: str
    version: int = Field(description="0 for a proposal that runs as a shadow.")


class ModelDetail(ModelOut):
    """A model with what it was learned from."""

    library: str = Field(description="What grew its trees.")
    trees: int
    columns: list[str] = Field(description="Fields of leads that it reads.")
    rules: list[str] = Field(description="Rules whose strength it reads.")
    used_by: list[UserOut]


router = Router(prefix="/v1/models", tags=["models"])


@router.post("", status_code=201, dependencies=_ONCE)
async def add_model(
    said: ModelIn,
    work: WorkDep,
    response: Response,
    note: Annotated[str, Query(max_length=NOTE_LENGTH_MAX)] = "",
) -> ModelOut:
    """Keep a model, so that an agreement that names its version can be scored by.

    One that is kept already is answered with 200; what a version says never changes.
    """
    model = _read(said)
    kept = _kept(said, model, note, work.now)
    text = as_text(said.sha256, said.model)
    if await store.add(work.connection, kept, text.encode()):
        # Leads of an agreement that was signed before are judged again.
        work.wakes.add(RESCORE)
        return ModelOut.model_validate(kept)
    there = await _find(work, kept.version)
    if there.sha256 != kept.sha256:
        raise Conflict(f"Another model has the version {kept.version}, and it stays as it is.")
    response.status_code = 200
    return ModelOut.model_validate(there)


@router.get("")
async def list_models(
    work: WorkDep, limit: Limit = 50, cursor: Cursor = None
) -> Page[ModelOut]:
    """List the models that are kept, the newest first."""
    # The first page is behind no model.
    before = place_in(cursor, 2, _position, _AFTER_ALL)
    found = await store.newest(work.connection, before, limit + 1)
    return Page(
        items=[ModelOut.model_validate(kept) for kept in found[:limit]],
        next=next_of(found, limit, _cursor),
    )


@router.get("/{version}")
async def get_model(version: Version, work: WorkDep) -> ModelDetail:
    """Show a model: what it was learned from, what it reads, who names it."""
    kept = await _find(work, version)
    model = await store.find_model(work.connection, version)
    if model is None:
        raise NotFound(f"The model {version} can't be read any more: add it again.")
    predictor = model.predictor
    return ModelDetail(
        **ModelOut.model_validate(kept).model_dump(),
        library=predictor.library,
        trees=len(predictor.forest.trees),
        columns=[column.name for column in predictor.columns],
        rules=list(predictor.rules),
        used_by=[
            UserOut.model_validate(user)
            for user in await store.users(work.connection, kept.version)
        ],
    )


@router.delete("/{version}", status_code=204)
async def delete_model(version: Version, work: WorkDep) -> None:
    """Forget a model that no agreement names, or ever named: past scores stay explained."""
    await _find(work, version)
    users = await store.users(work.connection, version)
    if users:
        named = ", ".join(_named(user) for user in users[:5])
        raise Conflict(f"The model {version} is named by {named}, so it has to stay.")
    await store.delete(work.connection, version)


def _read(said: ModelIn) -> Model:
    """Read a model.

    Raises:
        Rejected: It was changed on the way, or can't be judged by.
    """
    try:
        return read_model(as_text(said.sha256, said.model))
    except Unsound as error:
        expected, _, found = str(error).partition(", found ")
        fault = FieldError("/model", expected, found or "something else")
        raise Rejected("This is no model that can be judged by.", fault) from error


def _kept(said: ModelIn, model: Model, note: str, now: datetime) -> Kept:
    predictor = model.predictor
    return Kept(
        version=predictor.version,
        sha256=said.sha256,
        learned_from=predictor.learned_from,
        won=predictor.won,
        until=predictor.until,
        note=note,
        created_at=now,
    )


async def _find(work: Work, version: str) -> Kept:
    kept = await store.find(work.connection, version)
    if kept is None:
        raise NotFound(f"There is no model {version}.")
    return kept


def _named(user: store.User) -> str:
    if user.version:
        return f"version {user.version} of the agreement {user.name}"
    return f"a shadow of the agreement {user.name}"


def _cursor(kept: store.Kept) -> str:
    return encode_cursor(kept.created_at.isoformat(), kept.version)


def _position(at: str, version: str) -> tuple[datetime, str]:
    moment = datetime.fromisoformat(at)
    if moment.tzinfo is None:
        raise ValueError(f"expected a time with its zone, found {at!r}")
    return moment, version
