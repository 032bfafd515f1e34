from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import trio

from loadtest.mock_upstream import MockUpstream, mock_upstream


class Client:
    """A raw client: what it sends and reads is bytes."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self._rest = b""

    async def send(self, data: bytes) -> None:
        await self.stream.send_all(data)

    async def read(self, size: int) -> bytes:
        """Exactly `size` bytes."""
        while len(self._rest) < size:
            more = await self.stream.receive_some()
            assert more, f"closed after {self._rest!r}"
            self._rest += more
        data, self._rest = self._rest[:size], self._rest[size:]
        return data

    async def read_answer(self) -> tuple[int, bytes]:
        """(status, body) of an answer with a content-length."""
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += await self.read(1)
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        return int(head[9:12]), await self.read(length)

    async def read_to_end(self) -> bytes:
        data, self._rest = self._rest, b""
        while more := await self.stream.receive_some():
            data += bytes(more)
        return data

    async def close(self) -> None:
        await self.stream.aclose()


@pytest.fixture
async def mock() -> AsyncIterator[MockUpstream]:
    with trio.fail_after(10):
        async with mock_upstream() as mock:
            yield mock


@pytest.fixture
async def client(mock: MockUpstream) -> AsyncIterator[Client]:
    stream = await trio.open_tcp_stream(mock.host, mock.port)
    async with stream:
        yield Client(stream)
