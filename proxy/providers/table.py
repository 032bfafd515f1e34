"""From the configuration's `model_list` to deployments: provider, base, key and organization of each.

Names and precedence are LiteLLM's: https://docs.litellm.ai/docs/providers/openai
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from proxy.config.models import LitellmParams, ModelEntry, ModelInfo
from proxy.config.schema import Config
from proxy.errors import ConfigError
from proxy.providers.identity import deployment_id, object_scope, unique
from proxy.providers.url import normalise_base, origin
from proxy.providers.weights import weights
from proxy.types import Deployment, Headers, Secret, StreamMode

OPENAI = "openai"
TEXT_COMPLETION = "text-completion-openai"
PROVIDERS = (OPENAI, TEXT_COMPLETION)
OPENAI_BASE = "https://api.openai.com/v1"
OPENAI_HOST = "api.openai.com"
_BASE_VARIABLES = ("OPENAI_BASE_URL", "OPENAI_API_BASE")
_KEY_VARIABLE = "OPENAI_API_KEY"
_ORGANIZATION_VARIABLE = "OPENAI_ORGANIZATION"


def deployments(config: Config, environ: Mapping[str, str]) -> tuple[Deployment, ...]:
    """One deployment per entry and organization, in the file's order.

    Raises ConfigError with a line for every entry that cannot be served.
    """
    found: list[Deployment] = []
    problems: list[str] = []
    for index, (entry, weight) in enumerate(zip(config.model_list, weights(config.model_list), strict=True)):
        try:
            found.extend(_of_entry(entry, weight, config, environ))
        except ConfigError as problem:
            problems.append(f"model_list[{index}] ({entry.model_name}): {problem}")
    if problems:
        raise ConfigError("\n".join(problems))
    return _with_unique_ids(found)


def env_deployment(environ: Mapping[str, str]) -> Deployment | None:
    """The key of the environment, for any model; None when `OPENAI_API_KEY` is not set.

    Raises ConfigError when the environment's base URL is none.
    """
    api_key = Secret(environ.get(_KEY_VARIABLE, "").strip())
    if not api_key:
        return None
    api_base = _base(None, environ)
    organization = environ.get(_ORGANIZATION_VARIABLE) or None
    return Deployment(
        id="env",
        group="*",
        origin=_KEY_VARIABLE,
        provider=OPENAI,
        model="*",
        api_base=api_base,
        api_key=api_key,
        organization=organization,
        object_scope=object_scope(api_base, organization, api_key),
    )


def _of_entry(
    entry: ModelEntry, weight: int, config: Config, environ: Mapping[str, str]
) -> Iterator[Deployment]:
    params = entry.litellm_params
    provider, model = _provider_and_model(params)
    api_base = _base(params.api_base, environ)
    api_key = _key(params, api_base, environ)
    router, defaults = config.router_settings, config.litellm_settings
    limits, info = config.sluice_settings, entry.model_info
    for organization in _organizations(params, environ):
        yield Deployment(
            id=entry.model_info.id or deployment_id(entry.model_name, model, api_base, organization, api_key),
            group=entry.model_name,
            origin=_origin(entry, organization),
            provider=provider,
            model=model,
            api_base=api_base,
            api_key=api_key,
            organization=organization,
            headers=_headers(params),
            weight=weight,
            order=params.order or 0,
            rpm=params.rpm,
            tpm=params.tpm,
            max_parallel_requests=params.max_parallel_requests,
            timeout_s=params.timeout or router.timeout or defaults.request_timeout,
            stream_timeout_s=params.stream_timeout or router.stream_timeout,
            first_token_timeout_s=params.first_token_timeout or limits.first_token_timeout_s,
            stream_mode=StreamMode(params.stream_mode or limits.stream_mode),
            keepalive_s=_said(params.keepalive_seconds, limits.sse_keepalive_s),
            drains=(params.on_disconnect or limits.on_disconnect) == "drain",
            input_cost_per_token=_said(params.input_cost_per_token, info.input_cost_per_token, 0.0),
            output_cost_per_token=_said(params.output_cost_per_token, info.output_cost_per_token, 0.0),
            max_input_tokens=info.max_input_tokens,
            mode=info.mode,
            lacks=_lacks(info),
            cooldown_s=params.cooldown_time,
            ssl_verify=defaults.ssl_verify if params.ssl_verify is None else params.ssl_verify,
            supports_system_message=params.supports_system_message,
            use_in_pass_through=params.use_in_pass_through,
            mock_response=params.mock_response,
            default_params=params.default_params,
            object_scope=entry.model_info.object_scope or object_scope(api_base, organization, api_key),
        )


def _origin(entry: ModelEntry, organization: str | None) -> str:
    """The organization where it alone tells an entry's deployments apart."""
    written = entry.litellm_params
    variable = _KEY_VARIABLE if written.api_key is None else entry.origin.variable
    one_of_several = organization if len(written.organization) > 1 else None
    return " ".join(word for word in (entry.origin.where, variable, one_of_several) if word)


def _provider_and_model(params: LitellmParams) -> tuple[str, str]:
    """The prefix is cut once: `openai/google/gemma` is the upstream's `google/gemma`."""
    named = params.custom_llm_provider
    prefix, slash, rest = params.model.partition("/")
    if named is None and not slash:
        return OPENAI, params.model
    provider = named or prefix
    if provider not in PROVIDERS:
        raise ConfigError(_not_served(provider, params.model if prefix != provider else rest))
    model = rest if slash and prefix == provider else params.model
    if not model:
        raise ConfigError(f"litellm_params.model: write a model after `{provider}/`")
    return provider, model


def _not_served(provider: str, model: str) -> str:
    return (
        f"litellm_params.model: the provider `{provider}` is not served yet; "
        f"for a server that speaks OpenAI's API write `openai/{model}` and its `api_base`"
    )


def _base(api_base: str | None, environ: Mapping[str, str]) -> str:
    """The parameter, else the environment's, else OpenAI's."""
    candidates = [
        ("litellm_params.api_base", api_base),
        *((name, environ.get(name)) for name in _BASE_VARIABLES),
    ]
    name, found = next(((name, text) for name, text in candidates if text), ("", OPENAI_BASE))
    try:
        return normalise_base(found)
    except ValueError as problem:
        raise ConfigError(f"{name}: not a base URL: {problem}") from None


def _key(params: LitellmParams, api_base: str, environ: Mapping[str, str]) -> Secret:
    """An empty key is legal where it is written and the upstream is not OpenAI: no Authorization is sent."""
    api_key = params.api_key
    if api_key is None:
        api_key = Secret(environ.get(_KEY_VARIABLE, "").strip())
    written_empty = params.api_key is not None and origin(api_base).host != OPENAI_HOST
    if api_key or written_empty or params.mock_response is not None:
        return api_key
    raise ConfigError(
        f"no API key: set litellm_params.api_key or the environment variable {_KEY_VARIABLE}"
        ' (`api_key: ""` sends none, to a server of your own)'
    )


def _organizations(params: LitellmParams, environ: Mapping[str, str]) -> tuple[str | None, ...]:
    return params.organization or (environ.get(_ORGANIZATION_VARIABLE) or None,)


def _headers(params: LitellmParams) -> Headers:
    """`headers` and `extra_headers` as one; the latter win, whatever the case of the names."""
    merged: dict[str, tuple[bytes, bytes]] = {}
    for name, value in (*params.headers.items(), *params.extra_headers.items()):
        merged[name.lower()] = (name.encode(), value.reveal().encode())
    return tuple(merged.values())


def _said(*candidates: float | None) -> float:
    """The first that was written; the last always is."""
    return next(number for number in candidates if number is not None)


def _lacks(info: ModelInfo) -> frozenset[str]:
    """The features that `model_info` denies; what it does not speak of may work."""
    said = {
        "tools": info.supports_function_calling,
        "vision": info.supports_vision,
        "audio": info.supports_audio_input,
        "schema": info.supports_response_schema,
        "prefill": info.supports_assistant_prefill,
    }
    return frozenset(feature for feature, supported in said.items() if supported is False)


def _with_unique_ids(found: Sequence[Deployment]) -> tuple[Deployment, ...]:
    ids = unique(deployment.id for deployment in found)
    return tuple(
        deployment if deployment.id == id_ else msgspec.structs.replace(deployment, id=id_)
        for deployment, id_ in zip(found, ids, strict=True)
    )
