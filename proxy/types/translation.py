"""How another language than OpenAI's is spoken, one request at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec

from proxy.types.headers import Headers


class Moment(msgspec.Struct, frozen=True, eq=False):
    """What a translation needs to know beside the request and its deployment."""

    now_unix: int = 0
    call_id: str = ""
    """The gateway's own: what it answers with an id of its own has it from here."""
    max_tokens: int | None = None
    """The most that the model writes; None: not known."""
    betas: tuple[str, ...] = ()
    """What of Anthropic's API its client tries out (`anthropic-beta`)."""
    before: tuple[msgspec.Raw, ...] = ()
    """What was said before the request: items of /responses."""
    keep: Callable[[str, list[object]], None] | None = None
    """Told the id of an answer that may be gone on from, and the whole conversation with it."""


class StreamTranslator(Protocol):
    """One streamed answer's. Pure: what comes in any split goes out in the client's language."""

    def feed(self, payload: bytes) -> bytes:
        """What can be said by now, in whole events; `b""` while there is nothing. Raises UpstreamFailure for an event
        longer than any is."""

    def finish(self) -> bytes:
        """At the end of the upstream's stream. What did not end by its own words is not given an end here."""


class Unwrapper(Protocol):
    """As `wire.framing.Unwrapper`: bytes in any split go in, events come out."""

    def feed(self, data: bytes) -> bytes: ...

    @property
    def torn(self) -> bool: ...


class Translation(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    """One request in its upstream's language, and the way back: made for each attempt, since answers depend on what
    was asked (names of tools, whether usage was)."""

    path: bytes
    """Where it goes, after the base's path: `/completions`."""
    body: bytes
    headers: Headers = ()
    """Beside the deployment's own, replacing the client's of the same names."""
    answer: Callable[[bytes], bytes]
    """A whole good answer's body -> the client's. What it cannot read it passes as it is."""
    stream: Callable[[], StreamTranslator]
    unwrap: Callable[[], Unwrapper] | None = None
    """Of a stream that does not come as server-sent events: as those. None: it comes so."""
    error: Callable[[int, bytes], tuple[int, bytes]] | None = None
    """An error's (status, body) -> the client's; None: they are in its language already, and pass as they came."""
