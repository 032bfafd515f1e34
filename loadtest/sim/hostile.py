"""One caller who does whatever comes to mind, on models that others use: none of it may be felt by them."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

from loadtest.sim.plan import Ask, ClientPlan, Kind, Leaves, Manner
from loadtest.sim.platforms import POISONS

FIRST_NUMBER = 10_000
"""Of requests and clients: far from those of the others."""
FLOOD = 12
"""Requests of one burst."""
JSON = b"Content-Type: application/json"
IDENTITIES = (
    b"OpenAI-Organization: org-another",
    b"OpenAI-Organization: org-poor",
    b"OpenAI-Organization: org-busy",
    b"OpenAI-Organization: org-scarce",
    b"OpenAI-Project: proj_another",
    b"OpenAI-Beta: something=v9",
)
DENIED = "gpt-denied"
"""A model that no key may use."""
THREADS = b"/openai/v1/threads"
Trick = Callable[[Ask, random.Random], Ask]


def hostile(
    chance: random.Random, shared: tuple[str, ...], own: str, length_s: float
) -> tuple[ClientPlan, ...]:
    """In the order of time. `shared`: the models of others; `own`: one that nobody else asks for, and is limited."""
    tricks = chance.sample(sorted(TRICKS), chance.randint(1, 4))
    asks: list[tuple[float, Ask]] = []
    for _ in range(chance.randint(5, 30)):
        at_s, trick = chance.uniform(0.5, length_s), chance.choice(tricks)
        for _ in range(FLOOD if trick == "flood" else 1):
            model = own if trick == "flood" else chance.choice(shared)
            asks.append((at_s, TRICKS[trick](Ask(0, 0.0, model=model, lines=(JSON,)), chance)))
    asks.sort(key=lambda timed: timed[0])
    return tuple(
        ClientPlan(
            number=FIRST_NUMBER + nth,
            starts_s=at_s,
            asks=(replace(ask, number=FIRST_NUMBER + nth),),
            latency_s=0.002,
            capacity_bytes=200_000,
            patience_s=chance.choice((3.0, 60.0)),
        )
        for nth, (at_s, ask) in enumerate(asks)
    )


def _identity(ask: Ask, chance: random.Random) -> Ask:
    return replace(ask, lines=(*ask.lines, chance.choice(IDENTITIES)), stream=chance.random() < 0.5)


def _administration(ask: Ask, _chance: random.Random) -> Ask:
    return replace(ask, kind=Kind.PAGE, target=b"/openai/v1/organization/users", lines=())


def _jobs(ask: Ask, _chance: random.Random) -> Ask:
    return replace(ask, target=b"/openai/v1/fine_tuning/jobs")


def _no_model(ask: Ask, chance: random.Random) -> Ask:
    return replace(ask, model=chance.choice((f"invented-{chance.randrange(1000)}", DENIED)))


def _inner_model(ask: Ask, _chance: random.Random) -> Ask:
    return replace(ask, text=b"inner-model=img-9")


def _echo(ask: Ask, _chance: random.Random) -> Ask:
    return replace(ask, model="Incorrect API key provided")


def _flood(ask: Ask, chance: random.Random) -> Ask:
    return replace(ask, stream=chance.random() < 0.5)


def _large(ask: Ask, chance: random.Random) -> Ask:
    return replace(ask, body_bytes=chance.choice((120_000, 300_000)))


def _dear(ask: Ask, _chance: random.Random) -> Ask:
    return replace(ask, text=b"max-tokens=million")


def _attack(ask: Ask, _chance: random.Random) -> Ask:
    return replace(ask, text=b"<script>")


def _poison(ask: Ask, chance: random.Random) -> Ask:
    """The same again, or another each time."""
    text = chance.choice(sorted(POISONS)) + b" %d" % chance.choice((0, chance.randrange(10**6)))
    lines = (b"x-litellm-num-retries: 10",) if chance.random() < 0.3 else ()
    return replace(ask, text=text, stream=chance.random() < 0.5, lines=(*ask.lines, *lines))


def _leaving(ask: Ask, chance: random.Random) -> Ask:
    leaves = chance.choice((Leaves.HEAD, Leaves.BODY, Leaves.WAIT, Leaves.ANSWER))
    at = {Leaves.WAIT: chance.choice((0.0, 0.05, 0.3)), Leaves.ANSWER: 1.0}.get(
        leaves, chance.uniform(0.1, 0.9)
    )
    manner = chance.choice((Manner.CLOSE, Manner.RESET, Manner.HALF_CLOSE))
    asked = (*ask.lines, b"x-litellm-stream-mode: %b" % chance.choice((b"live", b"probe", b"buffered")))
    size = chance.choice((200, 60_000))
    stream, chunked = chance.random() < 0.5, chance.random() < 0.3
    return replace(
        ask,
        leaves=leaves,
        leaves_at=at,
        manner=manner,
        lines=asked,
        body_bytes=size,
        pieces=chance.choice((1, 4)),
        stream=stream,
        chunked=chunked,
    )


def _objects(ask: Ask, chance: random.Random) -> Ask:
    """Of others, of nobody, and some of its own."""
    session = b"x-litellm-session-id: %d" % chance.randrange(9)
    if chance.random() < 0.3:
        return replace(ask, kind=Kind.UPLOAD, model="", target=THREADS, text=b"{}", lines=(JSON, session))
    return replace(
        ask, kind=Kind.PAGE, target=THREADS + b"/thread_%d" % chance.randrange(40), lines=(session,)
    )


def _nonsense(ask: Ask, _chance: random.Random) -> Ask:
    return replace(ask, kind=Kind.NONSENSE, model="", lines=())


TRICKS: dict[str, Trick] = {
    "identity": _identity,
    "administration": _administration,
    "jobs": _jobs,
    "no model": _no_model,
    "inner model": _inner_model,
    "echo": _echo,
    "flood": _flood,
    "large": _large,
    "dear": _dear,
    "attack": _attack,
    "poison": _poison,
    "leaving": _leaving,
    "objects": _objects,
    "nonsense": _nonsense,
}
