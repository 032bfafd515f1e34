"""A client of raw sockets: what it sees of one answer is what came, whole or not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import h11
import msgspec
import trio


@dataclass
class Seen:
    """What the client saw of one answer."""

    status: int = 0
    """0: the connection ended before a head."""
    headers: dict[bytes, bytes] = field(default_factory=dict)
    body: bytes = b""
    whole: bool = False
    """The framing ended as it should."""

    @property
    def error(self) -> dict[str, str | None]:
        """The error of a JSON answer in OpenAI's shape."""
        found: dict[str, str | None] = msgspec.json.decode(self.body)["error"]
        assert set(found) == {"message", "type", "param", "code"}
        return found

    @property
    def retries(self) -> int:
        return int(self.headers[b"x-litellm-attempted-retries"])


class Client:
    """One connection to the gateway."""

    def __init__(self, stream: trio.SocketStream, key: str) -> None:
        self.stream = stream
        self._key = key.encode()
        self._h11 = h11.Connection(h11.CLIENT)

    async def send(
        self,
        body: bytes,
        path: bytes = b"/v1/chat/completions",
        *,
        method: bytes = b"POST",
        lines: bytes = b"",
    ) -> None:
        """A JSON request with the gateway's key. `lines`: further header lines."""
        head = b"%b %b HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer %b\r\n" % (method, path, self._key)
        head += lines + b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
        await self.begin(head + body, method=method)

    async def begin(self, data: bytes, *, method: bytes = b"POST") -> None:
        """A request, or the beginning of one, whose answer is then read."""
        self._h11 = h11.Connection(h11.CLIENT)
        self._h11.send(h11.Request(method=method, target=b"/", headers=[("host", "gateway")]))
        self._h11.send(h11.EndOfMessage())
        await self.stream.send_all(data)

    async def read(self) -> Seen:
        """The whole answer, or what came of it."""
        seen = Seen()
        while not seen.whole:
            try:
                event = self._h11.next_event()
                if event is h11.NEED_DATA:
                    self._h11.receive_data(await self.stream.receive_some())
                    continue
            except (trio.BrokenResourceError, h11.RemoteProtocolError):
                return seen
            self._take(event, seen)
        return seen

    @staticmethod
    def _take(event: object, seen: Seen) -> None:
        if isinstance(event, h11.Response):
            seen.status, seen.headers = event.status_code, dict(event.headers)
        elif isinstance(event, h11.Data):
            seen.body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            seen.whole = True

    async def first_bytes(self) -> bytes:
        """Whatever comes first, unparsed."""
        return bytes(await self.stream.receive_some())


@asynccontextmanager
async def connected(port: int, key: str) -> AsyncIterator[Client]:
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        yield Client(stream, key)
