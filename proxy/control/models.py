"""`/v1/models`: what this gateway serves, in OpenAI's shape with what is known of each model, or in Anthropic's.

Source: https://platform.openai.com/docs/api-reference/models
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Protocol
from urllib.parse import unquote

import msgspec
import trio

from proxy.control.anthropic_models import listing, model, page_of
from proxy.control.facts import Candidates, Facts, LookUp, facts_of
from proxy.errors import model_not_found
from proxy.types import Page, PageRequest, Reply

CREATED_UNIX_S = 1677610602
"""LiteLLM's constant: a router's model has no day of birth."""
PREFIXES = ("/v1/models", "/models")
MAX_REMEMBERED = 10_000
"""Models of which is remembered what is known; of one list behind a pattern no more are read."""
AT_ONCE = 100
"""Looked up before others get a turn: some 30 us each, the first time."""

ModelNames = Callable[[], Sequence[str]]
_encode = msgspec.json.Encoder().encode
Serves = Callable[[str], bool]
"""Whether a model name can be used, listed or not (patterns, hidden aliases)."""


class ModelCard(msgspec.Struct, frozen=True):
    id: str
    object: str = "model"
    created: int = CREATED_UNIX_S
    owned_by: str = "openai"


class KnownModel(Facts, frozen=True, kw_only=True):
    """A model's card, with what is known of it."""

    id: str
    object: str
    created: int
    owned_by: str


class ModelList(msgspec.Struct, frozen=True):
    data: list[KnownModel]
    object: str = "list"


class Behind(Protocol):
    """What stands behind the patterns of the configuration."""

    async def cards(self) -> Sequence[ModelCard]: ...

    async def card(self, name: str) -> ModelCard | None:
        """Of a name that is served: None where a pattern matches it, and its upstream has no such model."""


def model_pages(
    model_names: ModelNames, serves: Serves, behind: Behind, candidates: Candidates, look_up: LookUp
) -> tuple[Page, ...]:
    @lru_cache(maxsize=MAX_REMEMBERED)
    def facts(name: str) -> Facts:
        return facts_of(name, candidates, look_up)

    async def listed(request: PageRequest) -> Reply:
        cards = {name: ModelCard(name) for name in model_names()}
        cards |= {card.id: card for card in await behind.cards() if card.id not in cards}
        shown, more = [card for card in cards.values() if request.may_use(card.id)], False
        if request.anthropic:
            shown, more = page_of(shown, request)
        found = await _each(facts, shown)
        if request.anthropic:
            return Reply(200, _encode(listing(shown, found, more=more)))
        return Reply(200, _encode(ModelList([_known(*each) for each in zip(shown, found, strict=True)])))

    async def one(request: PageRequest) -> Reply:
        name = _asked_for(request.path)
        card = await behind.card(name) if serves(name) and request.may_use(name) else None
        if card is None:
            raise model_not_found(name)
        shape = model if request.anthropic else _known
        return Reply(200, _encode(shape(card, facts(name))))

    lists = (Page(prefix, listed, public=False, summary="List the models") for prefix in PREFIXES)
    cards = (Page(f"{prefix}/{{id}}", one, public=False, summary="Show one model") for prefix in PREFIXES)
    return (*lists, *cards)


async def _each(facts: Callable[[str], Facts], cards: Sequence[ModelCard]) -> list[Facts]:
    found = []
    for number, card in enumerate(cards, start=1):
        found.append(facts(card.id))
        if number % AT_ONCE == 0:
            await trio.lowlevel.checkpoint()
    return found


def _known(card: ModelCard, facts: Facts) -> KnownModel:
    return KnownModel(**msgspec.structs.asdict(card), **msgspec.structs.asdict(facts))


def _asked_for(path: str) -> str:
    """The id in a raw path: it may hold slashes and percent-escapes."""
    prefix = next(prefix for prefix in PREFIXES if path.startswith(f"{prefix}/"))
    return unquote(path[len(prefix) + 1 :])
