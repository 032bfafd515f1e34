from __future__ import annotations

import ssl
import time
from pathlib import Path

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from loadtest.certificates import Certificates, make_certificates
from proxy.wire.framing import CloseFraming, LengthFraming
from proxy.wire.gone import ClientGone
from proxy.wire.parking import Late
from proxy.wire.pump import End, Pump
from proxy.wire.tls import TlsLink, bundle_mark, client_context


def soon() -> float:
    return time.monotonic() + 5


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("ca"))


class Server:
    """Accepts TLS on the other end of the bench's links."""

    def __init__(self, bench, nursery, certificates: Certificates) -> None:
        self.bench = bench
        self.nursery = nursery
        self.context = certificates.server_context()
        self.trust = client_context(str(certificates.authority))

    def link(self, *, session=None, name: str = "localhost", context=None, narrow: bool = False):
        plain, peer = self.bench.link(self.bench.parking(), narrow=narrow)
        parking = plain.parking
        link = TlsLink(self.bench.reactor, plain.release(), parking, context or self.trust, name, session)
        self.bench.sockets.append(link.sock)
        return link, trio.SSLStream(peer, self.context, server_side=True)

    async def connected(self, **how):
        link, stream = self.link(**how)
        async with trio.open_nursery() as both:
            both.start_soon(stream.do_handshake)
            await link.handshake(soon())
        return link, stream


@pytest.fixture
async def server(bench, nursery, certificates) -> Server:
    return Server(bench, nursery, certificates)


async def test_bytes_go_both_ways(server) -> None:
    link, stream = await server.connected()
    await link.write(b"ping", 10)
    assert await stream.receive_some() == b"ping"
    await stream.send_all(b"pong")
    assert await link.read(soon()) == b"pong"


async def test_a_long_answer_is_read_to_its_last_byte(server, nursery) -> None:
    """Records hide bytes from the socket: reading stops at 'want read', not at a short read."""
    link, stream = await server.connected()
    data = bytes(range(256)) * 4096
    nursery.start_soon(stream.send_all, data)
    got = bytearray()
    while len(got) < len(data):
        got += await link.read(soon())
    assert got == data


@pytest.mark.parametrize("size", [10_000, 16_384, 40_000, 200_000, 3_000_000])
async def test_a_long_request_is_written_to_its_last_byte(server, nursery, size: int) -> None:
    """Records are 16 KiB, and no edge follows a write that did not fill the socket."""
    link, stream = await server.connected()
    received = bytearray()

    async def take() -> None:
        while len(received) < size:
            received.extend(await stream.receive_some(65536))

    async with trio.open_nursery() as taking:
        taking.start_soon(take)
        await link.write(b"x" * size, 10)
    assert len(received) == size


async def test_a_long_request_to_a_slow_reader(server, nursery) -> None:
    link, stream = await server.connected(narrow=True)
    data = bytes(range(256)) * 800
    received = bytearray()

    async def take() -> None:
        while len(received) < len(data):
            received.extend(await stream.receive_some(8000))
            await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as taking:
        taking.start_soon(take)
        await link.write(data, 20)
    assert received == data


async def test_close_notify_is_a_clean_end(server, nursery) -> None:
    link, stream = await server.connected()
    nursery.start_soon(stream.aclose)
    assert await link.read(soon()) == b""


async def test_an_end_without_close_notify_is_a_broken_connection(server) -> None:
    link, stream = await server.connected()
    await stream.transport_stream.aclose()
    with pytest.raises(ConnectionResetError):
        await link.read(soon())


async def test_sessions_are_resumed(server) -> None:
    first, stream = await server.connected()
    await stream.send_all(b"tickets come with the first bytes")
    await first.read(soon())
    second, _ = await server.connected(session=first.session)
    assert second.resumed
    assert not first.resumed


async def test_tickets_alone_do_not_make_a_link_speak(server) -> None:
    """TLS 1.3 sends them unasked after the handshake: a pooled connection is silent all the same."""
    link, stream = await server.connected()
    await wait_all_tasks_blocked(0.01)
    assert link.overhear() is None
    assert not link.spoke()
    await stream.send_all(b"unasked")
    await wait_all_tasks_blocked(0.01)
    assert link.overhear() == b"unasked"


async def test_an_early_answer_is_seen_and_stays_to_be_read(server) -> None:
    link, stream = await server.connected()
    await stream.send_all(b"HTTP/1.1 413")
    await wait_all_tasks_blocked(0.01)
    assert link.spoke()
    assert link.spoke()
    assert await link.read(soon()) == b"HTTP/1.1 413"
    await stream.send_all(b" Too Large")
    assert await link.read(soon()) == b" Too Large"


async def test_an_unknown_authority_is_refused(server, nursery) -> None:
    link, stream = server.link(context=client_context(True))

    async def accept() -> None:
        with pytest.raises(trio.BrokenResourceError):
            await stream.do_handshake()

    async with trio.open_nursery() as accepting:
        accepting.start_soon(accept)
        with pytest.raises(ssl.SSLCertVerificationError):
            await link.handshake(soon())
        link.close()


async def test_a_wrong_name_is_refused(server) -> None:
    link, stream = server.link(name="api.openai.com")

    async def accept() -> None:
        with pytest.raises(trio.BrokenResourceError):
            await stream.do_handshake()

    async with trio.open_nursery() as accepting:
        accepting.start_soon(accept)
        with pytest.raises(ssl.SSLCertVerificationError):
            await link.handshake(soon())
        link.close()


async def test_verification_can_be_switched_off(server) -> None:
    await server.connected(name="api.openai.com", context=client_context(False))


async def test_a_handshake_that_stalls_is_late(server) -> None:
    link, _ = server.link()
    with pytest.raises(Late):
        await link.handshake(time.monotonic() + 0.01)


async def test_a_handshake_ends_when_the_client_leaves(server, nursery) -> None:
    link, _ = server.link()

    async def leave() -> None:
        await wait_all_tasks_blocked()
        link.parking.leave()

    nursery.start_soon(leave)
    with trio.fail_after(1), pytest.raises(ClientGone):
        await link.handshake(soon())


async def test_a_peer_that_speaks_no_tls(server) -> None:
    link, stream = server.link()
    await stream.transport_stream.send_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    with pytest.raises(ssl.SSLError):
        await link.handshake(soon())


def test_contexts_are_made_once_per_setting(certificates) -> None:
    assert client_context(True) is client_context(True)
    assert client_context(str(certificates.authority)) is not client_context(True)
    assert client_context(False).verify_mode is ssl.CERT_NONE


def test_a_machine_without_certificates_trusts_certifi(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setattr(ssl.SSLContext, "load_default_certs", lambda *_: None)
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    assert client_context.__wrapped__(True).cert_store_stats()["x509_ca"] > 50


BIG = bytes(range(256)) * 12_000


async def taken(stream: trio.abc.ReceiveStream, count: int) -> bytes:
    got = bytearray()
    with trio.fail_after(10):
        while len(got) < count:
            got += await stream.receive_some(65536)
    return bytes(got)


async def test_a_pump_from_tls_to_a_client(server, bench, nursery) -> None:
    source, stream = await server.connected()
    client, browser = bench.link(source.parking)
    nursery.start_soon(stream.send_all, BIG)
    pump = Pump(source, client, LengthFraming(len(BIG)), None, 5, 5)
    got: list[bytes] = []

    async def browse() -> None:
        got.append(await taken(browser, len(BIG)))

    async with trio.open_nursery() as browsing:
        browsing.start_soon(browse)
        with trio.fail_after(10):
            assert await pump.run() is End.DONE
    assert got == [BIG]


@pytest.mark.parametrize("narrow", [False, True])
async def test_a_pump_from_a_client_to_tls(server, bench, nursery, narrow: bool) -> None:
    sink, stream = await server.connected(narrow=narrow)
    data = BIG[:200_000] if narrow else BIG
    client, browser = bench.link(sink.parking)
    nursery.start_soon(browser.send_all, data)
    pump = Pump(client, sink, LengthFraming(len(data)), None, 5, 5)
    pump.sink_may_speak = False
    got: list[bytes] = []

    async def read() -> None:
        got.append(await taken(stream, len(data)))

    async with trio.open_nursery() as reading:
        reading.start_soon(read)
        with trio.fail_after(10):
            assert await pump.run() is End.DONE
    assert got == [data]


async def test_a_pump_from_tls_that_is_cut_without_close_notify(server, bench) -> None:
    """Even where only the close would end the body: it was not the upstream's word."""
    source, stream = await server.connected()
    client, _ = bench.link(source.parking)
    await stream.send_all(b"half of i")
    await stream.transport_stream.aclose()
    with trio.fail_after(5):
        assert await Pump(source, client, CloseFraming(), None, 5, 5).run() is End.SOURCE_BROKEN


def test_a_bundle_that_was_replaced_is_another_edition(tmp_path: Path, certificates) -> None:
    bundle = tmp_path / "ca.pem"
    assert bundle_mark(str(bundle)) == "-", "it is missing: the handshake will say"
    bundle.write_bytes(certificates.authority.read_bytes())
    first = bundle_mark(str(bundle))
    assert first == bundle_mark(str(bundle))
    assert client_context(str(bundle), first) is client_context(str(bundle), first)
    other = tmp_path / "other.pem"
    other.write_bytes(bundle.read_bytes())
    other.replace(bundle)
    assert bundle_mark(str(bundle)) != first
    assert client_context(str(bundle), bundle_mark(str(bundle))) is not client_context(str(bundle), first)
    assert bundle_mark(True) != "", "the system's store is replaced by its updates"
    assert bundle_mark(False) == ""
