"""What a model can do: by the shipped table and what was registered. Of what nothing is known the answer is no."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from proxy.providers.compatible.found import named
from proxy.providers.parameters import CHAT_PARAMETERS
from proxy.providers.reach import OWN
from sluice.models.known import SUPPORTS, find, model_cost
from sluice.models.providers import split

_EMBEDDINGS = ["dimensions", "encoding_format", "user"]
Asks: TypeAlias = Callable[..., bool]


def supports(model: str, ability: str, custom_llm_provider: str | None = None) -> bool:
    """`ability`: LiteLLM's name without `supports_`."""
    found = find(model, custom_llm_provider)
    return found.name is not None and model_cost[found.name].get(SUPPORTS + ability) is True


def _asks(ability: str) -> Asks:
    def asked(model: str, custom_llm_provider: str | None = None) -> bool:
        return supports(model, ability, custom_llm_provider)

    asked.__name__ = asked.__qualname__ = SUPPORTS + ability
    asked.__doc__ = f"Whether `model` is known for {ability.replace('_', ' ')}."
    return asked


supports_assistant_prefill = _asks("assistant_prefill")
supports_audio_input = _asks("audio_input")
supports_audio_output = _asks("audio_output")
supports_computer_use = _asks("computer_use")
supports_function_calling = _asks("function_calling")
supports_parallel_function_calling = _asks("parallel_function_calling")
supports_pdf_input = _asks("pdf_input")
supports_prompt_caching = _asks("prompt_caching")
supports_reasoning = _asks("reasoning")
supports_response_schema = _asks("response_schema")
supports_system_messages = _asks("system_messages")
supports_tool_choice = _asks("tool_choice")
supports_url_context = _asks("url_context")
supports_vision = _asks("vision")
supports_web_search = _asks("web_search")


def get_supported_openai_params(
    model: str, custom_llm_provider: str | None = None, request_type: str = "chat_completion"
) -> list[str] | None:
    """Which of OpenAI's parameters are sent on; with `drop_params` the others are left out, else they are errors.

    `request_type`: `chat_completion` or `embeddings`. None: there is no such provider.
    """
    provider = split(model, custom_llm_provider)[0]
    row: Any = OWN.get(provider) or named(provider)
    if row is None and custom_llm_provider is not None:
        return None
    if request_type == "embeddings":
        return list(_EMBEDDINGS)
    refused = row.parameters.refuses if row is not None else frozenset()
    return [name for name in CHAT_PARAMETERS if name not in refused]
