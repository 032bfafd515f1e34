"""The configuration of a gateway that was given none: one model, the environment's key, or the simulator."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from proxy.config.errors import ConfigError
from proxy.config.models import LitellmParams, ModelEntry, ModelInfo
from proxy.config.schema import Config
from proxy.types import Secret

KEY_VARIABLE = "OPENAI_API_KEY"
SIMULATED_MODELS = (
    "gpt-4o", "gpt-4o-mini", "gpt-4.1", "gpt-4", "gpt-3.5-turbo", "gpt-3.5-turbo-instruct",
    "text-embedding-3-small", "omni-moderation-latest", "gpt-image-1", "whisper-1", "tts-1", "*",
)  # fmt: skip
SIMULATED_KEYS = ("sk-sim-1", "sk-sim-2")
"""Two, so that the balancing shows."""


class Wanted(msgspec.Struct, frozen=True):
    """What the command line says about models."""

    model: str | None = None
    api_base: str | None = None
    alias: str | None = None
    temperature: float | None = None
    max_tokens: int | None = None


def needs_simulator(wanted: Wanted, config: Config, environ: Mapping[str, str]) -> bool:
    """Nothing says what to serve."""
    said = (wanted.model, wanted.api_base, config.model_list, config.general_settings.pass_through_endpoints)
    return not any(said) and not environ.get(KEY_VARIABLE)


def served_by_environment(wanted: Wanted, config: Config, environ: Mapping[str, str]) -> Config:
    """`--model gpt-4o`, `--api_base URL`, or OPENAI_API_KEY for all of OpenAI's models; unchanged without them.

    Raises ConfigError when there is no key, and no server of one's own that needs none.
    """
    has_key = bool(environ.get(KEY_VARIABLE))
    if wanted.model is None and wanted.api_base is None and not has_key:
        return config
    if not has_key and wanted.api_base is None:
        raise ConfigError(
            f"--model {wanted.model} needs a key: set {KEY_VARIABLE},"
            " or give --api_base for a server of your own that asks for none."
        )
    model = wanted.model or "openai/*"
    public = wanted.alias or ("*" if wanted.model is None else _public_name(wanted.model))
    params = LitellmParams(
        model=model,
        api_base=wanted.api_base,
        api_key=None if has_key else Secret(""),
        default_params=_default_params(wanted),
    )
    return _with(config, (ModelEntry(model_name=public, litellm_params=params),))


def _default_params(wanted: Wanted) -> dict[str, msgspec.Raw]:
    said = {"temperature": wanted.temperature, "max_tokens": wanted.max_tokens}
    return {
        name: msgspec.Raw(msgspec.json.encode(value)) for name, value in said.items() if value is not None
    }


def _public_name(model: str) -> str:
    return model.removeprefix("openai/").removeprefix("text-completion-openai/")


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
