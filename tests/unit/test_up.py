import socket
from pathlib import Path

import pytest

from leadloop.settings import ServiceSettings
from services.client import Refused
from services.embedded import SECRETS
from services.up import level_of, load_secrets, require_free


@pytest.mark.parametrize(("level", "logged"), [(None, "WARNING"), ("INFO", "INFO")])
def test_warnings_are_logged_unless_a_level_is_set(monkeypatch, level, logged):
    monkeypatch.delenv("LEADLOOP_LOG_LEVEL", raising=False)
    if level:
        monkeypatch.setenv("LEADLOOP_LOG_LEVEL", level)

    assert level_of(ServiceSettings()) == logged


def test_a_port_in_use_is_told_with_what_to_do():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(Refused) as refused:
            require_free("127.0.0.1", port)

    told = f"port {port} of 127.0.0.1 is in use: choose another one with --port"
    assert str(refused.value) == told
    require_free("127.0.0.1", 0)


def test_an_address_of_another_machine_is_told():
    with pytest.raises(Refused, match=r"can't listen on 192\.0\.2\.1, port 8000"):
        require_free("192.0.2.1", 8000)


def test_secrets_that_cannot_be_read_stop_the_start_by_their_line(tmp_path: Path):
    (tmp_path / SECRETS).write_text("WEBSITE_TOKEN='verysecret\n")

    with pytest.raises(Refused) as refused:
        load_secrets(tmp_path)

    assert "line 1" in str(refused.value)
    assert "verysecret" not in str(refused.value)
