"""One caller who does whatever comes to mind, on models that others use: none of it may be felt by them."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

from loadtest.sim.plan import Ask, ClientPlan, Kind, Leaves, Manner
from loadtest.sim.platforms import POISONS
from loadtest.sim.tenants import HOSTILE, Theme

FIRST_NUMBER = 10_000
"""Of requests and clients: far from those of the others."""
BURSTS = {"flood": 12, "crowd": 40, "silence": 12, "hoard": 14}
"""Requests at once, where it is not one."""
SILENT = b"poison=silent"
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
    chance: random.Random, shared: tuple[str, ...], own: str, length_s: float, theme: Theme
) -> tuple[ClientPlan, ...]:
    """In the order of time. `shared`: the models of others; `own`: one that nobody else asks for, and is limited."""
    tricks = theme.tricks or tuple(chance.sample(ANY, chance.randint(1, 4)))
    times = [chance.choice(tricks) for _ in range(chance.randint(*theme.times))]
    if theme.tricks:
        times += chance.choices(HARMLESS, k=5)
    asks: list[tuple[float, Ask]] = []
    for trick in times:
        at_s = chance.uniform(0.5, length_s)
        for _ in range(BURSTS.get(trick, 1)):
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
            key=HOSTILE,
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
    kind = chance.choice((Kind.PAGE, Kind.DELETION))
    return replace(ask, kind=kind, target=THREADS + b"/thread_%d" % chance.randrange(40), lines=(session,))


def _crowd(ask: Ask, chance: random.Random) -> Ask:
    return replace(ask, stream=chance.random() < 0.5)


def _silence(ask: Ask, chance: random.Random) -> Ask:
    return replace(ask, text=SILENT + b" %d" % chance.randrange(10**6))


def _hoard(ask: Ask, _chance: random.Random) -> Ask:
    """Sends most of a large body, and no more."""
    return replace(ask, body_bytes=95_000, leaves=Leaves.BODY, leaves_at=0.95, manner=Manner.STALL)


def _greedy(ask: Ask, chance: random.Random) -> Ask:
    """What its upstream never says it used, or what it leaves, or what is over in a moment."""
    ask = replace(ask, max_tokens=chance.choice((20_000, 10**6)), stream=chance.random() < 0.5)
    if chance.random() < 0.7:
        return replace(ask, text=SILENT)
    return replace(ask, leaves=Leaves.WAIT, leaves_at=0.05) if chance.random() < 0.5 else ask


def _kind(ask: Ask, _chance: random.Random) -> Ask:
    """A model that is there, but not for this kind of request."""
    return replace(ask, target=b"/v1/embeddings")


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
    "kind": _kind,
    "crowd": _crowd,
    "silence": _silence,
    "hoard": _hoard,
    "greedy": _greedy,
}
ANY = sorted(TRICKS.keys() - {"crowd", "silence", "hoard", "greedy"})
"""Those that no limit shared by all is touched by."""
HARMLESS = ("nonsense", "identity", "echo", "objects", "administration")
"""Over in a moment."""
