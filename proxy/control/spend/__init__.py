"""What was spent, as pages in LiteLLM's shapes: sums by day in UTC, and single records.

asking      which days, whose: a virtual key sees its own only
summaries   of all, by key, model, tag, team, customer
activity    day by day, broken down
logs        single records
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from proxy.control.refusals import state_off
from proxy.control.spend import summaries
from proxy.control.spend.activity import activity
from proxy.control.spend.asking import Asked, Known, Reports
from proxy.control.spend.logs import logs
from proxy.storage.reports import Total
from proxy.storage.rows import Row, Wanted
from proxy.types import Page, PageRequest, Reply

__all__ = ["Known", "NobodyKnown", "NothingKept", "Reports", "spend_pages"]

_Answer = Callable[[Asked, Reports], Awaitable[Reply]]
_PAGES: dict[str, tuple[_Answer, str]] = {
    "/spend/logs": (logs, "Single records, or the days that they add up to"),
    "/spend/tags": (summaries.tags, "Spend by tag"),
    "/global/spend": (summaries.whole, "Spend of all"),
    "/global/spend/logs": (summaries.by_day, "Spend by day"),
    "/global/spend/keys": (summaries.by_key, "Spend by key, the dearest first"),
    "/global/spend/models": (summaries.by_model, "Spend by model, the dearest first"),
    "/global/spend/provider": (summaries.by_provider, "Spend by provider"),
    "/global/spend/teams": (summaries.by_team, "Spend by day and team"),
    "/global/spend/tags": (summaries.global_tags, "Spend by tag, in the shape of LiteLLM's pages"),
    "/global/spend/report": (summaries.report, "Spend by team, customer or key, broken down"),
    "/global/activity": (summaries.activity, "Requests and tokens by day"),
    "/global/activity/model": (summaries.activity_by_model, "The same of each model"),
    "/global/spend/all_tag_names": (summaries.tag_names, "The tags that requests had"),
    "/user/daily/activity/aggregated": (
        partial(activity, entity="user", param="user_id"),
        "As `/user/daily/activity`, whose answer is always whole",
    ),
    "/user/daily/activity": (partial(activity, entity="user", param="user_id"), "Day by day, of users"),
    "/team/daily/activity": (partial(activity, entity="team", param="team_ids"), "Day by day, of teams"),
    "/tag/daily/activity": (partial(activity, entity="tag", param="tags"), "Day by day, of tags"),
    "/customer/daily/activity": (
        partial(activity, entity="customer", param="end_user_ids"),
        "Day by day, of customers",
    ),
}


class NothingKept:
    """Reports of a gateway without a state file."""

    async def totals(self, *_: object, **__: object) -> list[Total]:
        raise state_off()

    async def rows(self, _: Wanted, /) -> list[Row]:
        raise state_off()


class NobodyKnown:
    """Every key is what it is called."""

    def key_id(self, text: str, /) -> str:
        return text

    def team_name(self, team_id: str, /) -> str:
        return team_id


def spend_pages(reports: Reports, known: Known) -> tuple[Page, ...]:
    return tuple(_page(path, answer, summary, reports, known) for path, (answer, summary) in _PAGES.items())


def _page(path: str, answer: _Answer, summary: str, reports: Reports, known: Known) -> Page:
    async def show(request: PageRequest) -> Reply:
        return await answer(Asked(request, known), reports)

    return Page(path, show, public=False, summary=summary)
