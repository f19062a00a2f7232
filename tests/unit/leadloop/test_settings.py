"""What of the environment stops a start, and what it is told."""

import ssl

import pytest
from pydantic import SecretStr, ValidationError

from leadloop.settings import ServiceSettings, fault_of_url

SASL = {
    "LEADLOOP_KAFKA_SECURITY": "SASL_PLAINTEXT",
    "LEADLOOP_KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
    "LEADLOOP_KAFKA_USERNAME": "leadloop",
    "LEADLOOP_KAFKA_PASSWORD": "hunter2",
}


@pytest.fixture
def settings(monkeypatch):
    def read(**environment: str) -> ServiceSettings:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        return ServiceSettings()

    return read


@pytest.mark.parametrize(
    "value",
    ["kafka:9092", "a.example:9092,b.example:9093", "a:1, b:2", "127.0.0.1:9092", "[::1]:9"],
)
def test_brokers_are_named_by_host_and_port(settings, value):
    assert settings(LEADLOOP_KAFKA=value).kafka == value


@pytest.mark.parametrize(
    "value",
    ["", "nohost", "kafka:", ":9092", "kafka:http", "kafka:0", "kafka:65536", "a:1,", "a:1;b:2",
     "PLAINTEXT://kafka:9092", "::1:9092"],
)  # fmt: skip
def test_brokers_named_otherwise_stop_the_start(settings, value):
    with pytest.raises(ValidationError, match=r"expected host:port") as refused:
        settings(LEADLOOP_KAFKA=value)

    assert repr(value) in str(refused.value)


def test_without_more_settings_brokers_are_reached_in_plain(settings):
    security = settings().broker_security()

    assert (security.protocol, security.tls()) == ("plaintext", None)


def test_all_of_sasl_is_taken_as_given(settings):
    security = settings(**SASL).broker_security()

    assert security.protocol == "sasl_plaintext"
    assert security.mechanism == "SCRAM-SHA-512"
    assert (security.username, security.password) == ("leadloop", "hunter2")


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        (SASL | {"LEADLOOP_KAFKA_PASSWORD": ""}, "needs LEADLOOP_KAFKA_PASSWORD, found none"),
        (SASL | {"LEADLOOP_KAFKA_USERNAME": ""}, "needs LEADLOOP_KAFKA_USERNAME, found none"),
        (SASL | {"LEADLOOP_KAFKA_SASL_MECHANISM": ""}, "needs LEADLOOP_KAFKA_SASL_MECHANISM"),
        (SASL | {"LEADLOOP_KAFKA_SECURITY": "ssl"}, "LEADLOOP_KAFKA_USERNAME needs"),
        (SASL | {"LEADLOOP_KAFKA_SECURITY": "tls"}, "kafka_security"),
        (SASL | {"LEADLOOP_KAFKA_SASL_MECHANISM": "GSSAPI"}, "kafka_sasl_mechanism"),
        (SASL | {"LEADLOOP_KAFKA_CA_FILE": "ca.pem"}, "LEADLOOP_KAFKA_CA_FILE needs"),
        (
            SASL
            | {"LEADLOOP_KAFKA_SECURITY": "sasl_ssl", "LEADLOOP_KAFKA_CA_FILE": "not.there"},
            "LEADLOOP_KAFKA_CA_FILE: expected certificates in not.there",
        ),
    ],
)
def test_settings_that_contradict_each_other_stop_the_start(settings, environment, said):
    with pytest.raises(ValidationError, match=said) as refused:
        settings(**environment)

    assert "hunter2" not in str(refused.value)


def test_a_file_without_certificates_stops_the_start(settings, tmp_path):
    empty = tmp_path / "ca.pem"
    empty.touch()

    with pytest.raises(ValidationError, match=r"LEADLOOP_KAFKA_CA_FILE: expected certificates"):
        settings(LEADLOOP_KAFKA_SECURITY="ssl", LEADLOOP_KAFKA_CA_FILE=str(empty))


def test_with_tls_the_brokers_certificate_and_name_are_checked(settings):
    context = settings(LEADLOOP_KAFKA_SECURITY="ssl").broker_security().tls()

    assert context is not None
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


def test_a_password_is_not_shown_by_who_holds_it(settings):
    read = settings(**SASL)

    assert "hunter2" not in repr(read) + repr(read.broker_security())


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
