"""Where the gateway may listen, and what it says when it cannot."""

from __future__ import annotations

import os
import socket

import pytest

from proxy.config.errors import ConfigError
from proxy.process.listening import StartError, host_to_serve, listen


@pytest.mark.parametrize(
    ("asked", "has_key", "host"),
    [
        (None, True, "0.0.0.0"),
        (None, False, "127.0.0.1"),
        ("10.0.0.1", True, "10.0.0.1"),
        ("127.9.9.9", False, "127.9.9.9"),
        ("::1", False, "::1"),
        ("localhost", False, "localhost"),
    ],
)
def test_hosts(asked: str | None, has_key: bool, host: str) -> None:
    assert host_to_serve(asked, has_key=has_key) == host


@pytest.mark.parametrize("asked", ["0.0.0.0", "::", "10.0.0.1", "example.com", "127.evil.com"])
def test_a_public_address_without_a_key_is_refused(asked: str) -> None:
    with pytest.raises(
        ConfigError, match="Without a master key this gateway serves loopback only"
    ) as refused:
        host_to_serve(asked, has_key=False)
    assert asked in str(refused.value)
    assert "LITELLM_MASTER_KEY" in str(refused.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_it_listens(host: str) -> None:
    with listen(host, 0, 8, {}) as sock:
        assert sock.getsockname()[1] > 0
        assert not sock.getblocking()
        with socket.create_connection(sock.getsockname()[:2]):
            pass


def test_a_port_in_use_is_said_and_no_other_taken() -> None:
    with listen("127.0.0.1", 0, 8, {}) as first:
        port = first.getsockname()[1]
        with pytest.raises(StartError, match=f"127.0.0.1 port {port}: Address already in use. .*--port"):
            listen("127.0.0.1", port, 8, {})


@pytest.mark.parametrize(
    ("host", "told"),
    [
        ("192.0.2.1", "no such address"),
        ("no-such-host.invalid", "cannot listen on no-such-host.invalid port"),
    ],
)
def test_an_address_that_is_not_ours(host: str, told: str) -> None:
    with pytest.raises(StartError, match=told):
        listen(host, 0, 8, {})


def test_a_socket_meant_for_another_process_is_left_alone() -> None:
    environ = {"LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid() + 1)}
    with listen("127.0.0.1", 0, 8, environ) as sock:
        assert sock.fileno() != 3 or sock.getsockname()[0] == "127.0.0.1"
