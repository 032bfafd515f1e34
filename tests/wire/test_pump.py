from __future__ import annotations

import math
import socket
import struct
import time

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from proxy.wire.framing import ChunkedFraming, CloseFraming, LengthFraming
from proxy.wire.pump import FAIR_SHARE_READS, End, Pump

LONG_S = 20.0
SHORT_S = 0.05
BIG = bytes(range(256)) * 16384  # 4 MiB: more than any buffer on the way


class Tap:
    def __init__(self) -> None:
        self.seen = b""

    def feed(self, payload: bytes) -> None:
        self.seen += payload


class Line:
    """origin -> source link -> pump -> sink link -> taker"""

    def __init__(self, bench, *, narrow: bool = False) -> None:
        self.parking = bench.parking()
        self.source, self.origin = bench.link(self.parking)
        self.sink, self.taker = bench.link(self.parking, narrow=narrow)
        self.pump: Pump | None = None

    def make(self, framing, *, tap=None, gap_s=LONG_S, write_s=LONG_S, until=math.inf, upload=False) -> Pump:
        self.pump = Pump(self.source, self.sink, framing, tap, gap_s, write_s, until)
        self.pump.sink_may_speak = not upload
        return self.pump

    def is_download(self) -> None:
        self.sink.is_client = True

    def is_upload(self) -> None:
        self.source.is_client = True

    async def taken(self, count: int) -> bytes:
        got = bytearray()
        with trio.fail_after(5):
            while len(got) < count:
                piece = await self.taker.receive_some(65536)
                assert piece, f"the sink ended after {len(got)} bytes"
                got += piece
        return bytes(got)


@pytest.fixture
def line(bench) -> Line:
    return Line(bench)


@pytest.fixture
def narrow(bench) -> Line:
    return Line(bench, narrow=True)


def reset(stream: trio.SocketStream) -> None:
    stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    stream.socket.close()


async def ended(pump: Pump, prefix: bytes = b"", first: bytes = b"") -> End:
    with trio.fail_after(10):
        return await pump.run(prefix, first)


async def test_a_message_that_came_whole_needs_no_wait(line) -> None:
    pump = line.make(LengthFraming(4))
    assert await ended(pump, b"head|", b"body") is End.DONE
    assert await line.taken(9) == b"head|body"
    assert pump.moved_bytes == 4


async def test_an_empty_message_sends_its_head(line) -> None:
    assert await ended(line.make(LengthFraming(0)), b"head|") is End.DONE
    assert await line.taken(5) == b"head|"


async def test_an_empty_message_without_a_head_is_done(line) -> None:
    assert await ended(line.make(LengthFraming(0))) is End.DONE


async def test_what_had_come_before_the_pump_began_is_moved(line) -> None:
    """Its edge was told to nobody: the flag remembers it."""
    await line.origin.send_all(b"early")
    await wait_all_tasks_blocked(0.01)
    assert await ended(line.make(LengthFraming(5))) is End.DONE
    assert await line.taken(5) == b"early"


async def test_pieces_are_moved_as_they_come(line, nursery) -> None:
    pump, result = line.make(LengthFraming(6)), []

    async def run() -> None:
        result.append(await pump.run(b"head|"))

    nursery.start_soon(run)
    assert await line.taken(5) == b"head|"
    for piece in (b"ab", b"cd", b"ef"):
        await line.origin.send_all(piece)
        assert await line.taken(2) == piece
    await wait_all_tasks_blocked(0.01)
    assert result == [End.DONE]


async def test_bytes_behind_the_message_are_left_over(line) -> None:
    pump = line.make(LengthFraming(3))
    await line.origin.send_all(b"bodnext")
    assert await ended(pump) is End.DONE
    assert (pump.leftover, pump.moved_bytes) == (b"next", 3)
    assert await line.taken(3) == b"bod"


async def test_bytes_behind_the_first_piece_are_left_over(line) -> None:
    pump = line.make(LengthFraming(3))
    assert await ended(pump, b"", b"bodnext") is End.DONE
    assert pump.leftover == b"next"


async def test_the_tap_sees_the_payload_and_the_sink_its_frames(line) -> None:
    tap = Tap()
    frames = b"5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nX-T: 1\r\n\r\n"
    pump = line.make(ChunkedFraming(), tap=tap)
    await line.origin.send_all(frames)
    assert await ended(pump) is End.DONE
    assert await line.taken(len(frames)) == frames
    assert tap.seen == b"hello world"


async def test_a_slow_sink_gets_every_byte(narrow, nursery) -> None:
    nursery.start_soon(narrow.origin.send_all, BIG)
    got = bytearray()

    async def take() -> None:
        while len(got) < len(BIG):
            got.extend(await narrow.taker.receive_some(4096))

    async with trio.open_nursery() as taking:
        taking.start_soon(take)
        assert await ended(narrow.make(LengthFraming(len(BIG)))) is End.DONE
    assert got == BIG


async def test_a_full_sink_pauses_the_source(narrow, nursery) -> None:
    """Backpressure: what the sink does not take stays with the origin, not in this process."""
    sent = 0

    async def send() -> None:
        nonlocal sent
        view = memoryview(BIG * 4)
        while view:
            await narrow.origin.send_all(view[:65536])
            sent += 65536
            view = view[65536:]

    pump = narrow.make(LengthFraming(len(BIG) * 4))
    nursery.start_soon(pump.run)
    nursery.start_soon(send)
    await wait_all_tasks_blocked(0.05)
    assert sent < len(BIG) * 4
    assert len(pump._pending) <= 65536
    nursery.cancel_scope.cancel()


async def test_a_sink_that_stops_reading_is_cut_off(narrow, nursery) -> None:
    nursery.start_soon(narrow.origin.send_all, BIG)
    end = await ended(narrow.make(LengthFraming(len(BIG)), write_s=SHORT_S))
    assert end is End.SINK_STALLED


async def test_a_sink_that_reads_slowly_is_cut_off_at_the_end_of_all(narrow, nursery) -> None:
    """Though it takes something in the time that it has for each piece."""

    async def take_slowly() -> None:
        while await narrow.taker.receive_some(16):
            await trio.lowlevel.checkpoint()

    nursery.start_soon(narrow.origin.send_all, BIG)
    nursery.start_soon(take_slowly)
    end = await ended(narrow.make(LengthFraming(len(BIG)), until=time.monotonic()))
    assert end in (End.SINK_STALLED, End.STALLED)
    nursery.cancel_scope.cancel()
    nursery.cancel_scope.cancel()


async def test_a_sink_that_reads_slowly_is_not_cut_off(narrow, nursery) -> None:
    """The write deadline bounds the time without progress, not the whole message."""
    size = 600_000
    nursery.start_soon(narrow.origin.send_all, BIG[:size])

    async def take() -> None:
        got = 0
        while got < size:
            got += len(await narrow.taker.receive_some(65536))
            with trio.move_on_after(0.02):
                await trio.sleep_forever()

    async with trio.open_nursery() as taking:
        taking.start_soon(take)
        assert await ended(narrow.make(LengthFraming(size), write_s=0.3)) is End.DONE


async def test_a_silent_source_is_stalled(line) -> None:
    assert await ended(line.make(LengthFraming(5), gap_s=SHORT_S), b"head|", b"bo") is End.STALLED


async def test_a_source_that_speaks_now_and_then_is_not_stalled(line, nursery) -> None:
    async def drip() -> None:
        for _ in range(5):
            with trio.move_on_after(0.06):
                await trio.sleep_forever()
            await line.origin.send_all(b"x")

    nursery.start_soon(drip)
    assert await ended(line.make(LengthFraming(5), gap_s=0.15)) is End.DONE


async def test_a_source_that_closes_early(line) -> None:
    await line.origin.send_all(b"bo")
    await line.origin.aclose()
    assert await ended(line.make(LengthFraming(5))) is End.SOURCE_EOF
    assert await line.taken(2) == b"bo"


async def test_a_source_that_closes_is_the_end_where_the_framing_says_so(line) -> None:
    await line.origin.send_all(b"all of it")
    await line.origin.aclose()
    assert await ended(line.make(CloseFraming())) is End.DONE
    assert await line.taken(9) == b"all of it"


async def test_a_source_that_is_reset(line, nursery) -> None:
    async def break_off() -> None:
        await wait_all_tasks_blocked()
        reset(line.origin)

    nursery.start_soon(break_off)
    assert await ended(line.make(LengthFraming(5))) is End.SOURCE_BROKEN


@pytest.mark.parametrize("first", [b"", b"zz\r\n"])
async def test_bad_framing_ends_it(line, first: bytes) -> None:
    if not first:
        await line.origin.send_all(b"zz\r\n")
    assert await ended(line.make(ChunkedFraming()), b"", first) is End.BAD_FRAMING


async def test_the_head_goes_out_before_a_body_that_is_framed_wrongly(line) -> None:
    """Whether both came in one packet or in two must make no difference to the client."""
    assert await ended(line.make(ChunkedFraming()), b"head|", b"zz\r\n") is End.BAD_FRAMING
    assert await line.taken(5) == b"head|"


async def test_a_client_that_leaves_while_the_source_is_silent(line, nursery) -> None:
    line.is_download()

    async def leave() -> None:
        await wait_all_tasks_blocked()
        await line.taker.aclose()

    nursery.start_soon(leave)
    with trio.fail_after(0.5):
        assert await line.make(LengthFraming(5)).run(b"", b"b") is End.SINK_GONE
    assert line.parking.gone


async def test_a_client_that_leaves_while_its_buffer_is_full(narrow, nursery) -> None:
    narrow.is_download()
    nursery.start_soon(narrow.origin.send_all, BIG)

    async def leave() -> None:
        await wait_all_tasks_blocked(0.02)
        reset(narrow.taker)

    nursery.start_soon(leave)
    with trio.fail_after(1):
        assert await narrow.make(LengthFraming(len(BIG))).run() is End.SINK_GONE
    nursery.cancel_scope.cancel()


async def test_a_client_that_left_before_the_pump_began(line) -> None:
    line.is_download()
    await line.taker.aclose()
    await wait_all_tasks_blocked(0.01)
    assert line.parking.gone
    with trio.fail_after(1):
        assert await line.make(LengthFraming(5)).run(b"head|", b"b") is End.SINK_GONE


async def test_an_uploader_that_leaves_while_its_source_runs(line, nursery) -> None:
    line.is_upload()

    async def leave() -> None:
        await wait_all_tasks_blocked()
        await line.origin.aclose()

    nursery.start_soon(leave)
    with trio.fail_after(0.5):
        assert await line.make(LengthFraming(5), upload=True).run(b"", b"b") is End.SOURCE_EOF


async def test_an_uploader_that_leaves_while_the_upstream_is_full(narrow, nursery) -> None:
    """Nobody reads its socket then: only the hangup tells."""
    narrow.is_upload()
    await narrow.origin.send_all(BIG[:65536])

    async def leave() -> None:
        await wait_all_tasks_blocked(0.02)
        await narrow.origin.aclose()

    nursery.start_soon(leave)
    first = BIG
    with trio.fail_after(0.5):
        pump = narrow.make(LengthFraming(len(BIG) * 4), upload=True)
        assert await pump.run(b"", first) in (End.SOURCE_EOF, End.SOURCE_BROKEN)


async def test_an_upstream_may_wait_for_a_slow_upload(bench, nursery) -> None:
    """A fresh sink's first event says only that it can take more: that is no answer."""
    line = Line(bench)
    pump = line.make(LengthFraming(10), upload=True)

    async def upload() -> None:
        for _ in range(5):
            await wait_all_tasks_blocked()
            await line.origin.send_all(b"xy")

    nursery.start_soon(upload)
    assert await ended(pump) is End.DONE
    assert await line.taken(10) == b"xy" * 5


async def test_an_upstream_that_answers_early_stops_the_upload(line, nursery) -> None:
    pump = line.make(LengthFraming(10), upload=True)

    async def refuse() -> None:
        await wait_all_tasks_blocked()
        await line.taker.send_all(b"HTTP/1.1 413 \r\n")

    nursery.start_soon(refuse)
    assert await ended(pump, b"", b"x") is End.SINK_SPOKE
    assert await line.sink.read(time.monotonic() + 1) == b"HTTP/1.1 413 \r\n", "the answer is still there"


async def test_an_answer_that_was_there_before_the_upload_began(line) -> None:
    await line.taker.send_all(b"HTTP/1.1 413 \r\n")
    await wait_all_tasks_blocked(0.01)
    assert await ended(line.make(LengthFraming(10), upload=True), b"", b"x") is End.SINK_SPOKE


async def test_an_answer_that_comes_with_room_in_the_buffer(narrow, nursery) -> None:
    """One event that says 'readable' and 'writable' is both."""
    pump = narrow.make(LengthFraming(len(BIG) * 2), upload=True)

    async def answer() -> None:
        await wait_all_tasks_blocked(0.02)
        narrow.taker.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 10_000_000)
        await narrow.taker.send_all(b"HTTP/1.1 413 \r\n")
        got = 0
        while got < len(BIG):
            got += len(await narrow.taker.receive_some(65536))

    nursery.start_soon(answer)
    assert await ended(pump, b"", BIG) is End.SINK_SPOKE
    nursery.cancel_scope.cancel()


async def test_a_client_may_speak_while_it_is_answered(line, nursery) -> None:
    """Pipelining: its next request waits, unread."""
    line.is_download()

    async def talk() -> None:
        await wait_all_tasks_blocked()
        await line.taker.send_all(b"GET /next HTTP/1.1\r\n")
        await wait_all_tasks_blocked()
        await line.origin.send_all(b"body")

    nursery.start_soon(talk)
    assert await ended(line.make(LengthFraming(4))) is End.DONE
    assert await line.sink.read(time.monotonic() + 1) == b"GET /next HTTP/1.1\r\n"


async def test_after_its_end_the_links_answer_to_nobody(line) -> None:
    assert await ended(line.make(LengthFraming(2)), b"", b"ab") is End.DONE
    assert line.source.mover is None
    assert line.sink.mover is None


async def test_a_cancelled_pump_lets_go_of_its_links(line) -> None:
    with trio.move_on_after(0.01):
        await line.make(LengthFraming(2)).run()
    assert line.source.mover is None
    assert line.sink.mover is None


async def test_a_flood_does_not_starve_its_neighbours(bench, nursery) -> None:
    """A source that is never dry hands over after its share, and is taken up again."""
    flood, neighbour = Line(bench), Line(bench)
    size = 64 * 1024 * FAIR_SHARE_READS * 8
    progress: list[int] = []
    pump = flood.make(LengthFraming(size))

    async def pour() -> None:
        await flood.origin.send_all(b"x" * size)

    async def drain() -> None:
        got = 0
        while got < size:
            got += len(await flood.taker.receive_some(1 << 20))

    async def chat() -> None:
        small = neighbour.make(LengthFraming(3))
        await neighbour.origin.send_all(b"abc")
        assert await small.run() is End.DONE
        progress.append(pump.moved_bytes)

    async with trio.open_nursery() as all_of_them:
        for task in (pour, drain, chat):
            all_of_them.start_soon(task)
        assert await ended(pump) is End.DONE
    assert progress[0] < size


async def test_a_source_with_more_than_its_share_needs_no_new_edge(line, nursery) -> None:
    """All bytes and the end are in the buffer before the pump looks: no further event will come."""
    line.source.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    size = 64 * 1024 * (FAIR_SHARE_READS + 4)

    async def pour() -> None:
        await line.origin.send_all(b"x" * size)
        await line.origin.aclose()

    async with trio.open_nursery() as both:
        both.start_soon(pour)
        both.start_soon(line.taken, size)
        await wait_all_tasks_blocked(0.02)
        assert await ended(line.make(CloseFraming())) is End.DONE


async def test_two_pumps_after_each_other_on_the_same_links(line, nursery) -> None:
    for number in range(50):
        text = b"%03d" % number
        await line.origin.send_all(text)
        assert await ended(line.make(LengthFraming(3))) is End.DONE
        assert await line.taken(3) == text


class Faulty:
    """A tap with a bug, at its second piece: that one is fed by the reactor."""

    def __init__(self) -> None:
        self.fed = 0

    def feed(self, payload: bytes) -> None:
        self.fed += 1
        if self.fed == 2:
            raise LookupError("a tap's bug")


async def test_a_tap_that_raises_in_the_reactor_ends_its_own_pump_and_no_other(bench) -> None:
    sick, sound = Line(bench), Line(bench)
    raised, ends = [], []

    async def sick_one() -> None:
        try:
            await sick.make(LengthFraming(100), tap=Faulty()).run(b"", b"x")
        except LookupError as error:
            raised.append(str(error))

    async def sound_one() -> None:
        ends.append(await ended(sound.make(LengthFraming(3))))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(sick_one)
        nursery.start_soon(sound_one)
        await wait_all_tasks_blocked()
        await sick.origin.send_all(b"y")
        await sick.origin.send_all(b"y")
        await sound.origin.send_all(b"abc")
        with trio.fail_after(5):
            assert await sound.taken(3) == b"abc"
    assert raised == ["a tap's bug"]
    assert ends == [End.DONE]
    assert bench.reactor.walls.callees.stopped == 1
    assert sick.source.mover is None
