"""`/user/daily/activity` and its siblings: each day with what it breaks down to, in LiteLLM's shape."""

from __future__ import annotations

import msgspec

from proxy.control.spend.asking import NANO, Asked, Reports, day_text
from proxy.errors import invalid_value
from proxy.storage.reports import By, Figures, Scope, Total
from proxy.types import Reply

MOST_DAYS = 400
"""A year and a month."""


class Metrics(msgspec.Struct, frozen=True):
    spend: float = 0.0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cache_read_input_tokens: int = 0
    cache_creation_input_tokens: int = 0
    total_tokens: int = 0
    successful_requests: int = 0
    failed_requests: int = 0
    api_requests: int = 0
    total_response_time_ms: int = 0


class Part(msgspec.Struct, frozen=True):
    metrics: Metrics
    metadata: dict[str, str | None] = {}
    api_key_breakdown: dict[str, str] = {}
    """LiteLLM has more here; ask by key."""


class Breakdown(msgspec.Struct, frozen=True):
    models: dict[str, Part] = {}
    model_groups: dict[str, Part] = {}
    providers: dict[str, Part] = {}
    api_keys: dict[str, Part] = {}
    entities: dict[str, Part] = {}
    mcp_servers: dict[str, Part] = {}
    endpoints: dict[str, Part] = {}


class Day(msgspec.Struct, frozen=True):
    date: str
    metrics: Metrics
    breakdown: Breakdown


class Metadata(msgspec.Struct, frozen=True):
    total_spend: float
    total_prompt_tokens: int
    total_completion_tokens: int
    total_tokens: int
    total_api_requests: int
    total_successful_requests: int
    total_failed_requests: int
    total_cache_read_input_tokens: int
    total_cache_creation_input_tokens: int
    page: int = 1
    total_pages: int = 1
    has_more: bool = False


class Activity(msgspec.Struct, frozen=True):
    results: list[Day]
    """The newest day first."""
    metadata: Metadata


_BREAKDOWNS: dict[str, By] = {"models": "model", "model_groups": "name", "providers": "provider"}


async def activity(asked: Asked, reports: Reports, entity: By, param: str) -> Reply:
    """`entity`: what the page is about, `param`: the field that names those that are wanted, separated by commas."""
    wanted = [name for name in (asked.text(param) or "").split(",") if name]
    if len(wanted) > 1:
        raise invalid_value(param, f"`{param}` names one; without it all are shown, each in `entities`.")
    scope = asked.scope(needed=True, **{entity: wanted[0] if wanted else None}, name=asked.text("model"))
    if scope.last_day - scope.first_day >= MOST_DAYS:
        raise invalid_value("start_date", f"At most {MOST_DAYS} days at once.")
    return Reply(200, msgspec.json.encode(await _answer(reports, scope, entity)))


async def _answer(reports: Reports, scope: Scope, entity: By) -> Activity:
    days: dict[int, dict[str, dict[str, Part]]] = {}
    apart = entity in ("customer", "tag")
    for part, by in ({} if apart else _BREAKDOWNS).items():
        _put(days, part, await reports.totals(("day", by), scope))
    _put(days, "entities", await reports.totals(("day", entity), scope))
    _put(days, "api_keys", await reports.totals(("day", "key", "alias", "team"), scope))
    wholes = {int(one.of[0]): one.figures for one in await reports.totals(("day",), scope)}
    return Activity(
        [
            Day(day_text(day), _metrics(figures), Breakdown(**days.get(day, {})))
            for day, figures in sorted(wholes.items(), reverse=True)
        ],
        _metadata(list(wholes.values())),
    )


def _put(days: dict[int, dict[str, dict[str, Part]]], part: str, found: list[Total]) -> None:
    for one in found:
        day, name, *key = one.of
        metadata = dict(zip(("key_alias", "team_id"), (str(word) or None for word in key), strict=False))
        parts = days.setdefault(int(day), {}).setdefault(part, {})
        parts.setdefault(str(name), Part(_metrics(one.figures), metadata))


def _metrics(figures: Figures) -> Metrics:
    return Metrics(
        spend=figures.spend / NANO,
        prompt_tokens=figures.input_tokens,
        completion_tokens=figures.output_tokens,
        cache_read_input_tokens=figures.cached_tokens,
        cache_creation_input_tokens=figures.cache_write_tokens,
        total_tokens=figures.input_tokens + figures.output_tokens,
        successful_requests=figures.requests - figures.failures,
        failed_requests=figures.failures,
        api_requests=figures.requests,
        total_response_time_ms=figures.duration_ms,
    )


def _metadata(days: list[Figures]) -> Metadata:
    metrics = [_metrics(figures) for figures in days]
    return Metadata(
        total_spend=sum(day.spend for day in days) / NANO,
        total_prompt_tokens=sum(one.prompt_tokens for one in metrics),
        total_completion_tokens=sum(one.completion_tokens for one in metrics),
        total_tokens=sum(one.total_tokens for one in metrics),
        total_api_requests=sum(one.api_requests for one in metrics),
        total_successful_requests=sum(one.successful_requests for one in metrics),
        total_failed_requests=sum(one.failed_requests for one in metrics),
        total_cache_read_input_tokens=sum(one.cache_read_input_tokens for one in metrics),
        total_cache_creation_input_tokens=sum(one.cache_creation_input_tokens for one in metrics),
    )
