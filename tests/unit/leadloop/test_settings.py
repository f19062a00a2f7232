import pytest
from pydantic import SecretStr, ValidationError

from leadloop.settings import ServiceSettings, fault_of_url


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+asyncpg://postgres@localhost/leadloop",
        "postgresql+asyncpg://leadloop:p%40ss%2Fword@db-1.example.com:6432/leadloop",
        "postgresql+asyncpg://leadloop:secret@[::1]:5432/leadloop?ssl=require",
        "postgresql+asyncpg://postgres@/leadloop?host=/var/run/postgresql",
        "postgresql+asyncpg://leadloop@postgres/leadloop",
    ],
)
def test_a_url_that_can_be_connected_to_is_taken(url):
    assert ServiceSettings(database_url=url).database_url == url


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("mysql://leadloop:secret-word@db/leadloop", "the scheme mysql"),
        ("postgresql://leadloop:secret-word@db/leadloop", "the scheme postgresql"),
        ("postgresql+asyncpg:///leadloop", "no host"),
        ("postgresql+asyncpg://leadloop:secret-word@db:many/leadloop", "something else"),
        ("secret-word", "something else"),
        ("", "something else"),
        ("postgresql+asyncpg://leadloop:secret@word@db/leadloop", "%40"),
        ("postgresql+asyncpg://leadloop:secret-word@db/leadloop?sslmode=require", "ssl here"),
    ],
)
def test_a_url_that_can_not_is_refused_without_its_password(url, found):
    with pytest.raises(ValidationError) as raised:
        ServiceSettings(database_url=url)

    (error,) = raised.value.errors()
    assert found in error["msg"]
    assert "secret" not in error["msg"].replace("secret-word@db", "")
    assert fault_of_url(url)


@pytest.mark.parametrize(
    ("given", "tokens"), [("", ()), ("a", ("a",)), (" a , b,", ("a", "b"))]
)
def test_tokens_are_separated_by_commas(given, tokens):
    assert ServiceSettings(api_token=SecretStr(given)).tokens() == tokens


@pytest.mark.parametrize("given", [",", " ", " , ,"])
def test_a_token_that_names_none_is_refused_instead_of_leaving_the_door_open(given):
    with pytest.raises(ValidationError, match="found none between the commas"):
        ServiceSettings(api_token=SecretStr(given))
