"""The operator's word on single deployments: bench, drain, revive. For the holder of the master key only.

The id is the last part of the path because it may hold slashes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal, TypeAlias

import msgspec

from proxy.control.query import fields_of, rest_of
from proxy.control.refusals import deployment_not_found
from proxy.control.standing import Endpoint, Snapshot, endpoint
from proxy.errors import invalid_value
from proxy.types import Page, PageRequest, Reply

PATH = "/admin/deployments"
LONGEST_BENCH_S = 31_536_000.0
"""A year: what shall rest longer goes out of the configuration."""

Word: TypeAlias = Literal["bench", "drain", "revive"]
HoldDeployment = Callable[[str, Word, float | None], bool]
"""(id, word, seconds; None: until revived) -> False: no such deployment. Every worker hears of it.
Raises GatewayError when the others could not be told."""

WORDS: dict[Word, str] = {
    "bench": "Send a deployment no new requests, for a while or until it is revived",
    "drain": "Send a deployment no new requests; those under way finish",
    "revive": "Send a deployment requests again, whatever it failed with",
}


class Deployments(msgspec.Struct, frozen=True):
    deployments: list[Endpoint]
    worker: int
    """Which of the workers answers: what it counted is its own, the operator's word is everybody's."""


def admin_pages(snapshot: Snapshot, hold: HoldDeployment, worker: int) -> tuple[Page, ...]:
    def shown(wanted: str | None = None) -> Reply:
        now_unix_s = time.time()
        found = [endpoint(status, now_unix_s) for status in snapshot() if wanted in (None, status.id)]
        return Reply(200, msgspec.json.encode(Deployments(found, worker)))

    async def listed(request: PageRequest) -> Reply:
        return shown()

    def page(word: Word) -> Page:
        prefix = f"{PATH}/{word}/"

        async def said(request: PageRequest) -> Reply:
            deployment_id = rest_of(request, prefix)
            if not hold(deployment_id, word, seconds(word, request)):
                raise deployment_not_found(deployment_id)
            return shown(deployment_id)

        return Page(prefix + "{id}", said, public=False, summary=WORDS[word], methods=("POST",), admin=True)

    summary = "Every deployment, and how it stands"
    return (Page(PATH, listed, public=False, summary=summary, admin=True), *map(page, WORDS))


def seconds(word: Word, request: PageRequest) -> float | None:
    """None: not said. Raises GatewayError 400."""
    text = fields_of(request).get("seconds")
    if text is None:
        return None
    if word != "bench":
        raise invalid_value("seconds", f"Only a bench takes `seconds`: {word} has no end.")
    try:
        length_s = float(text)
    except ValueError:
        length_s = 0.0
    if not 0 < length_s <= LONGEST_BENCH_S:
        message = f"`seconds` must be a number of more than 0 and at most {LONGEST_BENCH_S:.0f}."
        raise invalid_value("seconds", message)
    return length_s
