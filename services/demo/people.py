"""The people that marketing reaches, all made up: who they are, and what nobody knows yet."""

from dataclasses import dataclass
from random import Random

from services.demo.company import CAMPAIGNS, Campaign, Sender, Size


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_FIRST_NAMES = _words(
    "Anna Lukas Emine Paul Clara Mehmet Greta Noah Ida Jakub Lena Felix Aylin Moritz Nora "
    "Tim Sofia Jan Miriam Oskar Helena Emil Zofia Karl Lea Anton Fatima Erik Judith Milan "
    "Jörg Käthe Rosa Sven Ulrike Viktor Wanda Yusuf Birgit Theo"
)
_LAST_NAMES = _words(
    "Adler Baumann Celik Dietrich Ebert Falk Graf Hartmann Ivanov Jansen Kaiser Lorenz "
    "Möller Neumann Ostermann Petersen Quast Reuter Schäfer Thiel Ullrich Voss Winkler "
    "Yilmaz Ziegler Arnold Böhm Conrad Demir Engel Franke Günther Heinz Jäger Krause Lang "
    "Marek Nowicki Oswald Pohl"
)
_PLACES = _words(
    "Alster Havel Isar Neckar Eider Harz Spree Taunus Eifel Rhön Saale Mosel Allgäu Donau "
    "Wesel Fläming Börde Steiger Solling Deister"
)
_TRADES = _words(
    "Logistik Textil Metallbau Backwaren Kliniken Druck Pflege Recycling Gastro Verpackung "
    "Kühlhaus Fahrdienst Gartenbau Reinigung Möbel"
)
_DECIDERS = (
    "Head of Operations", "Betriebsleiterin", "Chief Operating Officer", "Werksleiter",
    "HR Director", "Owner", "Schichtleiterin",
)  # fmt: skip
_OTHERS = ("Planner", "Assistant", "Controller", "Consultant", "HR Specialist")
# Berlin, Frankfurt, Hamburg, Cologne, Munich: numbers that no one has.
_PHONE_RANGES = ("+493023125", "+496990009", "+494066969", "+492214710", "+498999998")
_FOLDED = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})

PRIVATE_MAILBOX = "postfach.example"
RIVAL = "rivalplan.example"


@dataclass(frozen=True, slots=True)
class Person:
    """Someone marketing reaches.

    Attributes:
        number: Also their id with the sender; 0 is the one whose story the demo tells.
        fits: Whether their company could buy.
        needs: Whether they have the problem now.
        is_reachable: Whether the contact data are right.
    """

    number: int
    campaign: Campaign
    email: str
    first_name: str
    last_name: str
    phone: str
    company: str
    job_title: str
    country: str
    employees: int
    fits: bool
    needs: bool
    is_reachable: bool

    @property
    def sender(self) -> Sender:
        """Tell which system got to know them first."""
        return self.campaign.sender


def people_of(size: Size, seed: int) -> list[Person]:
    """Make up everybody of the quarter; the same seed makes the same people."""
    found: list[Person] = [HEROINE]
    known = {HEROINE.email}
    for number in range(1, size.leads):
        person = _person(number, Random(f"{seed}/person/{number}"), known)  # noqa: S311 (a story)
        known.add(person.email)
        found.append(person)
    return found


def _person(number: int, random: Random, known: set[str]) -> Person:
    campaign = random.choices(CAMPAIGNS, [one.share for one in CAMPAIGNS])[0]
    fits = random.random() < campaign.fits
    first, last = random.choice(_FIRST_NAMES), random.choice(_LAST_NAMES)
    place, trade = random.choice(_PLACES), random.choice(_TRADES)
    domain = _domain(f"{place}-{trade}", random, fits=fits)
    email = f"{first}.{last}".lower().translate(_FOLDED)
    return Person(
        number=number,
        campaign=campaign,
        email=_unused(email, domain, number, known),
        first_name=first,
        last_name=last,
        phone=_phone(number, random),
        company="" if domain == PRIVATE_MAILBOX else f"{place} {trade}",
        job_title=_job_title(random, fits=fits),
        country=_country(random, fits=fits),
        employees=random.randrange(50, 900) if fits else random.randrange(1, 60),
        fits=fits,
        needs=fits and random.random() < campaign.needs,
        is_reachable=random.random() < campaign.reachable,
    )


def _domain(company: str, random: Random, *, fits: bool) -> str:
    drawn = random.random()
    if not fits and drawn < 0.03:
        return RIVAL
    if drawn < (0.04 if fits else 0.4):
        return PRIVATE_MAILBOX
    return f"{company}.example".lower().translate(_FOLDED)


def _unused(name: str, domain: str, number: int, known: set[str]) -> str:
    email = f"{name}@{domain}"
    return email if email not in known else f"{name}{number}@{domain}"


def _phone(number: int, random: Random) -> str:
    if random.random() < 0.2:
        return ""
    return f"{random.choice(_PHONE_RANGES)}{number % 1_000:03}"


def _job_title(random: Random, *, fits: bool) -> str:
    if random.random() < (0.65 if fits else 0.25):
        return random.choice(_DECIDERS)
    return "Student" if not fits and random.random() < 0.3 else random.choice(_OTHERS)


def _country(random: Random, *, fits: bool) -> str:
    at_home = ["Germany", "Germany", "Germany", "Austria", "Switzerland"]
    abroad = ["Netherlands", "Poland", "France", "Denmark"]
    return random.choice(at_home if random.random() < (0.95 if fits else 0.6) else abroad)


# Whatever the seed: the lead whose timeline is told. See journeys.py and sales.py for her part.
HEROINE = Person(
    number=0,
    campaign=next(one for one in CAMPAIGNS if one.name == "shift-webinar"),
    email="hanna.brandt@eider-logistik.example",
    first_name="Hanna",
    last_name="Brandt",
    phone="+494066969000",
    company="Eider Logistik",
    job_title="Head of Operations",
    country="Germany",
    employees=340,
    fits=True,
    needs=True,
    is_reachable=True,
)
