"""Simulated clients: they ask, read at their own pace, and leave when they like."""

from __future__ import annotations

import math
import select
import socket
from collections.abc import Callable, Generator

from loadtest.sim.actors import Pause, Script, Signal
from loadtest.sim.clock import VirtualClock
from loadtest.sim.languages import MESSAGES, had_last
from loadtest.sim.network import Network
from loadtest.sim.plan import CARRIED, KEY, Ask, ClientPlan, Kind, Leaves, Manner
from loadtest.sim.reading import AnswerReader, Unreadable
from loadtest.sim.sockets import End
from loadtest.sim.story import Asked, Chronicle, Ending
from loadtest.sim.upstreams import reset

THROUGH = b"/openai/"
_METHODS = {Kind.PAGE: b"GET", Kind.DELETION: b"DELETE"}
CONTINUE_WAIT_S = 1.0
"""A client that expects a 100 sends its body after this long all the same."""
BETWEEN_PIECES_S = 0.05
COMMENT = b": keep-alive\n"
HALF_CLOSED_S = 5.0
"""A client that sends no more goes away for good after it."""


class Client:
    def __init__(self, plan: ClientPlan, clock: VirtualClock, network: Network, story: Chronicle) -> None:
        self._plan = plan
        self._clock = clock
        self._network = network
        self._story = story
        self._name = f"c{plan.number}"
        self._signal = Signal()
        self._near: End | None = None
        """The gateway's."""
        self._end: End | None = None
        self._nth = 0
        self._sent = 0

    def run(self) -> Script:
        for ask in self._plan.asks:
            yield ask.pause_s
            if self._lost() and not self._connect():
                self._story.tell(self._name, f"cannot ask {ask.number}")
                continue
            assert self._end is not None
            assert self._near is not None
            asked = Asked(ask, self._plan.number, self._near, self._nth, self._clock.now)
            self._nth += 1
            self._story.asked.append(asked)
            self._story.tell(self._name, f"asks {ask.number}")
            try:
                yield from self._exchange(asked, self._end)
            except Unreadable as error:
                self._story.bugs.append(f"request {ask.number} got an answer that is none: {error}")
                self._end_of(asked, Ending.CUT)
            except OSError:
                self._end_of(asked, Ending.CUT if asked.status or asked.payload else Ending.NONE)
            if asked.ending is not Ending.WHOLE or self._says_close(asked) or self._plan.reconnects:
                self._hang_up()
        self._hang_up()

    def _lost(self) -> bool:
        return self._end is None or self._end.ended or self._end.broken

    def _connect(self) -> bool:
        self._hang_up()
        ends = self._network.enter(self._name, self._plan.latency_s, self._plan.capacity_bytes)
        if ends is None:
            return False
        self._near, self._end = ends
        self._end.watch = lambda _: self._signal.fire()
        self._nth = self._sent = 0
        return True

    def _hang_up(self) -> None:
        if self._end is not None:
            self._end.close()
            self._end = None

    def _says_close(self, asked: Asked) -> bool:
        return asked.headers.get(b"connection", b"").lower() == b"close"

    def _end_of(self, asked: Asked, ending: Ending) -> None:
        asked.ending = ending
        asked.over_s = self._clock.now
        self._story.tell(
            self._name, f"{asked.ask.number} ends {ending.value}: {asked.status}, {len(asked.payload)} bytes"
        )

    def _exchange(self, asked: Asked, end: End) -> Script:
        ask = asked.ask
        reader = AnswerReader()
        if not (yield from self._speak(asked, end, reader)):
            yield from self._leave(asked, end)
            return
        gives_up_s = self._clock.now + self._plan.patience_s
        leaves_s = self._clock.now + ask.leaves_at if ask.leaves is Leaves.WAIT else math.inf
        leaves_bytes = ask.leaves_at if ask.leaves is Leaves.ANSWER else math.inf
        while not reader.done:
            data = None
            if len(reader.payload) < leaves_bytes:
                data = yield from self._read(end, min(leaves_s, gives_up_s) - self._clock.now)
            if data is None:
                yield from self._leave(asked, end)
                return
            if not data:
                break
            self._take(asked, reader, data)
            if ask.leaves is Leaves.DONE and had_last(bytes(reader.payload)) and not reader.done:
                yield from self._leave(asked, end)
                return
            if self._plan.pace_s:
                yield self._plan.pace_s
        whole = reader.done or reader.whole_at_close()
        cut = Ending.CUT if reader.begun else Ending.NONE
        self._end_of(asked, Ending.WHOLE if whole else cut)

    def _take(self, asked: Asked, reader: AnswerReader, data: bytes) -> None:
        before = len(reader.payload)
        if asked.heard_s is not None and reader.payload.endswith((b"\n\n", COMMENT)):
            asked.quiet_s = max(asked.quiet_s, self._clock.now - asked.heard_s)
        asked.heard_s = self._clock.now
        reader.feed(data)
        asked.status, asked.headers, asked.payload = reader.status, reader.headers, reader.payload
        if asked.first_payload_s is None and len(reader.payload) > before:
            asked.first_payload_s = self._clock.now

    def _read(self, end: End, limit_s: float) -> Generator[Pause, bool, bytes | None]:
        """None: nothing came in time."""
        while True:
            try:
                return end.recv(self._plan.takes_bytes)
            except BlockingIOError:
                if not (yield (self._signal, max(0.0, limit_s))):
                    return None

    def _speak(self, asked: Asked, end: End, reader: AnswerReader) -> Generator[Pause, bool, bool]:
        """Send the request. False: it leaves before the end of it."""
        ask = asked.ask
        head, body = request(ask, self._plan.key)
        if ask.leaves is Leaves.HEAD:
            yield from self._send(end, head[: int(len(head) * ask.leaves_at)], 1)
            return False
        if ask.expects and body:
            yield from self._send(end, head, 1)
            asked.head_ends = self._sent
            data = yield from self._read(end, CONTINUE_WAIT_S)
            if data:
                self._take(asked, reader, data)
            if reader.status or data == b"":
                return True
        else:
            asked.head_ends = self._sent + len(head)
            body = head + body
        if ask.leaves is Leaves.BODY:
            size = len(head) if asked.head_ends > self._sent else 0
            kept = size + int((len(body) - size) * ask.leaves_at)
            yield from self._send(end, body[:kept], ask.pieces)
            return False
        if (yield from self._send(end, body, ask.pieces, listens=True)):
            asked.body_sent = True
        return True

    def _send(
        self, end: End, data: bytes, pieces: int, *, listens: bool = False
    ) -> Generator[Pause, bool, bool]:
        """False: an answer came before all was sent."""
        step = max(1, -(-len(data) // pieces))
        for start in range(0, len(data), step):
            if start:
                yield BETWEEN_PIECES_S
            piece = data[start : start + step]
            while piece:
                try:
                    sent = end.send(piece)
                    self._sent += sent
                    piece = piece[sent:]
                except BlockingIOError:
                    if listens and end.mask() & select.EPOLLIN:
                        return False
                    yield (self._signal, self._plan.patience_s)
                except OSError:
                    if listens:
                        return False  # what was answered before is there to be read
                    raise
        return True

    def _leave(self, asked: Asked, end: End) -> Script:
        """`left_s` is when the gateway can know it."""
        manner = asked.ask.manner
        self._story.tell(self._name, f"leaves {asked.ask.number}: {manner.value}")
        if manner is Manner.STALL:
            yield self._plan.patience_s
        if manner is Manner.RESET:
            reset(end)
        elif manner is Manner.HALF_CLOSE:
            end.shutdown(socket.SHUT_WR)
        else:
            end.close()
        asked.left_s = max(end.all_arrived_s, self._clock.now)
        self._end_of(asked, Ending.LEFT)
        if manner is Manner.HALF_CLOSE:
            yield HALF_CLOSED_S
        end.close()


def request(ask: Ask, key: bytes = KEY) -> tuple[bytes, bytes]:
    """Head and body as they go out. `key`: for what goes on to an upstream."""
    if ask.kind is Kind.NONSENSE:
        return b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 2\r\n\r\n", b""
    content = _BODIES[ask.kind](ask)
    body = _chunks(content) if ask.chunked else content
    whose = key if ask.kind in CARRIED or ask.target.startswith(THROUGH) else KEY
    lines = [
        b"Host: gateway",
        b"Authorization: Bearer " + whose,
        b"x-sim-request: %d" % ask.number,
        *ask.lines,
    ]
    if ask.expects and body:
        lines.append(b"Expect: 100-continue")
    if ask.chunked:
        lines.append(b"Transfer-Encoding: chunked")
    elif body or ask.kind in CARRIED:
        lines.append(b"Content-Length: %d" % len(body))
    method = _METHODS.get(ask.kind, b"POST")
    head = b"%b %b HTTP/1.1\r\n%b\r\n\r\n" % (method, ask.target, b"\r\n".join(lines))
    return head, body


def _chat(ask: Ask) -> bytes:
    flags = b', "stream": true, "stream_options": {"include_usage": true}' if ask.stream else b""
    if ask.target == MESSAGES:
        flags = b', "stream": true' if ask.stream else b""
        flags += b"" if ask.max_tokens else b', "max_tokens": 1000'
    flags += b', "max_tokens": %d' % ask.max_tokens if ask.max_tokens else b""
    text = ask.text or b"t" * ask.body_bytes
    return b'{"model": "%b"%b, "messages": [{"role": "user", "content": "%b"}]}' % (
        ask.model.encode(),
        flags,
        text,
    )


_BODIES: dict[Kind, Callable[[Ask], bytes]] = {
    Kind.CHAT: _chat,
    Kind.UPLOAD: lambda ask: ask.text or b"u" * ask.body_bytes,
    Kind.PAGE: lambda _: b"",
    Kind.DELETION: lambda _: b"",
    Kind.ADMIN: lambda _: b"",
    Kind.NONSENSE: lambda _: b"",
}


def _chunks(content: bytes) -> bytes:
    size = max(1, len(content) // 3)
    pieces = [content[at : at + size] for at in range(0, len(content), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
