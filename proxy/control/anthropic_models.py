"""`/v1/models` for Anthropic's clients, which are known by their `anthropic-version`.

Source: https://platform.claude.com/docs/en/api/models/list
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Protocol, TypeVar

import msgspec
from msgspec import UNSET

from proxy.control.facts import Facts
from proxy.control.query import fields_of
from proxy.errors import invalid_value
from proxy.types import PageRequest

DEFAULT_LIMIT, MAX_LIMIT = 20, 1000


class Named(Protocol):
    @property
    def id(self) -> str: ...


class Card(Named, Protocol):
    @property
    def created(self) -> int: ...


_N = TypeVar("_N", bound=Named)


class AnthropicModel(msgspec.Struct, frozen=True, kw_only=True):
    type: str = "model"
    id: str
    display_name: str
    created_at: str
    """RFC 3339"""
    lifecycle: str = "active"
    max_input_tokens: int | None
    max_tokens: int | None
    retires_at: str | None
    capabilities: None = None
    """In Anthropic's own words: `supports` has LiteLLM's."""
    deprecated_at: None = None
    line: None = None
    known: Facts


class AnthropicModels(msgspec.Struct, frozen=True):
    data: list[AnthropicModel]
    has_more: bool
    first_id: str | None
    last_id: str | None


def page_of(cards: Sequence[_N], request: PageRequest) -> tuple[list[_N], bool]:
    """Those that were asked for by `limit`, `after_id` and `before_id`, and whether there are more in that direction.

    Raises GatewayError 400.
    """
    asked = fields_of(request)
    limit = _limit(asked.get("limit"))
    after, before = asked.get("after_id"), asked.get("before_id")
    if before:
        earlier = list(cards[: _place(cards, "before_id", before)])
        return earlier[-limit:], len(earlier) > limit
    later = list(cards[_place(cards, "after_id", after) + 1 :]) if after else list(cards)
    return later[:limit], len(later) > limit


def _limit(said: str | None) -> int:
    if said is None:
        return DEFAULT_LIMIT
    if not (said.isascii() and said.isdigit() and 1 <= int(said[:5]) <= MAX_LIMIT):
        raise invalid_value("limit", f"`limit` is a number from 1 to {MAX_LIMIT}.")
    return int(said)


def _place(cards: Sequence[Named], param: str, id_: str) -> int:
    found = next((at for at, card in enumerate(cards) if card.id == id_), None)
    if found is None:
        raise invalid_value(param, f"`{param}` is the id of no model here.")
    return found


def listing(cards: Sequence[Card], facts: Sequence[Facts], *, more: bool) -> AnthropicModels:
    ids = [card.id for card in cards]
    models = [model(card, known) for card, known in zip(cards, facts, strict=True)]
    return AnthropicModels(models, more, ids[0] if ids else None, ids[-1] if ids else None)


def model(card: Card, facts: Facts) -> AnthropicModel:
    retires = facts.retires
    return AnthropicModel(
        id=card.id,
        display_name=card.id,
        created_at=datetime.fromtimestamp(card.created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        max_input_tokens=None if facts.max_input_tokens is UNSET else facts.max_input_tokens,
        max_tokens=None if facts.max_output_tokens is UNSET else facts.max_output_tokens,
        retires_at=None if retires is UNSET else f"{retires}T00:00:00Z",
        known=facts,
    )
