"""What Claude models differ in, by their names: how they think, and how much they write.

https://platform.claude.com/docs/en/about-claude/models/overview and .../build-with-claude/adaptive-thinking
"""

from __future__ import annotations

import re
from functools import lru_cache

import msgspec

_NAMED = re.compile(r"claude-(?:[a-z]+-)?(\d{1,2})(?:[-.](\d{1,2}))?(?!\d)")
"""`claude-opus-4-6`, `claude-sonnet-4-20250514`, `claude-3-5-haiku-20241022`, with whatever stands before."""
DEFAULT_MAX_TOKENS = 64_000
"""Of a model that nothing is known of: every model since Claude 4.5 writes as much."""
_MOST: tuple[tuple[tuple[int, int], int], ...] = (
    ((4, 5), 64_000),
    ((4, 0), 32_000),
    ((3, 7), 64_000),
    ((3, 5), 8_192),
    ((0, 0), 4_096),
)
"""From this version on."""


class Model(msgspec.Struct, frozen=True):
    max_tokens: int
    adaptive: bool
    """Decides itself how much it thinks, and is told only the effort: `thinking: {"type": "adaptive"}`."""
    schemas: bool
    """Keeps to a JSON schema: `output_config.format`."""


@lru_cache(maxsize=512)
def model_of(name: str) -> Model:
    """A name that says nothing is taken for a new model's."""
    found = _NAMED.search(name)
    version = (int(found[1]), int(found[2] or 0)) if found else (99, 0)
    most = next(most for since, most in _MOST if version >= since)
    return Model(
        DEFAULT_MAX_TOKENS if found is None else most,
        adaptive=version >= (4, 6),
        schemas=version >= (4, 5) or version == (4, 1),
    )


_BUDGETS = {"minimal": 1024, "low": 1024, "medium": 2048, "high": 4096, "xhigh": 8192, "max": 16384}
"""https://docs.litellm.ai/docs/providers/anthropic#thinking--reasoning_content"""
LEAST_BUDGET = 1024


def thinking_of(effort: str, model: Model, max_tokens: int) -> tuple[dict[str, object] | None, str | None]:
    """`thinking`, and the effort of `output_config`, for chat's `reasoning_effort`. None: it is not said."""
    if effort == "none":
        return {"type": "disabled"}, None
    if model.adaptive:
        return {"type": "adaptive"}, "low" if effort == "minimal" else effort
    budget = min(_BUDGETS.get(effort, _BUDGETS["medium"]), max_tokens - 1)
    return ({"type": "enabled", "budget_tokens": budget} if budget >= LEAST_BUDGET else None), None


EFFORTS = frozenset((*_BUDGETS, "none"))


def effort_of(budget_tokens: int) -> str:
    """Chat's word for a budget: the smallest that is not below it."""
    return next(
        (name for name in ("low", "medium", "high", "xhigh") if budget_tokens <= _BUDGETS[name]), "max"
    )
