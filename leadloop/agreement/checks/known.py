"""What is known of the values that conditions see, whatever the agreement says."""

from dataclasses import dataclass

from leadloop.possible import Possible, Read
from leadloop.possible.forms import CODE, LOWER, NO_NUMBER, PHONE
from leadloop.possible.ranges import Numbers, between
from leadloop.possible.texts import ALL_TEXTS, SIZES, Kind, Texts, Trait, having, listed
from leadloop.possible.value import ANYTHING, MISSING, SOMETHING, a_number, a_text

# Intake keeps here what it could not bring into its form.
RAW_FIELDS = frozenset({"phone_raw", "country_raw"})
ACTIVITY_FIELDS = ("kind", "url", "form")
CONSENTS = ("granted", "denied", "unknown")


def _formed(form: str) -> Texts:
    return having(Kind.FORM, form, wanted=True)


_NO_AT = having(Kind.CONTAINS, "@", wanted=False)
_FILLED = Texts(
    None,
    frozenset({Trait(Kind.FORM, NO_NUMBER), Trait(Kind.EQUALS, "", wanted=False)}),
    SIZES.both(between(1, float("inf"))),
)

# The fields that every lead has, always as texts, empty when they are not known.
LEAD_FIELDS = {
    "email": a_text(_formed(LOWER)),
    "email_domain": a_text(_formed(LOWER).both(_NO_AT)),
    "first_name": a_text(ALL_TEXTS),
    "last_name": a_text(ALL_TEXTS),
    "phone": a_text(_formed(PHONE)),
    "company": a_text(ALL_TEXTS),
    "job_title": a_text(ALL_TEXTS),
    "country": a_text(_formed(CODE)),
    "consent": a_text(listed(*CONSENTS)),
}
# An attribute that is empty is missing, and one that is written as a number is a number.
ATTRIBUTE = Possible(True, Numbers(), _FILLED)
_URL_OR_FORM = Possible(False, Numbers(), _formed(NO_NUMBER))


@dataclass(frozen=True)
class Known:
    """What the sources fill; None where that is not known.

    Attributes:
        attributes: Of leads, beside the fields that every lead has.
        activity_fields: Beside those that every activity has.
        kinds: Of activities.
        columns: Of the CSV that stands in for the history; its values have no form.
        where: Who fills them, for people.
    """

    attributes: frozenset[str] | None = None
    activity_fields: frozenset[str] | None = None
    kinds: frozenset[str] | None = None
    columns: frozenset[str] | None = None
    where: str = "the sources"

    @property
    def lead_fields(self) -> frozenset[str] | None:
        """Return the fields that a lead may have; None when it may have any."""
        if self.columns is not None:
            return self.columns
        if self.attributes is None:
            return None
        return self.attributes | LEAD_FIELDS.keys() | RAW_FIELDS

    def value(self, read: Read) -> Possible:
        """Return what a value of a lead or of an activity can be."""
        if self.columns is not None:
            return ANYTHING
        if read.record == "lead":
            return LEAD_FIELDS.get(read.name, ATTRIBUTE)
        if read.name == "kind":
            return a_text(ALL_TEXTS)
        return _URL_OR_FORM if read.name in ACTIVITY_FIELDS else ATTRIBUTE


@dataclass(frozen=True)
class Scope:
    """What the values are where a condition is judged: a domain for proofs.

    Attributes:
        kind: Of the activities judged; empty for any.
        fit, engagement, total: What the sums can come to, None where there is no score.
        products: The product lines, with what each can come to.
        has_model: Whether there is a predicted score.
    """

    known: Known
    kind: str = ""
    fit: Numbers | None = None
    engagement: Numbers | None = None
    total: Numbers | None = None
    products: tuple[tuple[str, Numbers], ...] = ()
    has_model: bool = False

    def __call__(self, read: Read) -> Possible:
        """Return what a value can be."""
        if read.record == "products":
            found = dict(self.products).get(read.name)
            return MISSING if found is None else a_number(found)
        if not read.record:
            return self._sum(read.name)
        if self.kind and read == Read("activity", "kind"):
            return a_text(listed(self.kind))
        return self.known.value(read)

    def _sum(self, name: str) -> Possible:
        if name == "predicted":
            return a_number(between(0, 100)) if self.has_model else MISSING
        numbers = {"fit": self.fit, "engagement": self.engagement, "total": self.total}
        if name not in numbers:
            return SOMETHING
        found = numbers[name]
        return MISSING if found is None else a_number(found)
