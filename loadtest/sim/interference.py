"""Non-interference: a seed is played with and without one hostile caller, and nobody else may come off worse.

There are keys enough, and no limit that the upstream sets on others' models is touched by what the hostile caller asks.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

from loadtest.sim.hostile import DENIED, JSON, THREADS, hostile
from loadtest.sim.judges import ends
from loadtest.sim.judges.case import Case
from loadtest.sim.network import SUFFIX
from loadtest.sim.plan import Ask, ClientPlan, Kind, Leaves, Plan, Sort, Target
from loadtest.sim.platforms import TUNABLE, KeyPlan, PlatformPlan
from loadtest.sim.play import play
from loadtest.sim.settings import MODES, STRATEGIES, Section, Settings
from loadtest.sim.story import Asked, Chronicle, Ending
from loadtest.sim.tenants import Theme, key_of, theme_of, written

LENGTH_S = 40.0
SHARED = ("gpt-a", "gpt-b")
OWN = "gpt-own"
MOST_LAME = 2
"""As many as there are retries."""
PLENTY = 1_000
"""Requests of a model, more than all of a window."""
SECOND = 1_000
"""Numbers of second requests."""
LATER_S = 2.0
"""What a request may take longer with the hostile caller than without."""


def chance_of(seed: int) -> random.Random:
    return random.Random(f"{seed} interference")


def shared(seed: int) -> Plan:
    """Callers that share two to four keys of one or two platforms; `hostile` is not let in yet."""
    chance = chance_of(seed)
    theme = theme_of(chance)
    platforms = _platforms(chance, theme)
    settings = _settings(chance, platforms, theme)
    return Plan(
        seed=seed,
        sort=Sort.CALM,
        config=settings.yaml(),
        targets=settings.targets,
        upstreams=platforms,
        clients=tuple(_callers(chance, theme)),
        reloads=(),
        settles_s=10.0,
        stops_s=None,
        at_once_s=None,
        drain_timeout_s=120.0,
        max_retry_after_s=300.0,
        total_timeout_s=3600.0,
        keepalive_s=0.0,
        hostile=hostile(chance, SHARED, OWN, LENGTH_S, theme),
    )


def _platforms(chance: random.Random, theme: Theme) -> tuple[PlatformPlan, ...]:
    """What any caller wants at most MOST_LAME keys cannot do: so many failures every request may have."""
    names = [
        f"p{number}k{n}" for number in range(chance.choice((1, 1, 2))) for n in range(chance.randint(2, 3))
    ]
    lame = chance.sample(names, chance.randint(0, min(MOST_LAME, len(names) - 1))) if theme.lame else []
    flaky = chance.choice(names)
    keys = [
        _key(chance, name, lame=name in lame, flaky=theme.flaky if name == flaky else 0.0) for name in names
    ]
    return tuple(
        PlatformPlan(
            name=name,
            phases=(),
            head_s=theme.head_s,
            gap_s=(0.0, 0.05),
            idle_s=60.0,
            latency_s=0.002,
            capacity_bytes=200_000,
            keys=tuple(key for key in keys if key.name.startswith(name)),
            models=frozenset({*SHARED, OWN, DENIED}),
            vague=chance.random() < 0.3,
        )
        for name in dict.fromkeys(name[:2] for name in names)
    )


def _key(chance: random.Random, name: str, *, lame: bool, flaky: float) -> KeyPlan:
    return KeyPlan(
        name=name,
        organizations=("org-own", "org-poor", "org-busy", "org-scarce"),
        scopes=frozenset(() if lame and chance.random() < 0.5 else {"fine_tuning"}),
        denied=frozenset({DENIED, *(["gpt-b"] if lame and chance.random() < 0.5 else [])}),
        limits=((OWN, 3), *((model, PLENTY) for model in SHARED)),
        dead=lame and chance.random() < 0.3,
        flaky=flaky,
    )


def _settings(chance: random.Random, platforms: tuple[PlatformPlan, ...], theme: Theme) -> Settings:
    """Each key as one entry for all models, or as one for each, or as both."""
    groups = chance.choice((("*",), (*SHARED, "*")))
    found = [(platform, key, group) for platform in platforms for key in platform.keys for group in groups]
    targets = tuple(Target(f"{key.name}-{group}", group, 1, None, False, 5.0) for _, key, group in found)
    entries: tuple[Section, ...] = tuple(
        {
            "model_name": group,
            "litellm_params": {
                "model": f"openai/{group}",
                "api_base": f"http://{platform.name}{SUFFIX}/v1",
                "api_key": f"sk-{key.name}",
                **theme.params,
            },
            "model_info": {"id": f"{key.name}-{group}"},
        }
        for platform, key, group in found
    )
    router: Section = {
        "num_retries": MOST_LAME,
        "timeout": 4.0,
        "allowed_fails": chance.choice((1, 3)),
        "routing_strategy": chance.choice(STRATEGIES),
        **theme.router,
    }
    sluice: Section = {
        "connect_timeout_s": 1.0,
        "stream_gap_timeout_s": 4.0,
        "stream_mode": chance.choice(MODES),
        "on_disconnect": chance.choice(("cancel", "drain")),
        "drain_limit_s": 3.0,
        "queue_timeout_s": chance.choice((0.0, 0.0, 3.0)),
        "object_lists": "open",
        "keys": written(),
        **theme.sluice,
    }
    return Settings(targets, entries, router, sluice)


def _callers(chance: random.Random, theme: Theme) -> Iterator[ClientPlan]:
    """A request every second or so, for what some keys have at least."""
    for number in range(1, int(LENGTH_S) + 1):
        starts_s = number + chance.uniform(-0.4, 0.4)
        asks = _ASKS[chance.choices(range(len(_ASKS)), (80, 5, 5, 10))[0]](number, chance)
        if theme.text_bytes[1]:
            asks = tuple(replace(ask, text=_long(ask, chance, theme)) for ask in asks)
        yield ClientPlan(number, starts_s, asks, 0.002, 200_000, patience_s=60.0, key=key_of(number))


def _long(ask: Ask, chance: random.Random, theme: Theme) -> bytes:
    """A prompt that is counted among what a worker holds."""
    return ask.text.ljust(chance.randint(*theme.text_bytes), b".") if ask.kind is Kind.CHAT else ask.text


def _chat(number: int, chance: random.Random) -> tuple[Ask, ...]:
    text, model = b"a question of one's own: %d" % number, chance.choice(SHARED)
    return (Ask(number, 0.0, model=model, stream=chance.random() < 0.5, text=text, lines=(JSON,)),)


def _list(number: int, _chance: random.Random) -> tuple[Ask, ...]:
    return (Ask(number, 0.0, kind=Kind.PAGE, target=b"/openai/v1/files"),)


def _job(number: int, _chance: random.Random) -> tuple[Ask, ...]:
    return (Ask(number, 0.0, model=TUNABLE, target=b"/openai/v1/fine_tuning/jobs", lines=(JSON,)),)


def _objects(number: int, chance: random.Random) -> tuple[Ask, ...]:
    """Makes a thread, and looks at it a while later."""
    session = b"x-litellm-session-id: %d" % chance.randrange(9)
    made = Ask(number, 0.0, kind=Kind.UPLOAD, target=THREADS, text=b"{}", lines=(JSON, session))
    thread = THREADS + b"/thread_%d" % number
    later = Ask(SECOND + number, chance.uniform(0.5, 9.0), kind=Kind.PAGE, target=thread, lines=(session,))
    return made, later


_ASKS = (_chat, _list, _job, _objects)


def judge(plan: Plan) -> tuple[list[str], Chronicle]:
    """What is wrong, by the requests that brought it about; and the story with the hostile caller."""
    without = _outcomes(play(plan))
    story = play(_beside(plan, len(plan.hostile)))
    wrong = [f"ends: {each}" for each in ends.judge(Case(plan, story))]
    worse = _worse(without, _outcomes(story))
    if worse:
        culprit = _culprit(plan, without, min(worse))
        wrong.append(f"interference: request {culprit.number} is felt ({_described(culprit)})")
    return wrong + [f"interference: request {number} {how}" for number, how in sorted(worse.items())], story


def _described(ask: Ask) -> str:
    said = [ask.target.decode(), f"model {ask.model!r}", f"{len(ask.text) or ask.body_bytes} bytes"]
    said += [line.decode() for line in ask.lines if line != JSON] + ([ask.text.decode()] if ask.text else [])
    return ", ".join(said + ([] if ask.leaves is Leaves.NEVER else [f"leaves {ask.leaves.value}"]))


def _beside(plan: Plan, count: int) -> Plan:
    """With the first so many of the hostile caller's."""
    return replace(plan, clients=(*plan.clients, *plan.hostile[:count]))


def _outcomes(story: Chronicle) -> dict[int, Asked]:
    return {asked.ask.number: asked for asked in story.asked}


def _worse(without: dict[int, Asked], beside: dict[int, Asked]) -> dict[int, str]:
    found: dict[int, str] = {}
    for number, before in without.items():
        after = beside[number]
        if _good(before) and not _good(after):
            found[number] = f"is answered {after.status} ({after.ending.value}), and 200 otherwise"
        elif _took_s(after) > _took_s(before) + LATER_S:
            found[number] = f"takes {_took_s(after):.1f} s, and {_took_s(before):.1f} s otherwise"
    return found


def _good(asked: Asked) -> bool:
    return asked.status == 200 and asked.ending is Ending.WHOLE


def _took_s(asked: Asked) -> float:
    return asked.over_s - asked.sent_s


def _culprit(plan: Plan, without: dict[int, Asked], number: int) -> Ask:
    """The last of the fewest first requests that make it so: found by halving."""
    innocent, guilty = 0, len(plan.hostile)
    while guilty - innocent > 1:
        half = (innocent + guilty) // 2
        if number in _worse(without, _outcomes(play(_beside(plan, half)))):
            guilty = half
        else:
            innocent = half
    return plan.hostile[guilty - 1].asks[0]
