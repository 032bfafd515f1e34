"""The numbers an operator may set; names and defaults follow LiteLLM's `router_settings`."""

from __future__ import annotations

import msgspec

COUNTING = frozenset({"usage-based-routing", "usage-based-routing-v2"})
"""Strategies that need the last minute's requests and tokens of every deployment, limited or not."""


class RouterSettings(msgspec.Struct, frozen=True):
    allowed_fails: int = 3
    """Failures in a row (timeouts, 5xx, broken answers) that bench a deployment."""
    cooldown_s: float = 5.0
    """The first bench; a deployment's own `cooldown_s` wins. 0: never benched."""
    disable_cooldowns: bool = False
    max_retry_after_s: float = 300.0
    """An upstream that asks for more (a daily quota, a wrong clock) is asked again after this long."""
    default_max_parallel_requests: int | None = None
    """For deployments that set no limit of their own; None: no limit."""
    strategy: str = "simple-shuffle"
    """One of `strategies.STRATEGIES`; another is taken for this one."""
    enforce_rate_limits: bool = True
    """False: a deployment's `rpm` and `tpm` are its weight only."""
    learn_rate_limits: bool = True
    """False: what answers say of their key's quota is not heeded."""
