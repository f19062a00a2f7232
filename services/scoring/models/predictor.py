"""A learned model at work: the chance of one lead, and why; with Python alone.

Kept as JSON with a hash of itself, so that a text that was cut or changed is refused.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Final

from services.scoring.models.chances import Chances
from services.scoring.models.columns import Column, Field, Reader
from services.scoring.models.contributions import contributions, expected_log_odds
from services.scoring.models.forest import Forest, read_forest

FORMAT: Final = 1
# The model's size is bound by its trees; a longer text is none of ours.
TEXT_MAX: Final = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one feature did for the chance of one lead.

    Attributes:
        value: What the lead has there, None when nothing.
        effect: What it added to the log-odds.
    """

    feature: str
    value: Field
    effect: float


@dataclass(frozen=True, slots=True)
class Prediction:
    """The score of one lead with its parts.

    Attributes:
        base: The log-odds that a lead has of which nothing is known; they and the effects
            of the parts sum to `log_odds`.
        parts: Those that did most come first; features without any effect are left out.
    """

    score: float
    base: float
    log_odds: float
    parts: tuple[Contribution, ...]


@dataclass(frozen=True)
class Predictor:
    """A model of one version.

    Attributes:
        version: Tells what it was learned from and how; see `predictive.learn_predictor`.
        columns: How raw columns are read; the first features.
        rules: Names of the rules whose strengths are the other features.
        chances: From what the trees say to log-odds of being won.
        library: What grew the trees.
        learned_from: Leads it was learned from; `won` of them were won.
        until: When the newest of them stood as it was learned.
    """

    version: str
    columns: tuple[Column, ...]
    rules: tuple[str, ...]
    forest: Forest
    chances: Chances
    library: str
    learned_from: int
    won: int
    until: str

    @property
    def features(self) -> tuple[str, ...]:
        """Name the features in their order."""
        return (*(column.name for column in self.columns), *self.rules)

    def score(self, fields: Mapping[str, Field], strengths: Mapping[str, float]) -> float:
        """Return the chance in percent, to a tenth: of a hundred leads at 42.0, 42 are won.

        A column or a rule that the lead does not have counts as missing.
        """
        return as_score(self.chances.of(self.forest.log_odds(self.row(fields, strengths))))

    def explain(
        self, fields: Mapping[str, Field], strengths: Mapping[str, float]
    ) -> Prediction:
        """Return the score with what each feature did for it."""
        row = self.row(fields, strengths)
        raw = self.forest.log_odds(row)
        slope = self.chances.slope
        values = [*(fields.get(c.name) for c in self.columns), *map(strengths.get, self.rules)]
        parts = [
            Contribution(self.features[feature], values[feature], slope * effect)
            for feature, effect in contributions(self.forest, row).items()
        ]
        parts.sort(key=lambda part: (-abs(part.effect), part.feature))
        return Prediction(
            score=as_score(self.chances.of(raw)),
            base=self.chances.log_odds(expected_log_odds(self.forest)),
            log_odds=self.chances.log_odds(raw),
            parts=tuple(parts),
        )

    def row(self, fields: Mapping[str, Field], strengths: Mapping[str, float]) -> list[float]:
        """Return a lead's features as numbers."""
        read = [
            reader.read(fields.get(column.name))
            for column, reader in zip(self.columns, self._readers, strict=True)
        ]
        return [*read, *(strengths.get(rule, float("nan")) for rule in self.rules)]

    def to_json(self) -> str:
        """Return a text that `read_predictor` reads."""
        body = {
            **asdict(self),
            "forest": self.forest.to_json(),
            "format": FORMAT,
        }
        text = json.dumps(body, sort_keys=True, allow_nan=False, separators=(",", ":"))
        return json.dumps({"sha256": _digest(text), "model": text})

    @cached_property
    def _readers(self) -> tuple[Reader, ...]:
        """Keep what reads the columns."""
        return tuple(column.reader() for column in self.columns)


def read_predictor(text: str) -> Predictor:
    """Return the model that `to_json` wrote.

    Raises:
        ValueError: The text is too long, cut, changed, or of another format.
    """
    if len(text) > TEXT_MAX:
        raise ValueError(f"expected at most {TEXT_MAX:,} characters, found {len(text):,}")
    kept = _object(text, "a kept model")
    model = kept.get("model")
    if not isinstance(model, str) or kept.get("sha256") != _digest(model):
        raise ValueError("expected a model with its own hash, found one that was changed")
    body = _object(model, "a model")
    if body.get("format") != FORMAT:
        raise ValueError(f"expected format {FORMAT}, found {body.get('format')!r:.40}")
    return Predictor(
        version=body["version"],
        columns=tuple(
            Column(
                c["name"], None if c["levels"] is None else tuple(c["levels"]), c["has_others"]
            )
            for c in body["columns"]
        ),
        rules=tuple(body["rules"]),
        forest=read_forest(body["forest"]),
        chances=Chances(**body["chances"]),
        library=body["library"],
        learned_from=body["learned_from"],
        won=body["won"],
        until=body["until"],
    )


def as_score(chance: float) -> float:
    """Return a chance in percent, to a tenth."""
    return round(100 * chance, 1)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _object(text: str, what: str) -> dict[str, Any]:
    """Read an object of JSON."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"expected {what} in JSON, found something else") from error
    return found if isinstance(found, dict) else {}
