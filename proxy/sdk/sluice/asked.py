"""One call, taken apart: what is the library's, and what goes into the body."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import sluice
from proxy.accounting.record import call_id
from proxy.config import known, unmissed
from proxy.config.known import COST
from proxy.config.openai_params import OpenAIParams
from sluice.arguments import OWN
from sluice.endpoints import Endpoint

log = logging.getLogger("sluice")
_SENT = frozenset(OpenAIParams.__struct_fields__) | {"stream", "stream_options"}
_LITELLMS = (known.LITELLM_PARAMS | unmissed.LITELLM_PARAMS) - _SENT - OWN
"""Arguments of LiteLLM's that have no effect here, and are no provider's."""
_told: set[str] = set()


class Asked:
    """Every attempt reads it; nobody changes it."""

    __slots__ = ("call_id", "endpoint", "fields", "model", "own", "prices", "stream")

    def __init__(self, endpoint: Endpoint, model: str, arguments: Mapping[str, Any]) -> None:
        self.endpoint = endpoint
        self.model = model
        self.own: dict[str, Any] = {}
        """The library's own arguments."""
        self.prices: dict[str, Any] = {}
        """What the caller says that it costs: US dollars, by LiteLLM's names."""
        self.fields: dict[str, Any] = {}
        """The body's, but for `model`."""
        for name, value in arguments.items():
            if value is None:
                continue
            if name in OWN:
                self.own[name] = value
            elif name in _LITELLMS:
                _tell(name)
            else:
                self.fields[name] = value
        self._take_client()
        self._take_prices()
        if "metadata" in self.own and (endpoint.keeps_metadata or self.fields.get("store")):
            self.fields["metadata"] = self.own["metadata"]
        self.stream = bool(self.fields.get("stream"))
        self.call_id = call_id()
        if sluice.set_verbose:
            log.setLevel(logging.DEBUG)

    def _take_client(self) -> None:
        """One of openai's package stands for its key, its base and its transport."""
        client = self.own.get("client")
        inner = getattr(client, "_client", None)
        if client is None or inner is None or not hasattr(client, "base_url"):
            return
        self.own["client"] = inner
        if isinstance(key := getattr(client, "api_key", None), str):
            self.own.setdefault("api_key", key)
        self.own.setdefault("api_base", str(client.base_url).rstrip("/"))

    def _take_prices(self) -> None:
        for part in (self.own, self.fields):
            for name in [each for each in part if "cost" in each and COST.search(each)]:
                self.prices[name] = part.pop(name)

    def instead(self, model: str, own: Mapping[str, Any]) -> Asked:
        """The same of another model, with other arguments of the library's."""
        arguments = {**self.fields, **self.own, **self.prices}
        arguments.pop("fallbacks", None)
        return Asked(self.endpoint, model, {**arguments, **own})


def _tell(name: str) -> None:
    if name not in _told:
        _told.add(name)
        log.warning("the argument `%s` is LiteLLM's, and has no effect here", name)
