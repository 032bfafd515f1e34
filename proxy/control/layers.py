"""Hosts, keys, their models and kinds of request: how each stands, why and since when, and the operator's word on them.

A layer is named as it is shown: `host/https://api.openai.com:443`, `key/0123456789ab`, `model/0123456789ab/gpt-4o`,
`family/0123456789ab/files`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import msgspec

from proxy.control.admin import WORDS, HoldDeployment, Word, seconds
from proxy.control.query import rest_of
from proxy.control.refusals import layer_not_found
from proxy.control.shown import LayerStatus, ShownLayer, shown_layer
from proxy.types import Page, PageRequest, Reply

PATH = "/admin/layers"


Snapshot = Callable[[], Sequence[LayerStatus]]


class ShownLayers(msgspec.Struct, frozen=True):
    layers: list[ShownLayer]
    worker: int
    """Which of the workers answers: they tell each other what they learn."""


def layer_pages(snapshot: Snapshot, hold: HoldDeployment, worker: int) -> tuple[Page, ...]:
    def shown(wanted: str | None = None) -> Reply:
        now_unix_s = time.time()
        found = [shown_layer(status, now_unix_s) for status in snapshot()]
        return Reply(
            200, msgspec.json.encode(ShownLayers([s for s in found if wanted in (None, s.layer)], worker))
        )

    async def listed(request: PageRequest) -> Reply:
        return shown()

    def page(word: Word) -> Page:
        prefix = f"{PATH}/{word}/"

        async def said(request: PageRequest) -> Reply:
            layer = rest_of(request, prefix)
            if not hold(layer, word, seconds(word, request)):
                raise layer_not_found(layer)
            return shown(layer)

        summary = WORDS[word].replace("a deployment", "a host, a key or a key's model")
        return Page(prefix + "{layer}", said, public=False, summary=summary, methods=("POST",), admin=True)

    summary = "Hosts, keys and their models: how they stand, and why"
    return (Page(PATH, listed, public=False, summary=summary, admin=True), *map(page, WORDS))
