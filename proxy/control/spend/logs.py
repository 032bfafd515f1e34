"""`/spend/logs`: single records, the newest first, or the days that they add up to; in LiteLLM's shape."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime

import msgspec

from proxy.control.spend.asking import NANO, Asked, Reports, day_text, dollars
from proxy.errors import invalid_value
from proxy.storage.reports import MAIN
from proxy.storage.rollups import DAY_S
from proxy.storage.rows import MOST_ROWS, Row, Wanted
from proxy.types import Cost, Reply, Usage

DEFAULT_PAGE_SIZE = 100
MOST_PAGES = 1_000
"""Beyond that a narrower question is quicker."""
_DAY_MS = DAY_S * 1000
_NO_USAGE = Usage()


class SpendMetadata(msgspec.Struct, frozen=True):
    """What else the record says."""

    user_api_key_alias: str | None
    status_code: int
    outcome: str
    error: str | None
    attempts: int
    fallbacks: int
    stream: bool
    usage: Usage | None
    usage_estimated: bool
    cost_nano_dollars: Cost | None


class SpendLog(msgspec.Struct, frozen=True):
    """One request. Times are RFC 3339, in UTC."""

    request_id: str
    """The answer's `x-litellm-call-id`."""
    call_type: str
    api_key: str
    spend: float | None
    """Dollars; null: the price is not known."""
    total_tokens: int
    prompt_tokens: int
    completion_tokens: int
    startTime: str  # noqa: N815 - LiteLLM's names
    endTime: str  # noqa: N815
    completionStartTime: str | None  # noqa: N815
    request_duration_ms: int
    model: str
    model_id: str
    model_group: str
    custom_llm_provider: str
    user: str
    team_id: str | None
    end_user: str
    request_tags: list[str]
    status: str
    """`success` or `failure`."""
    messages: str | None
    """The request's JSON, cut and redacted, where `store_prompts` keeps it."""
    metadata: SpendMetadata


async def logs(asked: Asked, reports: Reports) -> Reply:
    dated = asked.text("start_date") is not None and asked.text("end_date") is not None
    if dated and (asked.text("summarize") or "true").lower() != "false" and asked.text("request_id") is None:
        return await _by_day(asked, reports)
    size = asked.number("page_size", DEFAULT_PAGE_SIZE, MOST_ROWS)
    first_ms, last_ms = 0, Wanted().last_ms
    if dated:
        first, last = asked.days()
        first_ms, last_ms = first * _DAY_MS, (last + 1) * _DAY_MS - 1
    wanted = Wanted(
        call_id=asked.text("request_id"),
        key=asked.key(),
        user=asked.text("user_id"),
        team=asked.text("team_id"),
        customer=asked.text("end_user"),
        first_ms=first_ms,
        last_ms=last_ms,
        limit=size,
        skip=size * (asked.number("page", 1, MOST_PAGES) - 1),
    )
    if not dated and (asked.text("start_date") or asked.text("end_date")):
        raise invalid_value("start_date", "Please provide start_date and end_date (YYYY-MM-DD).")
    return Reply(200, msgspec.json.encode([_log(row) for row in await reports.rows(wanted)]))


async def _by_day(asked: Asked, reports: Reports) -> Reply:
    """Each day's spend, and how it falls to keys, users and models; days without any are there."""
    scope = asked.scope(user=asked.text("user_id"), team=asked.text("team_id"))
    days: dict[int, dict[str, dict[str, float]]] = defaultdict(
        lambda: {"keys": {}, "users": {}, "models": {}}
    )
    for part, by in (("keys", "key"), ("users", "user"), ("models", "model")):
        for one in await reports.totals(("day", by), scope, figures=MAIN):  # type: ignore[arg-type]
            days[int(one.of[0])][part][str(one.of[1])] = one.figures.spend / NANO
    last = max([*days, scope.last_day])
    listed = [
        {
            "startTime": day_text(day),
            "spend": sum(days[day]["models"].values()),
            **days[day]["keys"],
            "users": days[day]["users"],
            "models": days[day]["models"],
        }
        for day in range(min([*days, last + 1]), last + 1)
    ]
    return Reply(200, msgspec.json.encode(listed))


def _log(row: Row) -> SpendLog:
    usage = row.usage or _NO_USAGE
    read, written = usage.input_tokens or 0, usage.output_tokens or 0
    began_ms = row.ended_ms - row.duration_ms
    return SpendLog(
        request_id=row.call_id,
        call_type=row.route,
        api_key=row.key or row.caller,
        spend=dollars(row.spend),
        total_tokens=usage.total_tokens or read + written,
        prompt_tokens=read,
        completion_tokens=written,
        startTime=_time(began_ms),
        endTime=_time(row.ended_ms),
        completionStartTime=None if row.first_byte_ms is None else _time(began_ms + row.first_byte_ms),
        request_duration_ms=int(row.duration_ms),
        model=row.model,
        model_id=row.deployment,
        model_group=row.name,
        custom_llm_provider=row.provider,
        user=row.user,
        team_id=row.team or None,
        end_user=row.customer or "",
        request_tags=row.tags,
        status="success" if row.outcome in ("ok", "client_gone") else "failure",
        messages=row.request,
        metadata=SpendMetadata(
            user_api_key_alias=row.alias or None,
            status_code=row.status,
            outcome=row.outcome,
            error=row.error,
            attempts=row.attempts,
            fallbacks=row.fallbacks,
            stream=row.stream,
            usage=row.usage,
            usage_estimated=row.estimated,
            cost_nano_dollars=row.cost,
        ),
    )


def _time(unix_ms: float) -> str:
    return (
        datetime.fromtimestamp(unix_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    )
