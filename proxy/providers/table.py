"""From the configuration's `model_list` to deployments: provider, base, key and organization of each.

Names and precedence are LiteLLM's: https://docs.litellm.ai/docs/providers/openai
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from proxy.config.errors import ConfigError
from proxy.config.models import LitellmParams, ModelEntry, ModelInfo
from proxy.config.schema import Config
from proxy.config.settings import LitellmSettings
from proxy.config.sluice import SluiceSettings
from proxy.providers.compatible.provider import Provider
from proxy.providers.dialect import PLAIN
from proxy.providers.identity import deployment_id, object_scope, unique
from proxy.providers.reach import KEY_VARIABLE, OPENAI, OWN, base, reach
from proxy.providers.reached import Reached, Unfit
from proxy.providers.weights import weights
from proxy.types import (
    Abilities,
    Deployment,
    Headers,
    Parameters,
    Price,
    Secret,
    Share,
    Streaming,
    StreamMode,
    Trying,
)

_ORGANIZATION_VARIABLE = "OPENAI_ORGANIZATION"


class Remark(msgspec.Struct, frozen=True):
    """What there is to say about one entry."""

    index: int
    """Its place in `model_list`."""
    key: tuple[str | int, ...]
    """Below the entry."""
    text: str


class Survey(msgspec.Struct, frozen=True):
    """What becomes of a `model_list`."""

    deployments: tuple[Deployment, ...]
    """One per entry and organization, in the file's order; those that cannot be served say why."""
    wrong: tuple[Remark, ...]
    """Entries whose words make no sense."""
    unservable: tuple[Remark, ...]
    """Entries that make sense, and cannot be served here or now; the others can."""
    notes: tuple[Remark, ...]
    """Entries that are served otherwise than their words say."""


def deployments(config: Config, environ: Mapping[str, str]) -> tuple[Deployment, ...]:
    """As `survey`. Raises ConfigError with a line for every entry that is wrong, or when nothing can be served."""
    found = survey(config, environ)
    problems = found.wrong or (() if _serves(found, config) else found.unservable)
    if problems:
        raise ConfigError("\n".join(_line(problem, config) for problem in problems))
    return found.deployments


def _serves(found: Survey, config: Config) -> bool:
    """A target of its own can be served without any model."""
    good = any(deployment.unservable is None for deployment in found.deployments)
    return good or bool(config.general_settings.pass_through_endpoints)


def _line(remark: Remark, config: Config) -> str:
    entry = config.model_list[remark.index]
    key = ".".join(map(str, remark.key))
    where = f"{entry.origin.where}: " if entry.origin.where else ""
    return f"{where}model_list[{remark.index}].{key} ({entry.model_name}): {remark.text}"


def survey(config: Config, environ: Mapping[str, str]) -> Survey:
    """Raises nothing for what is wrong with the entries."""
    reached: dict[int, Reached] = {}
    refreshes = config.litellm_settings.enable_azure_ad_token_refresh
    wrong: list[Remark] = []
    unservable: dict[int, Remark] = {}
    for index, entry in enumerate(config.model_list):
        try:
            reached[index] = reach(entry, environ, refreshes=refreshes)
        except Unfit as unfit:
            remark = Remark(index, unfit.key, unfit.text)
            if unfit.wrong:
                wrong.append(remark)
            else:
                unservable[index] = remark
    shares = dict(zip(reached, weights([config.model_list[index] for index in reached]), strict=True))
    found: list[Deployment] = []
    for index, entry in enumerate(config.model_list):
        if index in reached:
            found.extend(_of_entry(entry, reached[index], shares[index], config, environ))
        elif index in unservable:
            found.append(_not_served_one(entry, unservable[index].text))
    notes = (Remark(index, *note) for index, reach in reached.items() for note in reach.notes)
    return Survey(_with_unique_ids(found), tuple(wrong), tuple(unservable.values()), tuple(notes))


def env_deployment(environ: Mapping[str, str]) -> Deployment | None:
    """The key of the environment, for any model; None when `OPENAI_API_KEY` is not set.

    Raises ConfigError when the environment's base URL is none.
    """
    api_key = Secret(environ.get(KEY_VARIABLE, "").strip())
    if not api_key:
        return None
    try:
        api_base, _ = base(None, environ)
    except Unfit as unfit:
        raise ConfigError(unfit.text) from None
    organization = environ.get(_ORGANIZATION_VARIABLE) or None
    return Deployment(
        id="env",
        group="*",
        origin=KEY_VARIABLE,
        provider=OPENAI,
        model="*",
        api_base=api_base,
        api_key=api_key,
        organization=organization,
        object_scope=object_scope(api_base, organization, api_key),
    )


def _not_served_one(entry: ModelEntry, why: str) -> Deployment:
    """What the pages show of it. Nothing is sent to it."""
    params = entry.litellm_params
    prefix, slash, rest = params.model.partition("/")
    provider = params.custom_llm_provider or (prefix if slash else OPENAI)
    id_ = entry.model_info.id or deployment_id(entry.model_name, params.model, "", None, Secret(""))
    return Deployment(
        id=id_,
        group=entry.model_name,
        origin=" ".join(word for word in (entry.origin.where, entry.origin.variable) if word),
        unservable=why,
        provider=provider,
        model=rest if slash and prefix == provider else params.model,
        api_base=params.api_base or "",
        api_key=Secret(""),
        share=Share(order=params.order or 0),
        abilities=Abilities(mode=entry.model_info.mode),
        object_scope=f"unserved:{id_}",
    )


def _of_entry(
    entry: ModelEntry, reached: Reached, weight: int, config: Config, environ: Mapping[str, str]
) -> Iterator[Deployment]:
    params = entry.litellm_params
    provider, model = reached.provider, reached.model
    api_base, api_key = reached.api_base, reached.api_key
    defaults = config.litellm_settings
    limits, info = config.sluice_settings, entry.model_info
    marked = api_key or _identity(reached)
    for organization in _organizations(params, provider, environ):
        yield Deployment(
            id=info.id or deployment_id(entry.model_name, model, api_base, organization, marked),
            group=entry.model_name,
            origin=_origin(entry, organization, reached),
            provider=provider.name,
            model=model,
            api_base=api_base,
            api_key=api_key,
            token=reached.token,
            signing=reached.signing,
            api_version=reached.api_version,
            organization=organization,
            headers=_headers(params, reached.headers),
            share=_share(params, weight),
            trying=_trying(params, config),
            streaming=_streaming(params, limits),
            price=_price(params, info),
            abilities=_abilities(params, info),
            ssl_verify=defaults.ssl_verify if params.ssl_verify is None else params.ssl_verify,
            use_in_pass_through=params.use_in_pass_through,
            mock_response=params.mock_response,
            default_params=params.default_params,
            parameters=_parameters(params, provider, defaults),
            whole_api=provider.whole,
            object_scope=info.object_scope or object_scope(api_base, organization, marked),
        )


def _share(params: LitellmParams, weight: int) -> Share:
    return Share(
        weight=weight,
        order=params.order or 0,
        rpm=params.rpm,
        tpm=params.tpm,
        max_parallel_requests=params.max_parallel_requests,
        cooldown_s=params.cooldown_time,
    )


def _trying(params: LitellmParams, config: Config) -> Trying:
    router = config.router_settings
    return Trying(
        timeout_s=params.timeout or router.timeout or config.litellm_settings.request_timeout,
        stream_timeout_s=params.stream_timeout or router.stream_timeout,
        first_token_timeout_s=params.first_token_timeout or config.sluice_settings.first_token_timeout_s,
        num_retries=params.num_retries,
    )


def _streaming(params: LitellmParams, limits: SluiceSettings) -> Streaming:
    return Streaming(
        mode=StreamMode(params.stream_mode or limits.stream_mode),
        keepalive_s=_said(params.keepalive_seconds, limits.sse_keepalive_s),
        drains=(params.on_disconnect or limits.on_disconnect) == "drain",
    )


def _price(params: LitellmParams, info: ModelInfo) -> Price:
    return Price(
        input_per_token=_said(params.input_cost_per_token, info.input_cost_per_token, 0.0),
        output_per_token=_said(params.output_cost_per_token, info.output_cost_per_token, 0.0),
        written=_prices(params, info),
        base_model=params.base_model or info.base_model,
    )


def _abilities(params: LitellmParams, info: ModelInfo) -> Abilities:
    return Abilities(
        mode=info.mode,
        max_input_tokens=info.max_input_tokens,
        lacks=_lacks(info),
        endpoints=_endpoints(info),
        system_messages=params.supports_system_message,
    )


def _origin(entry: ModelEntry, organization: str | None, reached: Reached) -> str:
    """The organization where it alone tells an entry's deployments apart."""
    written = entry.litellm_params
    variable = reached.variable if written.api_key is None else entry.origin.variable
    one_of_several = organization if len(written.organization) > 1 else None
    return " ".join(word for word in (entry.origin.where, variable, one_of_several) if word)


def _organizations(
    params: LitellmParams, provider: Provider, environ: Mapping[str, str]
) -> tuple[str | None, ...]:
    """The environment's is OpenAI's."""
    by_default = environ.get(_ORGANIZATION_VARIABLE) if provider.name in OWN else None
    return params.organization or (by_default or None,)


def _headers(params: LitellmParams, providers: Headers) -> Headers:
    """`headers` and `extra_headers` as one, over the provider's own; the latter win, whatever the case of a name."""
    merged = {name.decode().lower(): (name, value) for name, value in providers}
    for name, value in (*params.headers.items(), *params.extra_headers.items()):
        merged[name.lower()] = (name.encode(), value.reveal().encode())
    return tuple(merged.values())


def _parameters(params: LitellmParams, provider: Provider, defaults: LitellmSettings) -> Parameters:
    found = provider.parameters
    made = msgspec.structs.replace(
        found,
        refuses=found.refuses.difference(params.allowed_openai_params),
        omits=found.omits.difference(params.allowed_openai_params),
        drops=defaults.drop_params if params.drop_params is None else params.drop_params,
        removed=params.additional_drop_params,
        allowed=frozenset(params.allowed_openai_params),
        modifies=defaults.modify_params,
    )
    return PLAIN if made == PLAIN else made


def _identity(reached: Reached) -> Secret:
    """What stands for a key where none is written: whose tokens, or whose signature. Nothing of what ends."""
    token, signing = reached.token, reached.signing
    if signing is not None:
        return Secret(signing.access_key)
    if token is None:
        return Secret("")
    words = {name: value.reveal() if isinstance(value, Secret) else value
             for name, value in msgspec.structs.asdict(token).items()}  # fmt: skip
    return Secret(msgspec.json.encode({"of": type(token).__name__, **words}).decode())


def _said(*candidates: float | None) -> float:
    """The first that was written; the last always is."""
    return next(number for number in candidates if number is not None)


def _prices(params: LitellmParams, info: ModelInfo) -> Mapping[str, object]:
    """All that is written of them; `litellm_params` wins."""
    named = ("input_cost_per_token", "output_cost_per_token")
    return {
        name: dollars
        for part in (info, params)
        for name, dollars in (*((each, getattr(part, each)) for each in named), *part.prices.items())
        if dollars is not None
    }


def _endpoints(info: ModelInfo) -> frozenset[str] | None:
    """Without their `/v1`."""
    said = info.supported_endpoints
    return None if said is None else frozenset(path.removeprefix("/v1") for path in said)


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
