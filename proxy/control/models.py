"""`/v1/models`: what this gateway serves, in OpenAI's shape.

Source: https://platform.openai.com/docs/api-reference/models
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol
from urllib.parse import unquote

import msgspec

from proxy.errors import model_not_found
from proxy.types import Page, PageRequest, Reply

CREATED_UNIX_S = 1677610602
"""LiteLLM's constant: a router's model has no day of birth."""
PREFIXES = ("/v1/models", "/models")

ModelNames = Callable[[], Sequence[str]]
Serves = Callable[[str], bool]
"""Whether a model name can be used, listed or not (patterns, hidden aliases)."""


class ModelCard(msgspec.Struct, frozen=True):
    id: str
    object: str = "model"
    created: int = CREATED_UNIX_S
    owned_by: str = "openai"


class ModelList(msgspec.Struct, frozen=True):
    data: list[ModelCard]
    object: str = "list"


class Behind(Protocol):
    """What stands behind the patterns of the configuration."""

    async def cards(self) -> Sequence[ModelCard]: ...

    async def card(self, name: str) -> ModelCard | None:
        """Of a name that is served: None where a pattern matches it, and its upstream has no such model."""


def model_pages(model_names: ModelNames, serves: Serves, behind: Behind) -> tuple[Page, ...]:
    async def listed(request: PageRequest) -> Reply:
        cards = {name: ModelCard(name) for name in model_names()}
        cards |= {card.id: card for card in await behind.cards() if card.id not in cards}
        shown = [card for card in cards.values() if request.may_use(card.id)]
        return Reply(200, msgspec.json.encode(ModelList(shown)))

    async def one(request: PageRequest) -> Reply:
        name = _asked_for(request.path)
        card = await behind.card(name) if serves(name) and request.may_use(name) else None
        if card is None:
            return model_not_found(name).reply()
        return Reply(200, msgspec.json.encode(card))

    lists = (Page(prefix, listed, public=False, summary="List the models") for prefix in PREFIXES)
    cards = (Page(f"{prefix}/{{id}}", one, public=False, summary="Show one model") for prefix in PREFIXES)
    return (*lists, *cards)


def _asked_for(path: str) -> str:
    """The id in a raw path: it may hold slashes and percent-escapes."""
    prefix = next(prefix for prefix in PREFIXES if path.startswith(f"{prefix}/"))
    return unquote(path[len(prefix) + 1 :])
