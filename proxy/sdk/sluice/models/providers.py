"""Whose a model is, and whether its key is here."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TypedDict

from proxy.config.models import LitellmParams, ModelEntry
from proxy.pricing import table
from proxy.providers.compatible.found import BY_NAME, named, vendor_of
from proxy.providers.reach import CLOUDS, OPENAI, OWN, UNSERVED, reach
from proxy.providers.reached import API_KEY, Reached, Unfit
from proxy.types import Secret
from sluice.exceptions import BadRequestError

_BEDROCK = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
_CLOUDS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "azure": (("AZURE_API_KEY", "AZURE_OPENAI_API_KEY"), ("AZURE_API_BASE", "AZURE_OPENAI_ENDPOINT")),
    "azure_ai": (("AZURE_AI_API_KEY",), ("AZURE_AI_API_BASE",)),
    "bedrock": (_BEDROCK[:1], _BEDROCK[1:]),
    "bedrock_mantle": (_BEDROCK[:1], _BEDROCK[1:]),
    "vertex_ai": (("VERTEXAI_PROJECT",), ("VERTEXAI_LOCATION",)),
    "vertex_ai_beta": (("VERTEXAI_PROJECT",), ("VERTEXAI_LOCATION",)),
}
"""Variables by provider; of each group one will do."""
_BEARER = "AWS_BEARER_TOKEN_BEDROCK"
"""In place of both of AWS's."""


class Environment(TypedDict):
    keys_in_environment: bool
    missing_keys: list[str]


def split(model: str, provider: str | None = None) -> tuple[str, str]:
    """(provider, the provider's name of it): `groq/llama` is groq's `llama`, and `gpt-4o` openai's."""
    prefix, slash, rest = model.partition("/")
    if provider is not None:
        return provider, rest if slash and prefix == provider else model
    if slash and rest and _is_provider(prefix):
        return _canonical(prefix), rest
    vendor = vendor_of(model)
    if vendor is None and (known := table.find(model)) is not None:
        vendor = _canonical(known.provider)
    return vendor or OPENAI, model


def get_llm_provider(
    model: str,
    custom_llm_provider: str | None = None,
    api_base: str | None = None,
    api_key: str | None = None,
) -> tuple[str, str, str | None, str | None]:
    """(model, provider, key, base): the key that is given or in the environment, and the base. None: they are not here,
    or OpenAI's own, which each call looks for. Raises BadRequestError for a model that is nobody's."""
    try:
        reached = _reached(model, custom_llm_provider, api_base, api_key)
    except Unfit as unfit:
        if unfit.key == API_KEY and api_key is None:
            name, provider, _, base = get_llm_provider(model, custom_llm_provider, api_base, _UNSET)
            return name, provider, None, base
        provider, name = split(model, custom_llm_provider)
        if provider not in CLOUDS:
            raise BadRequestError(unfit.text, model, custom_llm_provider) from None
        return name, provider, api_key, api_base
    found = reached.provider.name
    if found in OWN and api_base is None:
        return reached.model, found, api_key, None
    return reached.model, found, reached.api_key.reveal() or None, reached.api_base


def validate_environment(
    model: str | None = None, api_key: str | None = None, api_base: str | None = None
) -> Environment:
    """Whether the variables are set that `model` is asked with, and which are missing. The values are not looked at."""
    provider = split(model)[0] if model else OPENAI
    if api_key is not None:
        return {"keys_in_environment": True, "missing_keys": []}
    wanted = _CLOUDS.get(provider) or ((keys,) if (keys := _keys(provider)) else ())
    if provider.startswith("bedrock") and os.environ.get(_BEARER):
        wanted = ()
    if api_base is not None:
        wanted = tuple(names for names in wanted if "BASE" not in names[0])
    missing = [names[0] for names in wanted if not any(os.environ.get(name) for name in names)]
    return {"keys_in_environment": not missing, "missing_keys": missing}


def get_valid_models() -> list[str]:
    """The shipped table's chat models of the providers whose variables are set here, by the names that calls take."""
    ready = {name: _is_ready(name) for name in (*OWN, *BY_NAME, *CLOUDS)}
    found = ((name, table.find(name)) for name in table.names())
    chats = ((name, _canonical(model.provider)) for name, model in found if model and model.mode == "chat")
    return [_called(name, provider) for name, provider in chats if ready.get(provider)]


def _is_ready(provider: str) -> bool:
    """Servers of one's own need no variable: whether they are there is not known."""
    keyed = provider in CLOUDS or bool(_keys(provider))
    return keyed and validate_environment(f"{provider}/x")["keys_in_environment"]


def _called(name: str, provider: str) -> str:
    return name if split(name)[0] == provider else f"{provider}/{name}"


_UNSET = "none"
"""In place of a key, to be told the rest."""


def _reached(model: str, provider: str | None, api_base: str | None, api_key: str | None) -> Reached:
    """Raises Unfit."""
    params = LitellmParams(
        model=model,
        custom_llm_provider=provider,
        api_base=api_base,
        api_key=None if api_key is None else Secret(api_key),
    )
    return reach(ModelEntry(model_name=model, litellm_params=params), os.environ)


def _keys(provider: str) -> tuple[str, ...]:
    row = OWN.get(provider) or named(provider)
    return () if row is None or row.keyless else row.keys


def _is_provider(prefix: str) -> bool:
    return prefix in OWN or named(prefix) is not None or prefix in CLOUDS or prefix in UNSERVED


def _canonical(name: str) -> str:
    """By the provider's one name: the price table has a few more (`cohere_chat`, `vertex_ai-language-models`)."""
    if name in OWN or name in CLOUDS or name in BY_NAME:
        return name
    found = named(name)
    if found is not None:
        return found.name
    first = name.split("-", maxsplit=1)[0].removesuffix("_chat")
    return first if first in BY_NAME or first in CLOUDS or first in OWN else name
