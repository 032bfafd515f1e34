"""Upstream URLs: what a base may be, and how a client's path and query follow it."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

import msgspec

from proxy.errors import GatewayError

DEFAULT_PORTS = {"http": 80, "https": 443}

_PRINTABLE = re.compile(r"[\x21-\x7e]+")
_HOST_NAME = re.compile(r"[A-Za-z0-9._-]+")
_DOT_SEGMENT = re.compile(rb"(?:^|[/\\]|%2f|%5c)(?:\.|%2e){1,2}(?:$|[/\\;]|%2f|%5c)", re.IGNORECASE)
"""RFC 3986 section 3.3, and the spellings some servers take for the same: %2e, backslashes, `..;`."""


class Origin(msgspec.Struct, frozen=True):
    """Where a connection goes, and what every target starts with."""

    scheme: str
    host: str
    """A name or an address; IPv6 without brackets."""
    port: int
    base_path: bytes
    """b"", or `/...` without a trailing slash."""
    host_header: bytes
    """The Host field, RFC 9110 section 7.2: the port only when it is not the scheme's own."""


def normalise_base(api_base: str) -> str:
    """The base as deployments hold it: no trailing slash, and `/v1` when it has no path at all.

    Any other path stays as it is: Gemini's base ends in `/openai`. Raises ValueError as `origin` does.
    """
    found = origin(api_base)
    path = found.base_path.decode() or "/v1"
    return f"{found.scheme}://{found.host_header.decode()}{path}"


def origin(api_base: str) -> Origin:
    """Takes a base URL apart. Raises ValueError without repeating the URL: it may hold a password."""
    parts = _split(api_base)
    host, port = _host(parts), _port(parts)
    name = f"[{host}]" if ":" in host else host
    host_header = name if port == DEFAULT_PORTS[parts.scheme] else f"{name}:{port}"
    path = parts.path.rstrip("/").encode()
    if _DOT_SEGMENT.search(path):
        raise ValueError("the path must not hold dot segments")
    return Origin(parts.scheme, host, port, path, host_header.encode())


def target(base_path: bytes, path: bytes, query: bytes | None) -> bytes:
    """HOT: the request target upstream. Nothing is decoded: `%2F`, trailing slash and query stay as sent.

    Clients write `/v1` themselves, an upstream's base ends in a version of its own: the client's is cut.
    `query` is None when the client sent no `?`. Raises GatewayError 400 for a path that climbs.
    """
    if b"." in path or b"%" in path:
        refuse_dot_segments(path)
    if path.startswith(b"/v1/") or path == b"/v1":
        path = path[3:]
    if query is None:
        return base_path + path
    return b"%b%b?%b" % (base_path, path, query)


def refuse_dot_segments(path: bytes) -> None:
    """Raises GatewayError 400 when a path could reach above its base."""
    if _DOT_SEGMENT.search(path):
        raise GatewayError(400, "The path must not hold `.` or `..` segments.", code="invalid_path")


def _split(api_base: str) -> SplitResult:
    # urlsplit drops tabs and newlines in silence, so they are refused before it looks.
    if not _PRINTABLE.fullmatch(api_base):
        raise ValueError("write visible ASCII characters only")
    if "?" in api_base or "#" in api_base:
        raise ValueError("a base URL has no query and no fragment")
    parts = urlsplit(api_base)
    if parts.scheme not in DEFAULT_PORTS:
        raise ValueError("write http:// or https:// in front")
    if "@" in parts.netloc:
        raise ValueError("credentials do not belong in the URL: use api_key")
    return parts


def _host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    if not host:
        raise ValueError("the host is missing")
    if ":" in host:
        return str(ipaddress.IPv6Address(host))
    if not _HOST_NAME.fullmatch(host):
        raise ValueError("the host is not a name or an address")
    return host


def _port(parts: SplitResult) -> int:
    try:
        port = parts.port
    except ValueError:  # its own text repeats what stands there, which may be a password
        port = 0
    if port == 0:
        raise ValueError("the port is not a number from 1 to 65535")
    return DEFAULT_PORTS[parts.scheme] if port is None else port
