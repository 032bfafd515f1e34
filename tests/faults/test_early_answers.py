"""An upstream that answers before it has the whole body, and reads no more: its answer is the answer, and soon."""

from __future__ import annotations

from contextlib import suppress

import pytest
import trio

from loadtest.answers import error
from loadtest.client import Client, Seen
from proxy.types import Outcome
from tests.faults.conftest import DOORS, OpenScene, Scene

OPAQUE = b"Content-Type: application/octet-stream\r\n"
MULTIPART = b"Content-Type: multipart/form-data; boundary=b\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
FIELD = b'--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
FILE = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
END = b"\r\n--b--\r\n"
PIECE = b"x" * 65_536
PIECES = 320
"""20 MB: more than all the sockets on the way hold."""
SETTINGS = "  peek_limit_mb: 0.1\n"


def head(lines: bytes, framing: bytes) -> bytes:
    return b"POST /v1/files HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer sk-gateway\r\n%b%b\r\n" % (
        lines, framing
    )  # fmt: skip


def upload(door: str, *, chunked: bool) -> tuple[bytes, list[bytes]]:
    """The head, and the pieces of a body that never comes to its end here."""
    pieces = [PIECE] * PIECES
    if chunked:
        return head(DOORS[door] + OPAQUE, CHUNKED), in_chunks(pieces)
    return head(DOORS[door] + OPAQUE, b"Content-Length: %d\r\n" % (PIECES * len(PIECE) + 1)), pieces


def form(door: str, *, chunked: bool) -> tuple[bytes, list[bytes]]:
    """The head, and the pieces of a whole body: a form is read to its end before its upstream is chosen."""
    pieces = [FIELD + FILE, *[PIECE] * PIECES, END]
    if chunked:
        return head(DOORS[door] + MULTIPART, CHUNKED), [*in_chunks(pieces), b"0\r\n\r\n"]
    return head(DOORS[door] + MULTIPART, b"Content-Length: %d\r\n" % sum(map(len, pieces))), pieces


def in_chunks(pieces: list[bytes]) -> list[bytes]:
    return [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces]


async def send(client: Client, pieces: list[bytes]) -> None:
    with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
        for piece in pieces:
            await client.stream.send_all(piece)


async def asked(s: Scene, begin: bytes, pieces: list[bytes]) -> Seen:
    """What the client sees of the answer, while it is still sending."""
    async with s.client() as client, trio.open_nursery() as nursery:
        await client.begin(begin)
        nursery.start_soon(send, client, pieces)
        seen = await client.read()
        nursery.cancel_scope.cancel()
    return seen


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("chunked", [True, False], ids=["chunked", "sized"])
@pytest.mark.parametrize("sent", [2, PIECES], ids=["the client pauses", "the client goes on"])
async def test_an_upload_that_is_refused_early(scene: OpenScene, door: str, chunked: bool, sent: int) -> None:
    async with scene(settings=SETTINGS) as s:
        begin, pieces = upload(door, chunked=chunked)
        await refused(s, begin, pieces[:sent])
        (record,) = s.gateway.records
        assert record.duration_s < 2


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("chunked", [True, False], ids=["chunked", "sized"])
async def test_a_form_that_is_refused_early(scene: OpenScene, door: str, chunked: bool) -> None:
    async with scene(settings=SETTINGS) as s:
        await refused(s, *form(door, chunked=chunked))
        assert len(s.bad.connections) == 1


async def refused(s: Scene, begin: bytes, pieces: list[bytes]) -> None:
    """By the upstream, which reads a few bytes of it, says 413, and waits for whoever goes on writing."""
    s.bad.at_head = True
    s.bad.read_limit_bytes = 4096
    s.bad.script(error(413))
    seen = await asked(s, begin, pieces)
    assert (seen.status, seen.error["type"]) == (413, "mock_error")
    await s.gateway.recorded(1)
    (record,) = s.gateway.records
    assert (record.outcome, record.attempts) == (Outcome.CLIENT_ERROR, 1)
    assert s.gateway.status("bad").failures == 0
    assert s.gateway.gateway.reaching.pool.idle() == 0, "half a request is still on that connection"
