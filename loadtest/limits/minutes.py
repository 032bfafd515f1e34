"""Requests per minute of one key, from many clients, over minutes, while workers are killed.

A request was let go between its sending and its coming to the upstream, which on a busy machine may be a while: minutes
are shortened by the longest such time, so that what is found too many was too many. By the gateway's own records,
which have all but those of workers that were killed, whole minutes are counted.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Sequence

import msgspec
import trio

from loadtest.answers import Answer, RawRequest
from loadtest.limits.scene import MINUTES, Scene, now, told
from proxy.access.identity import token_of

MINUTE_S = 60.0
WANTED = 2.0
"""Times as many as may go."""
AGAIN_S = 0.05
SHARE = 0.99
"""Of the limit must be used."""
BODY = (
    b'{"model":"m","messages":[{"role":"user","content":"hello"}],"max_tokens":64,"metadata":{"sent":"%.6f"}}'
)
_STARTED = """
SELECT ended_ms / 1000.0 - duration_ms / 1000.0 FROM requests AS records JOIN callers ON callers.id = records.caller
WHERE callers.key = ? AND attempts > 0
"""


class _Metadata(msgspec.Struct):
    sent: str


class _Body(msgspec.Struct):
    metadata: _Metadata


class Outcome(msgspec.Struct):
    arrived: list[float] = []
    """Monotonic seconds at which requests came to the upstream."""
    lag_s: float = 0.0
    """The longest from a request's sending until then."""
    started: list[float] = []
    """Unix seconds, by the records."""
    good: int = 0
    lost: int = 0
    refused: int = 0
    wrong: list[str] = []


async def run(scene: Scene) -> Outcome:
    outcome = Outcome(arrived=[], started=[], wrong=[])

    def note(request: RawRequest) -> Answer | None:
        sent = float(msgspec.json.decode(request.body, type=_Body).metadata.sent)
        outcome.arrived.append(now())
        outcome.lag_s = max(outcome.lag_s, now() - sent)
        return None

    scene.mock.script(note)
    with trio.move_on_after(scene.settings.seconds):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(scene.killing)
            pause_s = scene.settings.clients / (scene.settings.rpm / MINUTE_S * WANTED)
            for number in range(scene.settings.clients):
                nursery.start_soon(
                    _client, scene, outcome, pause_s, number / scene.settings.clients * pause_s
                )
    scene.mock.unscript()
    return outcome


async def _client(scene: Scene, outcome: Outcome, pause_s: float, first_s: float) -> None:
    await trio.sleep(first_s)
    while True:
        try:
            async with scene.client(MINUTES) as client:
                while True:
                    await client.send(BODY % now())
                    answer = told(await client.read())
                    if answer.status == 0:
                        outcome.lost += 1
                        break
                    _note(answer.status, answer.code, answer.message, outcome)
                    await trio.sleep(pause_s if answer.status == 200 else answer.wait_s + AGAIN_S)
        except (OSError, trio.BrokenResourceError):
            outcome.lost += 1
            await trio.sleep(AGAIN_S)


def _note(status: int, code: str, message: str, outcome: Outcome) -> None:
    if status == 200:
        outcome.good += 1
        return
    outcome.refused += 1
    if code != "rate_limit_exceeded":
        outcome.wrong.append(f"refused with {status} {code}: {message}")


def started(scene: Scene) -> list[float]:
    return [row[0] for row in scene.read(_STARTED, token_of(MINUTES.encode()))]


def judged(outcome: Outcome, rpm: int, seconds: float) -> list[str]:
    """What is wrong."""
    wrong = outcome.wrong[:5]
    for moments, length_s, where in (
        (outcome.arrived, MINUTE_S - outcome.lag_s, "at the upstream"),
        (outcome.started, MINUTE_S, "by the records"),
    ):
        most = most_in(moments, length_s)
        if most > rpm:
            wrong.append(f"{most} requests in {length_s:.2f} s {where}, of {rpm} in a minute")
    share = used(outcome.arrived, seconds) / rpm
    if share < SHARE:
        wrong.append(f"{share:.2%} of the limit were used")
    return wrong


def used(moments: Sequence[float], seconds: float) -> float:
    """Requests in a sliding minute, on the average; in all, where there was none."""
    begin = min(moments, default=0.0)
    starts = [begin + each * 0.25 for each in range(int(max(0.0, seconds - MINUTE_S) * 4) + 1)]
    ordered = sorted(moments)
    counts = [bisect_left(ordered, start + MINUTE_S) - bisect_left(ordered, start) for start in starts]
    return sum(counts) / len(counts)


def most_in(moments: Sequence[float], length_s: float) -> int:
    """In any sliding minute, or what is taken for one."""
    most, window = 0, deque[float]()
    for moment in sorted(moments):
        window.append(moment)
        while moment - window[0] >= length_s:
            window.popleft()
        most = max(most, len(window))
    return most


def summary(outcome: Outcome, scene: Scene) -> str:
    most = most_in(outcome.arrived, MINUTE_S - outcome.lag_s)
    share = used(outcome.arrived, scene.settings.seconds) / scene.settings.rpm
    return (
        f"{len(outcome.arrived)} requests came to the upstream, {outcome.lag_s:.2f} s after they were sent at most: in"
        f" any minute less that at most {most} of {scene.settings.rpm}; by {len(outcome.started)} records at most"
        f" {most_in(outcome.started, MINUTE_S)} in any minute; {share:.2%} of the limit on the average;"
        f" {outcome.good} answers, {outcome.lost} lost, {outcome.refused} refusals, {scene.killed} workers killed"
    )
