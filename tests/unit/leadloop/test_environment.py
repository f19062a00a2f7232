import pytest
from pydantic import ValidationError

from leadloop.environment import misspelt, sentences
from services.intake.settings import Settings
from services.rooms import misspelt_variables


def said_of(monkeypatch, **variables: str) -> list[str]:
    """Read intake's settings from these variables; return what is said of them."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError) as raised:
        Settings()
    return sentences(raised.value, variables)


def test_every_wrong_variable_is_named_as_people_set_it(monkeypatch):
    said = said_of(
        monkeypatch,
        LEADLOOP_BODY_BYTES_MAX="0",
        LEADLOOP_LOG_LEVEL="loud",
        LEADLOOP_INTAKE_WAITING_REQUESTS_MAX="few",
    )

    assert sorted(said) == [
        "LEADLOOP_BODY_BYTES_MAX: expected more than 0, found '0'",
        "LEADLOOP_INTAKE_WAITING_REQUESTS_MAX: expected a whole number, found 'few'",
        "LEADLOOP_LOG_LEVEL: expected 'DEBUG', 'INFO', 'WARNING' or 'ERROR', found 'loud'",
    ]


@pytest.mark.parametrize("name", ["LEADLOOP_PORT", "LEADLOOP_INTAKE_PORT"])
def test_of_a_general_name_and_a_rooms_own_the_one_that_was_set_is_named(monkeypatch, name):
    (said,) = said_of(monkeypatch, **{name: "99999"})

    assert said == f"{name}: expected 65535 or less, found '99999'"


def test_variables_that_do_not_fit_together_are_told_in_one_line(monkeypatch):
    (said,) = said_of(monkeypatch, LEADLOOP_KAFKA_USERNAME="leadloop")

    needed = "LEADLOOP_KAFKA_SECURITY=sasl_ssl or sasl_plaintext"
    assert said == f"LEADLOOP_KAFKA_USERNAME needs {needed}, found plaintext"


def test_a_secret_is_never_repeated(monkeypatch):
    said = said_of(
        monkeypatch,
        LEADLOOP_DATABASE_URL="mysql://leadloop:secret-word@db/leadloop",
        LEADLOOP_API_TOKEN=", ,",
    )

    assert sorted(line.partition(":")[0] for line in said) == [
        "LEADLOOP_API_TOKEN",
        "LEADLOOP_DATABASE_URL",
    ]
    assert "secret-word" not in str(said)


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("LEADLOOP_BODY_BYTE_MAX", "LEADLOOP_BODY_BYTES_MAX"),
        ("LEADLOOP_DATABSE_URL", "LEADLOOP_DATABASE_URL"),
        ("leadloop_api_tokens", "LEADLOOP_API_TOKEN"),
        ("LEADLOOP_INTAKE_LOG_LEVEL", "LEADLOOP_LOG_LEVEL"),
    ],
)
def test_a_variable_that_nobody_reads_is_told_with_the_one_that_was_meant(variable, meant):
    assert misspelt_variables([variable, "LEADLOOP_PORT"]) == [(variable, meant)]


@pytest.mark.parametrize(
    "variable",
    [
        *("LEADLOOP_WEBSITE_TOKEN", "LEADLOOP_HUBSPOT_SECRET", "LEADLOOP_URL", "PATH"),
        *("LEADLOOP_PORT", "LEADLOOP_INTAKE_PORT", "leadloop_host", "LEADLOOP_VERSION"),
    ],
)
def test_variables_that_are_read_or_are_others_own_are_not_told_of(variable):
    assert misspelt_variables([variable]) == []


def test_a_name_close_to_none_is_left_alone():
    assert list(misspelt(["LEADLOOP_ZEBRA"], {"LEADLOOP_PORT"}, ["intake"])) == []
