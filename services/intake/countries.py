"""Country names and codes as people and senders write them, to ISO 3166-1 alpha-2."""

import unicodedata
from functools import cache

from holidays.registry import COUNTRIES

# Names that the table of `holidays` lacks: formal, older and everyday ones, and those that
# Mautic's list of countries uses.
_ALSO = {
    "AX": "Aland",
    "BA": "Bosnia|Bosnia Herzegovina",
    "BN": "Brunei Darussalam",
    "BO": "Bolivia (Plurinational State of)",
    "BQ": "Caribbean Netherlands|Bonaire",
    "CC": "Cocos (Keeling) Islands",
    "CD": "Democratic Republic of the Congo|Congo (Kinshasa)|DRC|Zaire",
    "CG": "Republic of the Congo|Congo (Brazzaville)",
    "CH": "Schweiz|Suisse",
    "CI": "Cote d'Ivoire",
    "CN": "People's Republic of China|PRC",
    "CV": "Cape Verde",
    "CZ": "Czech Republic",
    "DE": "Deutschland|Federal Republic of Germany",
    "FK": "Falkland Islands (Malvinas)",
    "FM": "Federated States of Micronesia",
    "GB": "UK|Great Britain|Britain|England|Scotland|Wales|Northern Ireland",
    "GM": "The Gambia",
    "BS": "The Bahamas",
    "HK": "Hong Kong",
    "IR": "Islamic Republic of Iran",
    "KN": "St. Kitts and Nevis",
    "KP": "Democratic People's Republic of Korea",
    "KR": "Korea|Republic of Korea|Korea, South",
    "LA": "Lao People's Democratic Republic",
    "LC": "St. Lucia",
    "MD": "Republic of Moldova",
    "MK": "Macedonia|Republic of North Macedonia",
    "MM": "Burma",
    "MO": "Macao",
    "NL": "Holland|The Netherlands",
    "PH": "The Philippines",
    "PN": "Pitcairn",
    "PS": "Palestinian Territory|State of Palestine",
    "RU": "Russian Federation",
    "SH": "Saint Helena",
    "SY": "Syria",
    "SZ": "Swaziland",
    "TL": "East Timor",
    "TR": "Turkiye",
    "TW": "Taiwan, Province of China",
    "TZ": "United Republic of Tanzania",
    "US": "United States of America|America|U.S.|U.S.A.|The United States",
    "AE": "UAE|Emirates",
    "VA": "Vatican|Holy See",
    "VC": "St. Vincent and the Grenadines|Saint Vincent",
    "VE": "Bolivarian Republic of Venezuela",
    "VG": "Virgin Islands, British",
    "VI": "US Virgin Islands|Virgin Islands, U.S.",
    "VN": "Viet Nam",
}


def country_code(text: str) -> str:
    """Return the code of a country given by code or English name; empty when unknown."""
    return _table().get(_plain(text), "")


@cache
def _table() -> dict[str, str]:
    """Return every known code and name in plain spelling, with its alpha-2 code."""
    table: dict[str, str] = {}
    for name, (_, alpha_2, alpha_3, *_) in COUNTRIES.items():
        for spelling in (name.replace("_", " "), alpha_2, alpha_3):
            table[_plain(spelling)] = alpha_2
    for alpha_2, names in _ALSO.items():
        table.update((_plain(name), alpha_2) for name in names.split("|"))
    return table


def _plain(text: str) -> str:
    """Return letters only, lower case, without accents: what two spellings have in common."""
    parts = unicodedata.normalize("NFKD", text.replace("&", "and"))
    return "".join(letter for letter in parts if letter.isalpha()).lower()
