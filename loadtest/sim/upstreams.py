"""Simulated upstreams: HTTP/1.1 servers on the virtual clock, well and ill by plan."""

from __future__ import annotations

import math
import random
import re
import socket
from collections.abc import Callable, Generator
from dataclasses import dataclass

from loadtest.sim.actors import Actor, Pause, Script, Signal
from loadtest.sim.answers import Question, answer, stop
from loadtest.sim.clock import VirtualClock
from loadtest.sim.languages import ANTHROPIC, CHAT, TEXT, of_door
from loadtest.sim.network import Listener
from loadtest.sim.plan import UNREACHABLE, Ask, Fault, Kind, Phase, UpstreamPlan
from loadtest.sim.sockets import End
from loadtest.sim.story import Attempt, Chronicle, Connection, Said

CLEANLY, RESET, HALF, OPEN = "closes", "resets", "half-closes", "stops"
STOPS: dict[Fault, str] = {
    Fault.CLOSED: CLEANLY,
    Fault.RESET: RESET,
    Fault.HALF_CLOSED: HALF,
    Fault.STALLED: OPEN,
    Fault.SILENT: OPEN,
}
ENDS_AT_CLOSE = (CLEANLY, HALF)
SLOW_S = (1.0, 6.0)
"""Between the pieces of a slow answer."""
NUMBER = b"x-sim-request: "
_LANGUAGES = {b"POST /v1/completions": TEXT, b"POST /v1/messages": ANTHROPIC}
_STREAMS = re.compile(rb'"stream":\s*true')
Asking = Generator[Pause, bool, bytes | None]
"""None: the connection is over."""


@dataclass
class Request:
    head: bytes
    number: int
    length: int
    """-1: chunked."""

    def value(self, name: bytes) -> bytes:
        """Of a header; b"" where it is missing."""
        at = self.head.lower().find(b"\r\n" + name)
        return b"" if at < 0 else self.head[at + 2 + len(name) : self.head.find(b"\r\n", at + 2)]


class Upstream:
    serves: Callable[..., Serving]

    def __init__(self, plan: UpstreamPlan, clock: VirtualClock, seed: int, story: Chronicle) -> None:
        self.plan = plan
        self._clock = clock
        self._chance = random.Random(f"{seed} {plan.name}")
        self._story = story
        self._key = b"Bearer sk-" + plan.name.encode()
        self._open: dict[int, End] = {}
        self.listener = Listener(self.accept, self.reachable, plan.latency_s, plan.capacity_bytes)
        for before, phase in zip((None, *plan.phases), plan.phases, strict=False):
            if phase.cuts:
                clock.after(before.until_s if before else 0.0, self._cut_all)

    def reachable(self) -> Fault:
        phase = self.plan.phase(self._clock.now)
        if phase is None or phase.fault not in UNREACHABLE or self._chance.random() >= phase.chance:
            return Fault.NONE
        self._story.faults[phase.fault] += 1
        return phase.fault

    def accept(self, connection: Connection) -> None:
        serving = self.serves(self, connection, self._clock, self._chance, self._story, self._key)
        self._open[connection.host.fileno()] = connection.host
        Actor(self._clock, serving.run(self._forget)).begin()

    def _forget(self, end: End) -> None:
        if self._open.get(end.fileno()) is end:
            del self._open[end.fileno()]

    def _cut_all(self) -> None:
        self._story.tell(self.plan.name, "goes away")
        for end in list(self._open.values()):
            reset(end)


def _holds(body: bytes, ask: Ask) -> bool:
    """The words that its client wrote."""
    return (ask.text or b"t" * ask.body_bytes) in body


def reset(end: End) -> None:
    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"at once")
    end.close()


class Serving:
    """One connection."""

    def __init__(
        self,
        upstream: Upstream,
        connection: Connection,
        clock: VirtualClock,
        chance: random.Random,
        story: Chronicle,
        key: bytes,
    ) -> None:
        self._plan = upstream.plan
        self._connection = connection
        self._end = connection.host
        self._clock = clock
        self._chance = chance
        self._story = story
        self._key = key
        self._signal = Signal()
        self._end.watch = lambda _: self._signal.fire()
        self._buffer = b""

    def run(self, over: Callable[[End], None]) -> Script:
        try:
            while (request := (yield from self._request())) is not None:
                if not (yield from self._serve(request)):
                    break
        except OSError:
            pass  # the gateway went first
        over(self._end)
        self._end.close()

    def _request(self) -> Generator[Pause, bool, Request | None]:
        while b"\r\n\r\n" not in self._buffer:
            data = yield from self._receive(self._plan.idle_s)
            if not data:
                return None
            self._buffer += data
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        request = Request(head + b"\r\n", 0, 0)
        request.number = int(request.value(NUMBER) or 0)
        length = request.value(b"content-length: ")
        request.length = int(length) if length else -1 if request.value(b"transfer-encoding: ") else 0
        return request

    def _receive(self, limit_s: float) -> Asking:
        """The next bytes; b"" at their end, None when none came in time."""
        while True:
            try:
                return self._end.recv(65536)
            except BlockingIOError:
                if not (yield (self._signal, limit_s)):
                    return None

    def _body(self, request: Request) -> Asking:
        """The request's body; None: it never came whole."""
        framed = request.length < 0
        while (b"0\r\n\r\n" not in self._buffer) if framed else (len(self._buffer) < request.length):
            data = yield from self._receive(120.0)
            if not data:
                return None
            self._buffer += data
        size = self._buffer.find(b"0\r\n\r\n") + 5 if framed else request.length
        body, self._buffer = self._buffer[:size], self._buffer[size:]
        return body

    def _serve(self, request: Request) -> Generator[Pause, bool, bool]:
        """Whether the connection goes on."""
        phase, fault = self._mood()
        attempt = self._attempt(request)
        attempt.authorized = self._key in (
            request.value(b"authorization: "), b"Bearer " + request.value(b"x-api-key: ")
        )  # fmt: skip
        self._story.faults[fault] += 1
        self._story.tell(self._plan.name, f"is asked {request.number}: {fault.value}")
        asked = self._question(request.number)
        language = _LANGUAGES.get(request.head.partition(b" HTTP")[0], CHAT)
        heard_in = CHAT if asked is None else of_door(asked.target)
        if fault is Fault.EARLY:
            early = Question(self._tag(attempt), False, False, language, heard_in)
            yield from self._say(attempt, early, phase, fault)
            return False
        body = yield from self._body(request)
        if body is None:
            attempt.over_s = self._clock.now
            return False
        if language == ANTHROPIC and fault is Fault.HIDDEN:
            fault = Fault.FAILING  # it says so by its status
        attempt.words_lost = asked is not None and asked.kind is Kind.CHAT and not _holds(body, asked)
        question = Question(
            tag=self._tag(attempt),
            streams=_STREAMS.search(body) is not None,
            wants_usage=b"include_usage" in body,
            language=language,
            heard_in=heard_in,
            generates=request.head.partition(b" HTTP")[0].endswith((b"completions", b"/messages")),
            lines=self._limits(),
        )
        return (yield from self._say(attempt, question, phase, fault))

    def _question(self, number: int) -> Ask | None:
        return next((asked.ask for asked in reversed(self._story.asked) if asked.ask.number == number), None)

    def _attempt(self, request: Request) -> Attempt:
        attempt = Attempt(request.number, self._plan.name, self._connection, self._clock.now)
        self._story.attempts.append(attempt)
        self._connection.attempts.append(attempt)
        return attempt

    def _limits(self) -> bytes:
        """What its key has left: plenty, or next to nothing for a few seconds."""
        if not self._plan.tells_limits:
            return b""
        left, reset_s = self._chance.choice(((1000, 60), (2, 3), (0, 2)))
        return b"x-ratelimit-remaining-requests: %d\r\nx-ratelimit-reset-requests: %ds\r\n" % (left, reset_s)

    def _mood(self) -> tuple[Phase | None, Fault]:
        phase = self._plan.phase(self._clock.now)
        if phase is None or phase.fault in UNREACHABLE or self._chance.random() >= phase.chance:
            return phase, Fault.NONE
        return phase, phase.fault

    def _tag(self, attempt: Attempt) -> bytes:
        return b"r%d.%b.%d" % (attempt.number, self._plan.name.encode(), len(self._story.attempts))

    def _say(
        self, attempt: Attempt, question: Question, phase: Phase | None, fault: Fault
    ) -> Generator[Pause, bool, bool]:
        said = answer(question, phase, fault, self._chance)
        return (yield from self._deliver(attempt, said, fault, self._chance))

    def _deliver(
        self, attempt: Attempt, said: Said, fault: Fault, chance: random.Random
    ) -> Generator[Pause, bool, bool]:
        attempt.said = said
        ends = CLEANLY if said.until_close or fault in _LAST else ""
        if fault in STOPS:
            ends = STOPS[fault]
            at = 0 if fault is Fault.SILENT else chance.randrange(sum(map(len, said.pieces)) + 1)
            stop(said, at, cleanly=ends in ENDS_AT_CLOSE)
        yield chance.uniform(*self._plan.head_s)
        yield from self._write(attempt, said)
        attempt.over_s = self._clock.now
        self._story.tell(self._plan.name, f"has answered {attempt.number}: {said.status} {ends}")
        if not ends:
            return fault is not Fault.CLOSES_AFTER
        if ends in (HALF, OPEN):
            if ends == HALF:
                self._end.shutdown(socket.SHUT_WR)
            while (yield from self._receive(math.inf)):
                pass  # what it reads now says nothing
        elif ends == RESET:
            reset(self._end)
        return False

    def _write(self, attempt: Attempt, said: Said) -> Script:
        gap_s = SLOW_S if said.fault is Fault.SLOW else self._plan.gap_s
        for number, piece in enumerate(said.pieces):
            if number:
                yield self._between(gap_s)
            yield from self._send(piece)
            if attempt.head_sent_s is None:
                attempt.head_sent_s = self._clock.now

    def _send(self, piece: bytes) -> Script:
        while piece:
            try:
                piece = piece[self._end.send(piece) :]
            except BlockingIOError:
                yield (self._signal, math.inf)

    def _between(self, bounds: tuple[float, float]) -> float:
        return self._chance.uniform(*bounds)


Upstream.serves = Serving
_LAST = frozenset({Fault.GARBAGE, Fault.LONG_LENGTH, Fault.BAD_CHUNK})
"""After these no server goes on."""
