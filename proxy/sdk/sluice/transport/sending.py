"""One request as it goes out, and what came of it: values that both transports share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import httpx
import msgspec

from proxy.types import ResultKind

CONNECT_S = 10.0
"""At most: who has not answered a SYN by then is not there."""
MAX_ANSWER_BYTES = 1 << 30
"""Of a whole answer: sound and pictures fit, an endless body does not."""
Timeouts: TypeAlias = Mapping[str, float | None]
"""httpcore's: `connect`, `read`, `write`, `pool`, in seconds."""
File: TypeAlias = Any
"""What httpx takes for one: bytes, an open file, or a tuple of name, content and type."""


class Sending(msgspec.Struct, frozen=True, eq=False):
    url: httpx.URL
    headers: httpx.Headers
    content: bytes
    """JSON; empty: a form is sent."""
    timeouts: Timeouts
    total_s: float | None
    """Until the whole answer is here; None: as long as it takes."""
    stream: bool = False
    """A good answer's body is left to be read."""
    fields: Mapping[str, Any] | None = None
    """Of a form."""
    files: Sequence[tuple[str, File]] | None = None
    method: str = "POST"
    verify: bool | str = True
    client: object = None
    """The caller's own httpx.Client or AsyncClient; None: the library's."""


class Said(msgspec.Struct, frozen=True, eq=False):
    """An answer: whole, or of a stream its head."""

    response: httpx.Response
    """Open where `body` is None."""
    body: bytes | None

    @property
    def status(self) -> int:
        return self.response.status_code

    def header(self, name: bytes) -> bytes | None:
        """By its lower-case name: `proxy.providers.outcome.GetHeader`."""
        found = self.response.headers.get(name.decode())
        return None if found is None else found.encode("latin-1", "replace")


class Lost(msgspec.Struct, frozen=True, eq=False):
    """No answer, or not the whole of it."""

    kind: ResultKind
    error: Exception
    waited_s: float | None = None
    """How long it was given, where it took too long."""


class Pause(msgspec.Struct, frozen=True):
    """Before the next attempt."""

    seconds: float


def timeouts_of(timeout: float | httpx.Timeout | None) -> tuple[Timeouts, float | None]:
    """And the time for the whole answer. Seconds are for the answer and for each silence; an `httpx.Timeout` has times
    of its own, and none for the whole."""
    if timeout is None:
        return {"connect": CONNECT_S}, None
    if isinstance(timeout, httpx.Timeout):
        return timeout.as_dict(), None
    seconds = float(timeout)
    return {
        "connect": min(seconds, CONNECT_S), "read": seconds, "write": seconds, "pool": seconds
    }, seconds  # fmt: skip


def lost(error: httpx.HTTPError | httpx.InvalidURL, sending: Sending) -> Lost:
    if isinstance(error, httpx.ConnectTimeout):
        return Lost(ResultKind.TIMEOUT, error, sending.timeouts.get("connect"))
    if isinstance(error, httpx.TimeoutException):
        return Lost(ResultKind.TIMEOUT, error, sending.timeouts.get("read"))
    unsent = isinstance(error, httpx.ConnectError | httpx.ProxyError | httpx.UnsupportedProtocol)
    return Lost(ResultKind.REFUSED if unsent else ResultKind.BROKEN, error)


def too_late(sending: Sending) -> Lost:
    return Lost(ResultKind.TIMEOUT, httpx.ReadTimeout("the answer was not whole in time"), sending.total_s)


def too_long(said: int) -> bool:
    return said > MAX_ANSWER_BYTES
