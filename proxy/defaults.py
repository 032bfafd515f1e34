"""The configuration of a gateway that was given none: one model, the environment's key, or the simulator."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from proxy.config.models import LitellmParams, ModelEntry, ModelInfo
from proxy.config.schema import Config
from proxy.types import Secret

SIMULATED_MODELS = (
    "gpt-4o", "gpt-4o-mini", "gpt-4.1", "gpt-4", "gpt-3.5-turbo", "gpt-3.5-turbo-instruct",
    "text-embedding-3-small", "omni-moderation-latest", "gpt-image-1", "whisper-1", "tts-1", "*",
)  # fmt: skip
SIMULATED_KEYS = ("sk-sim-1", "sk-sim-2")
"""Two, so that the balancing shows."""


def one_model(config: Config, model: str, api_base: str | None) -> Config:
    """`--model gpt-4o`"""
    public = model.removeprefix("openai/").removeprefix("text-completion-openai/")
    params = LitellmParams(model=model, api_base=api_base)
    return _with(config, (ModelEntry(model_name=public, litellm_params=params),))


def every_model(config: Config, api_base: str | None) -> Config:
    """OPENAI_API_KEY is set: all of OpenAI's models."""
    params = LitellmParams(model="openai/*", api_base=api_base)
    return _with(config, (ModelEntry(model_name="*", litellm_params=params),))


def simulated(config: Config, simulator_url: str) -> Config:
    """Nothing is set: the embedded upstream, over two keys."""
    entries = [
        _simulated(model, key, index, simulator_url)
        for model in SIMULATED_MODELS
        for index, key in enumerate(SIMULATED_KEYS, 1)
    ]
    return _with(config, tuple(entries))


def _simulated(model: str, key: str, index: int, url: str) -> ModelEntry:
    params = LitellmParams(model=f"openai/{model}", api_base=url, api_key=Secret(key))
    return ModelEntry(
        model_name=model, litellm_params=params, model_info=ModelInfo(id=f"simulator-{index}/{model}")
    )


def _with(config: Config, entries: tuple[ModelEntry, ...]) -> Config:
    return msgspec.structs.replace(config, model_list=entries)


def needs_simulator(config: Config, environ: Mapping[str, str]) -> bool:
    return not config.model_list and not environ.get("OPENAI_API_KEY")
