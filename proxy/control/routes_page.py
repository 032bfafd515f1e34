"""`/routes`: every route the gateway knows, in LiteLLM's shape."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from proxy.types import Page, PageRequest, Reply


class RouteInfo(msgspec.Struct, frozen=True):
    path: str
    methods: tuple[str, ...]
    name: str
    """What it is for, in a word or two."""
    endpoint: str
    """What serves it."""


class RouteList(msgspec.Struct, frozen=True):
    routes: Sequence[RouteInfo]


Routes = Callable[[], Sequence[RouteInfo]]


def routes_page(routes: Routes) -> Page:
    async def answer(request: PageRequest) -> Reply:
        return Reply(200, msgspec.json.encode(RouteList(routes())))

    return Page("/routes", answer, public=False, summary="Every route of this gateway")
