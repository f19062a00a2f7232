"""How each of our clients reaches the Kafka brokers: where they are, and how safely."""

import re
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Protocol = Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"]
Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]

_HOST_AND_PORT = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):(\d{1,5})")
PORT_MAX = 65_535


@dataclass(frozen=True)
class Security:
    """How a connection to a broker is kept safe, and who it says that we are.

    Attributes:
        protocol: As Kafka names it, in small letters.
        mechanism: How name and password are proven; None without SASL.
        username: Who we are to the broker.
        password: What proves it.
        ca_file: Who vouches for the broker, as PEM; the system's authorities when None.
    """

    protocol: Protocol = "plaintext"
    mechanism: Mechanism | None = None
    username: str = ""
    password: str = field(default="", repr=False)
    ca_file: Path | None = None

    @property
    def has_tls(self) -> bool:
        """Whether connections are encrypted."""
        return self.protocol.endswith("ssl")

    @property
    def has_sasl(self) -> bool:
        """Whether the broker asks who we are."""
        return self.protocol.startswith("sasl")

    def contradictions(self) -> Iterator[str]:
        """Name what does not fit together, by the settings that people know."""
        security = f"LEADLOOP_KAFKA_SECURITY={self.protocol}"
        given = {
            "LEADLOOP_KAFKA_SASL_MECHANISM": self.mechanism,
            "LEADLOOP_KAFKA_USERNAME": self.username,
            "LEADLOOP_KAFKA_PASSWORD": self.password,
        }
        for name, value in given.items():
            if self.has_sasl and not value:
                yield f"{security} needs {name}, found none"
            elif value and not self.has_sasl:
                yield f"{name} needs LEADLOOP_KAFKA_SECURITY=sasl_ssl or sasl_plaintext, " + (
                    f"found {self.protocol}"
                )
        if self.ca_file is not None:
            yield from self._doubts_of_ca_file(self.ca_file)

    def _doubts_of_ca_file(self, ca_file: Path) -> Iterator[str]:
        if not self.has_tls:
            yield "LEADLOOP_KAFKA_CA_FILE needs LEADLOOP_KAFKA_SECURITY=ssl or sasl_ssl, " + (
                f"found {self.protocol}"
            )
            return
        try:
            self.tls()
        except (OSError, ssl.SSLError) as error:
            yield f"LEADLOOP_KAFKA_CA_FILE: expected certificates in {ca_file}, found: {error}"

    def tls(self) -> ssl.SSLContext | None:
        """Return how to check the broker's certificate and name; None without TLS."""
        return ssl.create_default_context(cafile=self.ca_file) if self.has_tls else None


PLAINTEXT = Security()


@dataclass(frozen=True)
class Brokers:
    """Where the brokers are, and what any client of theirs is told.

    Attributes:
        bootstrap: Those to start from: host:port, comma separated.
        client: Name of this process in the brokers' logs.
        security: How connections are kept safe.
    """

    bootstrap: str
    client: str = "leadloop"
    security: Security = PLAINTEXT

    # (object: the client's own options, passed on.)
    def options(self) -> dict[str, object]:
        """Return what a consumer, a producer and an admin client take alike."""
        security = self.security
        options: dict[str, object] = {
            "bootstrap_servers": self.bootstrap,
            "client_id": self.client,
            "security_protocol": security.protocol.upper(),
            "ssl_context": security.tls(),
        }
        if security.has_sasl:
            options |= {
                "sasl_mechanism": security.mechanism,
                "sasl_plain_username": security.username,
                "sasl_plain_password": security.password,
            }
        return options


def is_bootstrap(value: str) -> bool:
    """Say whether this is host:port, or several with commas between."""
    found = [_HOST_AND_PORT.fullmatch(part.strip()) for part in value.split(",")]
    return all(one is not None and 0 < int(one[2]) <= PORT_MAX for one in found)
