"""An upstream's redirects end at the gateway: those to the same host are followed here, the others are errors.

A client that followed them itself would go past the gateway, to a host that is not its business, with its key.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from functools import partial

import msgspec

from proxy.errors import Fault, GatewayError
from proxy.providers.redirect import REDIRECTS, client_lines, client_target, keeps_its_way, target_at
from proxy.upstream.answer import Answer
from proxy.upstream.destination import Endpoint
from proxy.upstream.outbound import Outbound

log = logging.getLogger("sluice")

MAX_HOPS = 5
"""A slash and a version are two; what goes on goes in circles."""
MAX_SHOWN_CHARS = 200
PLACES = b"location:"
"""How the lines that name a place end their names: looked for in one go."""
Send = Callable[[Outbound], Awaitable[Answer]]
Seen = Callable[[bytes], bytes | None]
"""An upstream's target as the client must name it."""
Make = Callable[[], Outbound | None]
"""The request once more; None: its body is gone."""


class Trail(msgspec.Struct, frozen=True):
    """Whose redirects they are, and how the client named what it asked for."""

    endpoint: Endpoint
    base_path: bytes
    client_path: bytes

    @property
    def origin(self) -> str:
        host = f"[{self.endpoint.host}]" if ":" in self.endpoint.host else self.endpoint.host
        return f"{'https' if self.endpoint.tls else 'http'}://{host}:{self.endpoint.port}"


async def follow(answer: Answer, outbound: Outbound, trail: Trail, send: Send, make: Make) -> Answer:
    """The answer at the end of its redirects; closes those before it. Raises GatewayError 502, and what `send` does."""
    seen = partial(client_target, trail.base_path, target_of(outbound).partition(b"?")[0], trail.client_path)
    for _ in range(MAX_HOPS):
        head = answer.head
        location = head.get(b"location")
        if head.status not in REDIRECTS or location is None:
            return _rewritten(answer, outbound, trail, seen)
        try:
            target = _next(location, outbound, trail)
            if not keeps_its_way(head.status, outbound.method):
                _check_seen(target, seen)
                return _rewritten(answer, outbound, trail, seen)
            again = make()
        except GatewayError:
            answer.close()
            raise
        answer.close()
        if again is None:
            raise _refused("redirects this upload, whose body has been sent and is not kept")
        outbound = aimed_at(again, target)
        answer = await send(outbound)
    answer.close()
    raise _refused(f"redirects more than {MAX_HOPS} times")


def _rewritten(answer: Answer, outbound: Outbound, trail: Trail, seen: Seen) -> Answer:
    """What the answer says of places in the upstream is said of the gateway."""
    head = answer.head
    if head.mentions(PLACES):
        head.lines = client_lines(head.lines, trail.origin, target_of(outbound), seen)
    return answer


def target_of(outbound: Outbound) -> bytes:
    return outbound.head.partition(b"\r\n")[0].split(b" ")[1]


def aimed_at(outbound: Outbound, target: bytes) -> Outbound:
    """The same request for another target of its host."""
    line_end = outbound.head.find(b"\r\n")
    head = b"%b %b HTTP/1.1%b" % (outbound.method, target, outbound.head[line_end:])
    return msgspec.structs.replace(outbound, head=head)


def _next(location: bytes, outbound: Outbound, trail: Trail) -> bytes:
    target = target_at(location, trail.origin, target_of(outbound))
    if target is None:
        log.warning("%s redirects to %s, which is not followed", trail.endpoint, shown(location))
        raise _refused("redirects to another host, which this gateway does not follow")
    return target


def shown(location: bytes) -> str:
    """For the log: without its query, which lets whoever has it in where a place is signed; safe on a terminal."""
    place = location.partition(b"?")[0].partition(b"#")[0]
    scheme, mark, rest = place.partition(b"//")
    authority, slash, path = rest.partition(b"/")
    text = (scheme + mark + authority.rpartition(b"@")[2] + slash + path).decode("ascii", "replace")
    return "".join(char if char.isprintable() else "?" for char in text[:MAX_SHOWN_CHARS])


def _check_seen(target: bytes, seen: Seen) -> None:
    """It is for the client to follow, by way of the gateway."""
    if seen(target) is None:
        raise _refused("redirects to a path that this gateway does not lead to")


def _refused(what: str) -> GatewayError:
    message = f"The upstream {what}. Its api_base may need another path or host: the gateway's log says more."
    return GatewayError(502, message, kind="upstream_error", code="upstream_redirected", fault=Fault.UPSTREAM)
