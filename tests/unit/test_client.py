"""How the command line asks a running Leadloop."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from services.client import Client


class Echo(BaseHTTPRequestHandler):
    """Answers with the path that was asked for."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.path.encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), Echo) as server:
        serving = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        yield server.server_port
        server.shutdown()
        serving.join()


@pytest.mark.parametrize(
    ("prefix", "asked"),
    [("", "/v1/leads"), ("/", "/v1/leads"), ("/loop", "/loop/v1/leads")],
)
def test_a_path_in_the_url_comes_before_the_routes(port, prefix, asked):
    assert Client(f"http://127.0.0.1:{port}{prefix}").text("/v1/leads") == asked
