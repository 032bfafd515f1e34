"""`/v1/models`: what this gateway serves, in OpenAI's shape.

Source: https://platform.openai.com/docs/api-reference/models
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from urllib.parse import unquote

import msgspec

from proxy.errors import model_not_found
from proxy.types import Page, PageRequest, Reply

CREATED_UNIX_S = 1677610602
"""LiteLLM's constant: a router's model has no day of birth."""
PREFIXES = ("/v1/models", "/models")

ModelNames = Callable[[], Sequence[str]]
Serves = Callable[[str], bool]
"""Whether a model name can be used, listed or not (wildcards, hidden aliases)."""


class ModelCard(msgspec.Struct, frozen=True):
    id: str
    object: str = "model"
    created: int = CREATED_UNIX_S
    owned_by: str = "openai"


class ModelList(msgspec.Struct, frozen=True):
    data: list[ModelCard]
    object: str = "list"


def model_pages(model_names: ModelNames, serves: Serves) -> tuple[Page, ...]:
    async def listed(request: PageRequest) -> Reply:
        cards = ModelList([ModelCard(name) for name in model_names()])
        return Reply(200, msgspec.json.encode(cards))

    async def one(request: PageRequest) -> Reply:
        name = _asked_for(request.path)
        if not serves(name):
            return model_not_found(name).reply()
        return Reply(200, msgspec.json.encode(ModelCard(name)))

    lists = (Page(prefix, listed, public=False, summary="List the models") for prefix in PREFIXES)
    cards = (Page(f"{prefix}/{{id}}", one, public=False, summary="Show one model") for prefix in PREFIXES)
    return (*lists, *cards)


def _asked_for(path: str) -> str:
    """The id in a raw path: it may hold slashes and percent-escapes."""
    prefix = next(prefix for prefix in PREFIXES if path.startswith(f"{prefix}/"))
    return unquote(path[len(prefix) + 1 :])
