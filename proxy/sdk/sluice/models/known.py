"""One model in the tables: the shipped one (`proxy/pricing/models.xz`), and what a program has registered.

Names and keys are LiteLLM's: https://docs.litellm.ai/docs/completion/token_usage
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

import msgspec

from proxy.pricing import table
from proxy.pricing.book import Found, PriceBook
from proxy.pricing.names import PriceError
from proxy.pricing.table import Model
from proxy.types import Deployment, Price, Secret
from sluice.models.providers import split

SUPPORTS = "supports_"


class ModelCost(MutableMapping[str, dict[str, Any]]):
    """`sluice.model_cost`: all models, by name; what is set here goes before what is shipped."""

    def __init__(self) -> None:
        self._own: dict[str, dict[str, Any]] = {}
        self.book = PriceBook()

    def __getitem__(self, name: str) -> dict[str, Any]:
        shipped = table.find(name)
        if shipped is None and name not in self._own:
            raise KeyError(name)
        return (_fields(shipped) if shipped else {}) | self._own.get(name, {})

    def __setitem__(self, name: str, fields: Mapping[str, Any]) -> None:
        """Raises ValueError for an amount that is none."""
        own = {**self._own, name: {**self._own.get(name, {}), **fields}}
        merged = {
            each: {**(_fields(found) if (found := table.find(each)) else {}), **own[each]} for each in own
        }
        try:
            self.book = PriceBook(merged, "register_model")
        except PriceError as error:
            raise ValueError(str(error)) from None
        self._own = own

    def __delitem__(self, name: str) -> None:
        """Of one's own; what is shipped stays."""
        del self._own[name]
        self.book = PriceBook(self._own, "register_model")

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys((*table.names(), *self._own)))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, name: object) -> bool:
        return name in self._own or (isinstance(name, str) and table.find(name) is not None)

    def __repr__(self) -> str:
        return f"<{len(self)} models, {len(self._own)} of them registered>"

    def own(self, name: str | None) -> Mapping[str, Any]:
        return self._own.get(name or "", {})


model_cost = ModelCost()


def register_model(model_cost: Mapping[str, Mapping[str, Any]]) -> None:
    """Prices (US dollars, by LiteLLM's names) and whatever else is known, by model. Raises ValueError."""
    for name, fields in model_cost.items():
        _COST[name] = dict(fields)


_COST = model_cost


def find(
    model: str, provider: str | None = None, api_base: str | None = None, prices: Mapping[str, object] = {}
) -> Found:
    """`prices`: what the caller says it costs. Raises ValueError for an amount that is none."""
    deployment = _deployment(*split(model, provider), api_base or "", prices)
    book = (
        PriceBook() if prices else _COST.book
    )  # which remembers by the deployment's id, and these are one call's
    try:
        return book.find(deployment)
    except PriceError as error:
        raise ValueError(str(error)) from None


def known(model: str, provider: str | None = None, api_base: str | None = None) -> Found:
    """Raises ValueError where the tables have nothing of it."""
    found = find(model, provider, api_base)
    if found.name is None:
        raise ValueError(
            f"nothing is known of the model `{model}`{f' of {provider}' if provider else ''}."
            ' Write its provider in front ("groq/..."), or register_model({"' + model + '": {...}}).'
        )
    return found


def get_model_info(
    model: str, custom_llm_provider: str | None = None, api_base: str | None = None
) -> dict[str, Any]:
    """By LiteLLM's names: `key`, `mode`, `max_input_tokens`, `max_output_tokens`, `litellm_provider`, prices in US
    dollars, `supports_...` (True, False, or None: not known) and `supported_openai_params`. Raises ValueError for a
    model that nothing is known of."""
    from sluice.models.abilities import get_supported_openai_params  # noqa: PLC0415 - it asks here, too

    found = known(model, custom_llm_provider, api_base)
    said = _COST[found.name or ""]
    info = {
        "key": found.name,
        "max_tokens": said.get("max_output_tokens") or said.get("max_tokens"),
        "max_input_tokens": None,
        "max_output_tokens": None,
        "input_cost_per_token": None,
        "output_cost_per_token": None,
        "litellm_provider": split(model, custom_llm_provider)[0],
        "mode": None,
        **dict.fromkeys(map(SUPPORTS.__add__, ABILITIES)),
        **said,
    }
    return info | {"supported_openai_params": get_supported_openai_params(model, custom_llm_provider)}


def get_max_tokens(model: str) -> int | None:
    """The most that it writes, or where that is not known its longest prompt; None: neither is. Raises ValueError for a
    model that nothing is known of."""
    most: int | None = get_model_info(model)["max_tokens"]
    return most


ABILITIES = (
    "assistant_prefill", "audio_input", "audio_output", "computer_use", "function_calling", "native_streaming",
    "parallel_function_calling", "pdf_input", "prompt_caching", "reasoning", "response_schema", "system_messages",
    "tool_choice", "url_context", "video_input", "vision", "web_search",
)  # fmt: skip
"""That the shipped table knows of, by LiteLLM's names without `supports_`."""


def _fields(model: Model) -> dict[str, Any]:
    """As LiteLLM's price map has them."""
    said = {
        "litellm_provider": model.provider,
        "mode": model.mode,
        "max_input_tokens": model.max_input_tokens,
        "max_output_tokens": model.max_output_tokens,
        "max_tokens": model.max_output_tokens or model.max_input_tokens,
        "output_vector_size": model.output_vector_size,
        "deprecation_date": model.retired,
        "source": model.url,
    }
    flags = {f"{SUPPORTS}{flag}": True for flag in model.supports} | {
        f"{SUPPORTS}{flag}": False for flag in model.lacks
    }
    return {name: value for name, value in said.items() if value is not None} | dict(model.prices) | flags


def _deployment(provider: str, model: str, api_base: str, prices: Mapping[str, object]) -> Deployment:
    """Of no configuration: what a price is looked up by."""
    return Deployment(
        id=msgspec.json.encode((provider, api_base)).decode(),
        group=model,
        provider=provider,
        model=model,
        api_base=api_base,
        api_key=Secret(""),
        price=Price(written=prices),
        object_scope="",
    )
