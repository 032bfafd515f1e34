"""Where an upstream's redirect leads, and what a client may see of it: no host behind the gateway, and no way past it.

RFC 9110 sections 15.4 and 10.2.2.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import SplitResult, urljoin, urlsplit

REDIRECTS = frozenset((301, 302, 303, 307, 308))
_SAME_METHOD = frozenset((307, 308))
_READS = frozenset((b"GET", b"HEAD"))
_PLACES = frozenset((b"location", b"content-location", b"operation-location"))
"""Headers that hold a URL of the upstream's; the last is Azure's."""
_DEFAULT_PORTS = {"http": 80, "https": 443}
_VISIBLE = re.compile(rb"[!-~]+")


def keeps_its_way(status: int, method: bytes) -> bool:
    """Whether the same request is to go to the other place: of a POST, 301 to 303 mean another one."""
    return status in _SAME_METHOD or method in _READS


def target_at(location: bytes, origin: str, target: bytes) -> bytes | None:
    """The target at the same host that `location` means for who asked for `target`; None: there is none.

    `origin`: `https://host:port` of the upstream. Another scheme's usual port is the same host: behind a proxy that
    speaks TLS for it, a server takes itself for plain HTTP.
    """
    if not _VISIBLE.fullmatch(location):
        return None
    try:
        place = urlsplit(urljoin(origin + target.decode("latin-1"), location.decode("ascii")))
        same = _same_host(place, urlsplit(origin))
    except ValueError:  # no port, no IPv6 address
        return None
    if not same:
        return None
    path = place.path or "/"
    return f"{path}?{place.query}".encode() if place.query else path.encode()


def _same_host(place: SplitResult, origin: SplitResult) -> bool:
    if place.scheme not in _DEFAULT_PORTS or "@" in place.netloc or place.hostname != origin.hostname:
        return False
    ports = _port(place), _port(origin)
    return ports[0] == ports[1] or set(ports) == set(_DEFAULT_PORTS.values())


def _port(place: SplitResult) -> int:
    return place.port or _DEFAULT_PORTS[place.scheme]


def client_target(base: bytes, upstream_path: bytes, client_path: bytes, target: bytes) -> bytes | None:
    """An upstream's target as its client must name it at the gateway; None: it lies outside the upstream's base.

    The client's base is what is left of its path without what the upstream was asked for behind `base`.
    """
    path, mark, query = target.partition(b"?")
    upstream_base, client_base = _bases(base, upstream_path, client_path)
    if path != upstream_base and not path.startswith(upstream_base + b"/"):
        return None
    return client_base + path[len(upstream_base) :] + mark + query


def _bases(base: bytes, upstream_path: bytes, client_path: bytes) -> tuple[bytes, bytes]:
    theirs, ours = upstream_path.split(b"/"), client_path.split(b"/")
    least = base.count(b"/") + 1
    while len(theirs) > least and len(ours) > 1 and theirs[-1] == ours[-1]:
        theirs.pop()
        ours.pop()
    return b"/".join(theirs), b"/".join(ours)


def client_lines(lines: bytes, origin: str, target: bytes, seen: Callable[[bytes], bytes | None]) -> bytes:
    """Header lines of an answer, with its places as the client must name them; what lies elsewhere stays as it is.

    `seen`: `client_target` of this request.
    """
    return b"".join(_client_line(line, origin, target, seen) for line in lines.splitlines(keepends=True))


def _client_line(line: bytes, origin: str, target: bytes, seen: Callable[[bytes], bytes | None]) -> bytes:
    name, _, value = line.partition(b":")
    if name.lower() not in _PLACES:
        return line
    here = target_at(value.strip(), origin, target)
    place = None if here is None else seen(here)
    return line if place is None else b"%b: %b\r\n" % (name, place)
