"""Sums, in LiteLLM's shapes: of all, by key, model, tag, team, customer.

Shapes: https://docs.litellm.ai/docs/proxy/cost_tracking, and what LiteLLM's own pages read.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from proxy.control.spend.asking import NANO, Asked, Reports, day_text
from proxy.errors import invalid_value
from proxy.storage.reports import MAIN, Total
from proxy.types import Reply

UNASSIGNED: Final = "Unassigned Team"
"""LiteLLM's word for no team."""
DEFAULT_LIMIT: Final = 10
MOST_LISTED: Final = 10_000


def reply(answer: object) -> Reply:
    return Reply(200, msgspec.json.encode(answer))


async def whole(asked: Asked, reports: Reports) -> Reply:
    """`/global/spend`."""
    found = await reports.totals((), asked.scope(), figures=MAIN)
    return reply({"spend": sum(_spend(one) for one in found), "max_budget": 0.0})


async def by_day(asked: Asked, reports: Reports) -> Reply:
    """`/global/spend/logs`: one sum a day."""
    found = await reports.totals(("day",), asked.scope(), figures=MAIN)
    days = sorted((one.of[0], _spend(one)) for one in found)
    return reply([{"date": day_text(day), "spend": spend} for day, spend in days])


async def by_key(asked: Asked, reports: Reports) -> Reply:
    found = await reports.totals(("key", "alias", "caller"), asked.scope(), _limit(asked), MAIN)
    return reply([
        {
            "api_key": one.of[0] or one.of[2],
            "key_alias": one.of[1] or None,
            "key_name": None,
            "total_spend": _spend(one),
        }
        for one in found
    ])  # fmt: skip


async def by_model(asked: Asked, reports: Reports) -> Reply:
    found = await reports.totals(("model",), asked.scope(), _limit(asked), MAIN)
    return reply(
        [{"model": one.of[0], "total_spend": _spend(one), "total_tokens": _tokens(one)} for one in found]
    )


async def by_provider(asked: Asked, reports: Reports) -> Reply:
    found = await reports.totals(("provider",), asked.scope(), figures=MAIN)
    return reply([{"provider": one.of[0], "spend": _spend(one)} for one in found])


async def by_team(asked: Asked, reports: Reports) -> Reply:
    """`/global/spend/teams`."""
    found = await reports.totals(("day", "team"), asked.scope(), figures=MAIN)
    days: dict[str, dict[str, float]] = defaultdict(dict)
    teams: dict[str, float] = defaultdict(float)
    for one in found:
        name = _team(asked, one.of[1])
        day = days[day_text(one.of[0])]
        day[name] = day.get(name, 0.0) + _spend(one)
        teams[name] += _spend(one)
    dearest = sorted(teams.items(), key=lambda team: -team[1])
    return reply({
        "daily_spend": [{"date": day, **spent} for day, spent in sorted(days.items())],
        "teams": [name for name, _ in dearest],
        "total_spend_per_team": [{"team_id": name, "total_spend": spent} for name, spent in dearest],
    })  # fmt: skip


async def tags(asked: Asked, reports: Reports) -> Reply:
    """`/spend/tags`."""
    found = await reports.totals(("tag",), asked.scope(), MOST_LISTED, MAIN)
    return reply([
        {"individual_request_tag": one.of[0], "log_count": one.figures.requests, "total_spend": _spend(one)}
        for one in found
    ])  # fmt: skip


async def global_tags(asked: Asked, reports: Reports) -> Reply:
    """`/global/spend/tags`; `tags` names those that are wanted, separated by commas."""
    found = await reports.totals(("tag",), asked.scope(), MOST_LISTED, MAIN)
    wanted = {name.strip() for name in (asked.text("tags") or "").split(",")} - {"", "all-tags"}
    shown = [one for one in found if not wanted or one.of[0] in wanted]
    spent = [{"name": one.of[0], "spend": _spend(one), "log_count": one.figures.requests} for one in shown]
    return reply({"spend_per_tag": spent})


async def activity(asked: Asked, reports: Reports) -> Reply:
    """`/global/activity`: requests and tokens by day."""
    found = await reports.totals(("day",), asked.scope(), figures=MAIN)
    return reply(_activity(sorted(found, key=lambda one: one.of[0])))


def _activity(days: Sequence[Total]) -> dict[str, object]:
    shown = [
        {"date": day_text(one.of[0]), "api_requests": one.figures.requests, "total_tokens": _tokens(one)}
        for one in days
    ]
    return {
        "daily_data": shown,
        "sum_api_requests": sum(one.figures.requests for one in days),
        "sum_total_tokens": sum(map(_tokens, days)),
    }


async def activity_by_model(asked: Asked, reports: Reports) -> Reply:
    """`/global/activity/model`: the same of each model asked for, the busiest first."""
    found = sorted(
        await reports.totals(("day", "name"), asked.scope(), figures=MAIN), key=lambda one: one.of[0]
    )
    models: dict[str, list[Total]] = defaultdict(list)
    for one in found:
        models[str(one.of[1])].append(one)
    busiest = sorted(models.items(), key=lambda model: -sum(one.figures.requests for one in model[1]))
    return reply([{"model": name, **_activity(days)} for name, days in busiest[:MOST_LISTED]])


async def tag_names(asked: Asked, reports: Reports) -> Reply:
    """`/global/spend/all_tag_names`."""
    found = await reports.totals(("tag",), asked.scope(), MOST_LISTED, MAIN)
    return reply({"tag_names": sorted(str(one.of[0]) for one in found)})


async def report(asked: Asked, reports: Reports) -> Reply:
    """`/global/spend/report`: of one key or user, of a customer, else by `group_by`."""
    user, team, customer = (asked.text(name) for name in ("internal_user_id", "team_id", "customer_id"))
    group_by = asked.text("group_by") or ("customer" if customer else "team")
    scope = asked.scope(needed=True, user=user, team=team, customer=customer)
    if customer and group_by != "customer":
        raise invalid_value("group_by", "Of a customer there are sums by day and key: group_by=customer.")
    if group_by == "customer":
        found = await reports.totals(("day", "customer", "key"), scope, figures=MAIN)
        return reply(_days(found, "customers", "customer", lambda name: name, has_model=False))
    if group_by == "api_key" or user or asked.text("api_key"):
        return reply(_keys(await reports.totals(("key", "model"), scope, figures=MAIN)))
    if group_by == "team":
        found = await reports.totals(("day", "team", "key", "model"), scope, figures=MAIN)
        return reply(_days(found, "teams", "team_name", lambda name: _team(asked, name), has_model=True))
    raise invalid_value("group_by", "`group_by` is one of team, customer, api_key.")


def _days(
    found: Sequence[Total], groups: str, name: str, called: Callable[[str], str], *, has_model: bool
) -> list[dict[str, object]]:
    """Of each day each group, and of that each key (and model)."""
    days: dict[int, dict[str, list[Total]]] = defaultdict(lambda: defaultdict(list))
    for one in found:
        days[int(one.of[0])][called(str(one.of[1]))].append(one)
    return [
        {
            "group_by_day": f"{day_text(day)}T00:00:00+00:00",
            groups: [
                {
                    name: group,
                    "total_spend": sum(map(_spend, parts)),
                    "metadata": [
                        {
                            "model": one.of[3] if has_model else None,
                            "api_key": one.of[2],
                            "spend": _spend(one),
                            "total_tokens": _tokens(one),
                        }
                        for one in parts
                    ],
                }
                for group, parts in by_group.items()
            ],
        }
        for day, by_group in sorted(days.items())
    ]


def _keys(found: Sequence[Total]) -> list[dict[str, object]]:
    """Each key, and of that each model."""
    keys: dict[str, list[Total]] = defaultdict(list)
    for one in found:
        keys[str(one.of[0])].append(one)
    listed: list[dict[str, object]] = [
        {
            "api_key": key,
            "total_cost": sum(map(_spend, parts)),
            "total_input_tokens": sum(one.figures.input_tokens for one in parts),
            "total_output_tokens": sum(one.figures.output_tokens for one in parts),
            "model_details": [
                {
                    "model": one.of[1],
                    "total_cost": _spend(one),
                    "total_input_tokens": one.figures.input_tokens,
                    "total_output_tokens": one.figures.output_tokens,
                }
                for one in parts
            ],
        }
        for key, parts in keys.items()
    ]
    return sorted(listed, key=lambda one: -float(str(one["total_cost"])))


def _limit(asked: Asked) -> int:
    return asked.number("limit", DEFAULT_LIMIT, MOST_LISTED)


def _team(asked: Asked, team: str | int) -> str:
    return asked.known.team_name(str(team)) if team else UNASSIGNED


def _spend(total: Total) -> float:
    return total.figures.spend / NANO


def _tokens(total: Total) -> int:
    return total.figures.input_tokens + total.figures.output_tokens
