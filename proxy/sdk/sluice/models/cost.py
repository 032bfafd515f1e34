"""What answers cost, by the gateway's own reckoning (`proxy/pricing`), in US dollars.

https://docs.litellm.ai/docs/completion/token_usage
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from proxy.accounting.said import Answered
from proxy.accounting.shapes import with_tools
from proxy.errors import UNREADABLE
from proxy.pricing.cost import cost
from proxy.types import Cost, Usage
from sluice.answers.beside import Told, beside
from sluice.models.known import find
from sluice.models.tokens import token_counter

_NANO = 10**9
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Answered).decode


def cost_of_answer(
    answer: Mapping[str, Any],
    model: str,
    provider: str | None = None,
    api_base: str | None = None,
    prices: Mapping[str, object] = {},
) -> float | None:
    """US dollars; None: what was used, or its price, is not known. Raises ValueError for `prices` that are none."""
    usage = usage_of(answer)
    told = None if usage is None else _cost(usage, model, provider, api_base, prices)
    return None if told is None else told.total / _NANO


def completion_cost(
    completion_response: Mapping[str, Any] | None = None,
    model: str | None = None,
    prompt: str = "",
    messages: Sequence[Mapping[str, Any]] = (),
    completion: str = "",
    custom_llm_provider: str | None = None,
    custom_cost_per_token: Mapping[str, object] = {},
    **_litellms: object,
) -> float:
    """US dollars of an answer, or of texts, whose tokens are then counted (`token_counter`).

    `model`: where the answer's own name of it is not that of its price. `custom_cost_per_token`: `input_cost_per_token`
    and `output_cost_per_token`. Raises ValueError where the price or what was used is not known.
    """
    if completion_response is None:
        usage = _counted(model or "", prompt, messages, completion)
        asked, provider, api_base = model, custom_llm_provider, None
    else:
        known = beside(completion_response) if isinstance(completion_response, Told) else None
        said = usage_of(completion_response)
        if said is None:
            raise ValueError("the answer does not say what was used")
        usage = said
        asked = model or (known.model if known else "") or str(completion_response.get("model") or "")
        provider = custom_llm_provider or (known.provider if known and not model else None) or None
        api_base = known.api_base if known else None
    told = _cost(usage, asked or "", provider, api_base, custom_cost_per_token)
    if told is None:
        raise ValueError(f"no price is known of `{asked}`: register_model, or custom_cost_per_token=")
    return told.total / _NANO


def cost_per_token(
    model: str = "",
    prompt_tokens: int = 0,
    completion_tokens: int = 0,
    custom_llm_provider: str | None = None,
    cache_creation_input_tokens: int = 0,
    cache_read_input_tokens: int = 0,
    custom_cost_per_token: Mapping[str, object] = {},
    service_tier: str | None = None,
    **_litellms: object,
) -> tuple[float, float]:
    """US dollars of the prompt and of the completion. What was read from and written to the provider's cache is part
    of `prompt_tokens`. Raises ValueError where no price is known."""
    usage = Usage(
        prompt_tokens,
        completion_tokens,
        prompt_tokens + completion_tokens,
        cache_read_input_tokens or None,
        cache_write_tokens=cache_creation_input_tokens or None,
        tier=service_tier,
    )
    told = _cost(usage, model, custom_llm_provider, None, custom_cost_per_token)
    if told is None:
        raise ValueError(f"no price is known of `{model}`: register_model, or custom_cost_per_token=")
    sent = told.input + told.cached + told.cache_write + told.other
    return sent / _NANO, told.output / _NANO


def usage_of(answer: Mapping[str, Any]) -> Usage | None:
    """As the gateway reads it; None: it says none."""
    text = _encode(answer)
    try:
        said = _decode(text)
    except UNREADABLE:
        return None
    usage = said.used()
    if usage is None:
        made = answer.get("data")  # pictures are paid by the piece where no tokens are counted
        return Usage(images=len(made)) if isinstance(made, list) and _pictures(made) else None
    return with_tools(usage, text) if said.object == "response" else usage


def _pictures(made: list[Any]) -> bool:
    return bool(made) and all(
        isinstance(each, dict) and ("url" in each or "b64_json" in each) for each in made
    )


def _counted(model: str, prompt: str, messages: Sequence[Mapping[str, Any]], completion: str) -> Usage:
    sent = token_counter(model, messages=messages) if messages else token_counter(model, text=prompt)
    made = token_counter(model, text=completion)
    return Usage(sent, made, sent + made)


def _cost(
    usage: Usage,
    model: str,
    provider: str | None,
    api_base: str | None,
    prices: Mapping[str, object],
) -> Cost | None:
    found = find(model, provider, api_base, prices)
    return None if found.prices is None else cost(usage, found.prices)
