"""How soon after a client's leaving its upstream connection is closed, in milliseconds.

`python -m loadtest.cancel_latency --requests 300`: a gateway process before the mock upstream; each client leaves at
a random moment of waiting, of a stream, or of a plain answer. Both clocks are this process's own.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import trio

from loadtest.answers import Answer, RawRequest, chat, chat_stream
from loadtest.gateway_process import free_port, running_gateway
from loadtest.mock_upstream import MockUpstream, mock_upstream

SIDE_BY_SIDE = 8
LATEST_LEAVING_S = 0.05
"""Clients leave within this time of their request's arrival upstream: in any phase of any of the answers."""
GIVE_UP_S = 5.0
"""A connection still open after this long was never going to be closed."""
CONFIG = """
model_list:
  - model_name: m
    litellm_params: {model: openai/m, api_base: "http://127.0.0.1:PORT/v1", api_key: sk-upstream}
"""


@dataclass(frozen=True)
class Phase:
    """An answer that takes far longer than its client stays."""

    name: str
    stream: bool
    answer: Answer


PHASES = (
    Phase("waiting", stream=False, answer=replace(chat(), head_delay_s=60)),
    Phase("streaming", stream=True, answer=chat_stream(events=10_000, gap_s=0.005)),
    Phase(
        "plain answer", stream=False, answer=replace(chat(size_bytes=100_000), piece_bytes=500, gap_s=0.005)
    ),
)


def answer_by_name(request: RawRequest) -> Answer | None:
    """The mock's side: the request's body names its phase."""
    return next((phase.answer for phase in PHASES if phase.name.encode() in request.body), None)


async def latencies_ms(port: int, key: str, mock: MockUpstream, requests: int, seed: int) -> list[float]:
    """Of so many clients, a few at a time; the mock must answer by `answer_by_name`."""
    random = Random(seed)
    found: list[float] = []
    numbers = iter(range(requests))

    async def leave_again_and_again() -> None:
        for number in numbers:
            phase = PHASES[number % len(PHASES)]
            found.append(await _leave(port, key, mock, phase, number, random.uniform(0, LATEST_LEAVING_S)))

    async with trio.open_nursery() as nursery:
        for _ in range(SIDE_BY_SIDE):
            nursery.start_soon(leave_again_and_again)
    return found


async def _leave(port: int, key: str, mock: MockUpstream, phase: Phase, number: int, stay_s: float) -> float:
    """Milliseconds from the client's close to the upstream's seeing its own."""
    mark = b'"%b","n":%d' % (phase.name.encode(), number)
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    await stream.send_all(_request(mark, key, stream=phase.stream))
    arrived = await _arrival(mock, lambda request: request.body.endswith(mark + b"}"))
    await trio.sleep(stay_s)
    left_at = trio.current_time()
    await stream.aclose()
    connection = mock.connections[arrived.connection]
    with trio.fail_after(GIVE_UP_S):
        await connection.closed.wait()
    assert connection.closed_at is not None
    return (connection.closed_at - left_at) * 1000


async def _arrival(mock: MockUpstream, is_it: Callable[[RawRequest], bool]) -> RawRequest:
    seen = 0
    while True:
        await mock.received(seen + 1)
        found = next(filter(is_it, mock.requests[seen:]), None)
        if found is not None:
            return found
        seen = len(mock.requests)


def _request(mark: bytes, key: str, *, stream: bool) -> bytes:
    flag = b',"stream":true' if stream else b""
    body = b'{"model":"m","messages":[]%b,"user":%b}' % (flag, mark)
    head = (
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer %b\r\n" % key.encode()
    )
    return head + b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that is not below `share` of them."""
    return sorted(values)[max(0, -int(-len(values) * share // 1) - 1)]


async def _measure(port: int, key: str, upstream_port: int, requests: int, seed: int) -> list[float]:
    async with mock_upstream(port=upstream_port) as mock:
        mock.script(answer_by_name)
        return await latencies_ms(port, key, mock, requests, seed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    upstream_port = free_port()
    config = CONFIG.replace("PORT", str(upstream_port))
    with tempfile.TemporaryDirectory() as folder, running_gateway(Path(folder), config=config) as gateway:
        assert gateway.key is not None
        found = trio.run(_measure, gateway.port, gateway.key, upstream_port, given.requests, given.seed)
    figures = ", ".join(f"p{share:g} {percentile(found, share / 100):.2f} ms" for share in (50, 90, 99, 100))
    print(f"{len(found)} clients left; upstream connection closed after: {figures}")


if __name__ == "__main__":
    main()
