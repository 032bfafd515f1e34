"""A seed's configuration: what an operator may write, at random."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import TypeVar

import msgspec

from loadtest.sim.network import SUFFIX
from loadtest.sim.plan import KEY, Target

T = TypeVar("T")
Value = str | int | float | bool | list[object] | dict[str, object]
Section = dict[str, Value]
GROUPS = ("alpha", "beta", "gamma")
STRATEGIES = (
    "simple-shuffle",
    "simple-shuffle",
    "least-busy",
    "latency-based-routing",
    "usage-based-routing-v2",
    "cost-based-routing",
)
MODES = ("live", "live", "probe", "buffered")
DRAIN_LIMIT_S = 20.0


@dataclass(frozen=True)
class Settings:
    """One configuration in its sections, and what must be known of it."""

    targets: tuple[Target, ...]
    entries: tuple[Section, ...]
    router: Section
    sluice: Section

    def yaml(self) -> str:
        """JSON is YAML. Removed targets are left out."""
        gone = {target.name for target in self.targets if target.removed}
        entries = [
            entry for entry in self.entries if entry["model_info"] not in [{"id": name} for name in gone]
        ]
        whole = {
            "model_list": entries,
            "router_settings": self.router,
            "general_settings": {"master_key": KEY.decode()},
            "sluice_settings": self.sluice,
        }
        return msgspec.json.encode(whole).decode()

    def without(self, name: str) -> Settings:
        marked = tuple(replace(each, removed=each.removed or each.name == name) for each in self.targets)
        return replace(self, targets=marked)


def entry(target: Target, params: Section) -> Section:
    return {
        "model_name": target.group,
        "litellm_params": {
            "model": "text-completion-openai/m" if target.completes else "openai/m",
            "api_base": f"http://{target.name}{SUFFIX}/v1",
            "api_key": f"sk-{target.name}",
            "weight": target.weight,
            "input_cost_per_token": 1e-6,
            "output_cost_per_token": 1e-5,
            "on_disconnect": "drain" if target.drains else "cancel",
            **({} if target.cap is None else {"max_parallel_requests": target.cap}),
            **({} if target.rpm is None else {"rpm": target.rpm}),
            **params,
        },
        "model_info": {"id": target.name},
    }


def some(chance: random.Random, likely: float, value: T, name: str) -> dict[str, T]:
    """The setting, or, less often, nothing."""
    return {name: value} if chance.random() < likely else {}


def storm(chance: random.Random) -> Settings:
    groups = GROUPS[: chance.randint(1, 3)]
    names = [f"d{number}" for number in range(1, chance.randint(max(2, len(groups)), 6) + 1)]
    cooldown_s = chance.choice((1.0, 2.0, 5.0, 5.0, 8.0))
    targets, entries = [], []
    for number, name in enumerate(names):
        own_cooldown_s = chance.choice((None, None, None, 1.0, 4.0, 0.0))
        target = Target(
            name=name,
            group=groups[number] if number < len(groups) else chance.choice(groups),
            weight=chance.choice((1, 1, 1, 2, 3, 5, 0)),
            cap=chance.choice((None, None, None, 1, 2, 3)),
            drains=chance.random() < 0.25,
            cooldown_s=cooldown_s if own_cooldown_s is None else own_cooldown_s,
            completes=chance.random() < 0.08,
            rpm=chance.choice((None, None, None, None, 3, 12)),
        )
        targets.append(target)
        params: Section = {
            **some(chance, 0.2, 1, "order"),
            **some(chance, 0.15, chance.choice((3_000, 40_000)), "tpm"),
            **some(chance, 0.4, chance.choice((3.0, 10.0, 30.0)), "timeout"),
            **some(chance, 0.2, chance.choice((3.0, 8.0)), "stream_timeout"),
            **some(chance, 0.2, chance.choice((4.0, 12.0)), "first_token_timeout"),
            **some(chance, 0.5, chance.choice(MODES), "stream_mode"),
            **some(chance, 0.2, chance.choice((1.0, 3.0)), "keepalive_seconds"),
            **({} if own_cooldown_s is None else {"cooldown_time": own_cooldown_s}),
        }
        entries.append(entry(target, params))
    return Settings(tuple(targets), tuple(entries), _router(chance, groups, cooldown_s), _sluice(chance))


def _router(chance: random.Random, groups: tuple[str, ...], cooldown_s: float) -> Section:
    router: Section = {
        "routing_strategy": chance.choice(STRATEGIES),
        "num_retries": chance.choice((0, 1, 2, 2, 4)),
        "cooldown_time": cooldown_s,
        "allowed_fails": chance.choice((1, 2, 3, 3)),
        "timeout": chance.choice((10.0, 25.0, 60.0)),
        **some(chance, 0.3, chance.choice((0.2, 2.0)), "retry_after"),
        **some(chance, 0.05, True, "disable_cooldowns"),
    }
    if len(groups) > 1 and chance.random() < 0.6:
        first, *rest = chance.sample(groups, len(groups))
        router["fallbacks"] = [{first: [*rest]}]
    if chance.random() < 0.3:
        router["default_fallbacks"] = [chance.choice(groups)]
    if chance.random() < 0.2:
        router["retry_policy"] = {
            chance.choice(
                ("TimeoutErrorRetries", "RateLimitErrorRetries", "InternalServerErrorRetries")
            ): chance.choice((0, 1, 3))
        }
    return router


def _sluice(chance: random.Random) -> Section:
    return {
        "connect_timeout_s": chance.choice((1.0, 3.0)),
        "header_timeout_s": 5.0,
        "keep_alive_timeout_s": chance.choice((5.0, 75.0)),
        "body_timeout_s": chance.choice((4.0, 10.0)),
        "write_timeout_s": chance.choice((5.0, 15.0)),
        "upstream_write_timeout_s": chance.choice((3.0, 10.0)),
        "total_timeout_s": chance.choice((20.0, 90.0, 400.0)),
        "stream_gap_timeout_s": chance.choice((4.0, 20.0)),
        "probe_hold_s": chance.choice((1.0, 5.0)),
        "buffer_limit_mb": chance.choice((0.01, 4.0)),
        "drain_limit_s": chance.choice((3.0, DRAIN_LIMIT_S)),
        "drain_timeout_s": chance.choice((0.0, 5.0, 60.0)),
        "queue_timeout_s": chance.choice((0.0, 0.0, 3.0, 15.0)),
        "queue_limit": chance.choice((1000, 2)),
        "retry_budget_percent": chance.choice((20.0, 100.0)),
        **some(chance, 0.05, 4, "max_connections"),
        "retry_budget_min": chance.choice((1, 3, 30)),
        "upstream_idle_connections": chance.choice((512, 1, 0)),
        "upstream_idle_timeout_s": chance.choice((4.0, 50.0)),
        "max_retry_after_s": chance.choice((10.0, 300.0)),
        **some(chance, 0.3, chance.choice((3.0, 8.0)), "first_byte_timeout_s"),
        **some(chance, 0.3, chance.choice((2.0, 15.0)), "first_token_timeout_s"),
        **some(chance, 0.3, 0.5, "sse_keepalive_s"),
        **some(chance, 0.1, False, "response_headers"),
    }
