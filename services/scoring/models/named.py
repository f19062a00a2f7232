"""Agreements that are tried, with the models that they name: of files, or kept by scoring.

A model travels as its text, so that other processes can read it.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

from leadloop.connection import Connection
from leadloop.errors import Rejected
from services.scoring.contract import agreement_of
from services.scoring.definition import Agreement
from services.scoring.models import store as model_store
from services.scoring.models.model import TEXT_MAX, Model, Unsound, read_model


# A proposal and what it is compared with, and those of the one before.
@lru_cache(maxsize=4)
def judge_from(body: bytes, models: tuple[str, ...]) -> Agreement:
    """Return an agreement, compiled, with the model that it names if that is among these.

    Raises:
        Unsound: A text is no model.
    """
    return with_named(agreement_of(body), models)


def with_named(agreement: Agreement, models: Iterable[str]) -> Agreement:
    """Return an agreement with the model that it names, if that is among these texts.

    Raises:
        Unsound: A text is no model.
    """
    for model in map(_read, models):
        if model.version == agreement.predictive_model:
            return agreement.with_model(model)
    return agreement


def models_from(files: Sequence[Path]) -> tuple[str, ...]:
    """Return the texts of models as `leadloop agreement learn --predictive` writes them.

    Raises:
        Rejected: A file can't be read, is no sound model, or is of the version of another.
    """
    found: dict[str, str] = {}
    for file in files:
        text = _text_of(file)
        try:
            version = _read(text).version
        except Unsound as error:
            raise Rejected(f"{file}: expected {error}.") from error
        if found.get(version, text) != text:
            raise Rejected(f"{file}: another file holds a model of the version {version} too.")
        found[version] = text
    return tuple(found.values())


def require_named(models: Sequence[str], agreements: Sequence[Agreement]) -> None:
    """Refuse a model that none of the agreements names: it would change nothing.

    Raises:
        Rejected: There is such a model.
    """
    named = [one.predictive_model for one in agreements if one.predictive_model]
    for version in (_read(text).version for text in models):
        if version not in named:
            told = " and ".join(dict.fromkeys(named))
            names = f"the model {told}" if told else "no model"
            raise Rejected(
                f"No agreement names the model {version} of --model; what is tried names "
                f"{names}: write `predictive_model: {version}`, or leave --model out."
            )


async def find_named(
    connection: Connection, agreements: Sequence[Agreement], models: Sequence[str] = ()
) -> tuple[str, ...]:
    """Return these models, and those that agreements name and scoring keeps."""
    known = {_read(text).version: text for text in models}
    for version in dict.fromkeys(one.predictive_model for one in agreements):
        if version and version not in known:
            text = await model_store.find_text(connection, version)
            if text is not None:
                known[version] = text
    return tuple(known.values())


@lru_cache(maxsize=4)
def _read(text: str) -> Model:
    return read_model(text)


def _text_of(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return opened.read(TEXT_MAX + 1).decode()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "is no text in UTF-8"
        raise Rejected(f"{file}: {reason.lower()}.") from error
