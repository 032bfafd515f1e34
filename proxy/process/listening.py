"""Where the gateway listens: which address it may have, and the one socket on it."""

from __future__ import annotations

import errno
import ipaddress
import socket
from collections.abc import Mapping

from proxy.config.errors import ConfigError
from proxy.process.systemd import passed_socket

ANYWHERE = "0.0.0.0"  # noqa: S104 - the default that LiteLLM's users expect, and only with a master key
LOOPBACK = "127.0.0.1"
WILDCARDS = (ANYWHERE, "::")
HINTS = {
    errno.EADDRINUSE: "Stop what uses it, or choose another with --port.",
    errno.EACCES: "Ports below 1024 are for root: choose another with --port.",
    errno.EADDRNOTAVAIL: "This machine has no such address: choose another with --host.",
}


class StartError(Exception):
    """The gateway cannot start; `str()` says why and what to do."""


def host_to_serve(asked: str | None, *, has_key: bool) -> str:
    """Without a master key, loopback only. Raises ConfigError for a public address."""
    if asked is None:
        return ANYWHERE if has_key else LOOPBACK
    if has_key or is_loopback(asked):
        return asked
    raise ConfigError(
        f"Without a master key this gateway serves loopback only, and {asked} is not loopback."
        " Set general_settings.master_key or LITELLM_MASTER_KEY, or use --host 127.0.0.1."
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach it. Names other than localhost are not looked up."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def listen(host: str, port: int, backlog: int, environ: Mapping[str, str]) -> socket.socket:
    """The listening socket, or the one that systemd passed. Raises StartError: another port is never tried."""
    sock = passed_socket(environ)
    if sock is None:
        try:
            sock = _listening(host, port, backlog)
        except OSError as error:
            hint = HINTS.get(error.errno or 0, "")
            raise StartError(
                f"cannot listen on {host} port {port}: {error.strerror}. {hint}".rstrip()
            ) from error
    sock.settimeout(0)
    return sock


def listen_apart(host: str, port: int, backlog: int) -> socket.socket:
    """A second listening socket. Raises StartError."""
    try:
        sock = _listening(host, port, backlog)
    except OSError as error:
        raise StartError(f"cannot listen on {host} port {port} for metrics: {error.strerror}") from error
    sock.settimeout(0)
    return sock


def _listening(host: str, port: int, backlog: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.bind((host, port))
        sock.listen(backlog)
    except OSError:
        sock.close()
        raise
    return sock
