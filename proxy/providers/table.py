"""From the configuration's `model_list` to deployments: provider, base, key and organization of each.

Names and precedence are LiteLLM's: https://docs.litellm.ai/docs/providers/openai
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from proxy.config.models import LitellmParams, ModelEntry, ModelInfo
from proxy.config.schema import Config
from proxy.config.slips import distance
from proxy.errors import ConfigError
from proxy.providers.identity import deployment_id, object_scope, unique
from proxy.providers.url import normalise_base, origin
from proxy.providers.vendors import vendor_of
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
_MODEL = ("litellm_params", "model")
_API_BASE = ("litellm_params", "api_base")
_API_KEY = ("litellm_params", "api_key")
_ENDPOINTS = ("/chat/completions", "/completions", "/embeddings", "/responses")
"""What people copy out of a curl line."""
SLIP = 2
"""Letters by which a provider's name may be off and still be meant."""


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
    reached: dict[int, _Reached] = {}
    wrong: list[Remark] = []
    unservable: dict[int, Remark] = {}
    for index, entry in enumerate(config.model_list):
        try:
            reached[index] = _reach(entry, environ)
        except _Unfit as unfit:
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
    api_key = Secret(environ.get(_KEY_VARIABLE, "").strip())
    if not api_key:
        return None
    try:
        api_base, _ = _base(None, environ)
    except _Unfit as unfit:
        raise ConfigError(unfit.text) from None
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


class _Reached(msgspec.Struct, frozen=True):
    """Where an entry leads, and as whom."""

    provider: str
    model: str
    api_base: str
    api_key: Secret
    notes: tuple[tuple[tuple[str, ...], str], ...] = ()
    """(key, text)"""


class _Unfit(Exception):  # noqa: N818 - a verdict, told as a Remark
    def __init__(self, key: tuple[str | int, ...], text: str, *, wrong: bool = False) -> None:
        super().__init__(text)
        self.key = key
        self.text = text
        self.wrong = wrong


def _reach(entry: ModelEntry, environ: Mapping[str, str]) -> _Reached:
    """Raises _Unfit. A provider that is not served outranks a key that is not there: it need not be set."""
    params, flaw = entry.litellm_params, entry.flaw
    if entry.model_name.count("*") > 1:
        raise _Unfit(
            ("model_name",), f"`{entry.model_name}` holds more than one `*`; write one, as in `openai/*`"
        )
    if flaw is not None and flaw.key == _MODEL:
        raise _Unfit(flaw.key, flaw.text)
    provider, model = _provider_and_model(params)
    if flaw is not None:
        raise _Unfit(flaw.key, flaw.text)
    api_base, notes = _base(params.api_base, environ)
    return _Reached(provider, model, api_base, _key(params, api_base, environ), notes)


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
        order=params.order or 0,
        mode=entry.model_info.mode,
        object_scope=f"unserved:{id_}",
    )


def _of_entry(
    entry: ModelEntry, reached: _Reached, weight: int, config: Config, environ: Mapping[str, str]
) -> Iterator[Deployment]:
    params = entry.litellm_params
    provider, model = reached.provider, reached.model
    api_base, api_key = reached.api_base, reached.api_key
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
            num_retries=params.num_retries,
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
    """The prefix is cut once: `openai/google/gemma` is the upstream's `google/gemma`. Raises _Unfit."""
    named = params.custom_llm_provider
    prefix, slash, rest = params.model.partition("/")
    if named is None and not slash:
        vendor = None if params.api_base or params.mock_response is not None else vendor_of(params.model)
        if vendor is not None:
            raise _not_served(vendor, params.model)
        return OPENAI, params.model
    provider = named or prefix
    if provider not in PROVIDERS:
        raise _not_served(provider, params.model if prefix != provider else rest)
    model = rest if slash and prefix == provider else params.model
    if not model:
        raise _Unfit(_MODEL, f"write a model after `{provider}/`", wrong=True)
    return provider, model


def _not_served(provider: str, model: str) -> _Unfit:
    meant = next((name for name in PROVIDERS if 0 < distance(provider, name) <= SLIP), None)
    if meant is not None:
        return _Unfit(
            _MODEL, f"there is no provider `{provider}`; did you mean `{meant}/{model}`?", wrong=True
        )
    return _Unfit(
        _MODEL,
        f"the provider `{provider}` is not served yet; for a server that speaks OpenAI's API write `openai/...`"
        " and its `api_base`",
    )


def _base(
    api_base: str | None, environ: Mapping[str, str]
) -> tuple[str, tuple[tuple[tuple[str, ...], str], ...]]:
    """The parameter, else the environment's, else OpenAI's; and what there is to say about it. Raises _Unfit."""
    candidates = [("", api_base), *((name, environ.get(name)) for name in _BASE_VARIABLES)]
    name, found = next(((name, text) for name, text in candidates if text), ("", OPENAI_BASE))
    said = f"{name}: " if name else ""
    try:
        base = normalise_base(found)
    except ValueError as problem:
        raise _Unfit(_API_BASE, f"{said}not a base URL: {problem}", wrong=True) from None
    end = next((path for path in _ENDPOINTS if base.endswith(path)), None)
    if end is None:
        return base, ()
    text = f"{said}ends in `{end}`, which clients' paths end in themselves: it is cut off"
    return normalise_base(base.removesuffix(end)), ((_API_BASE, text),)


def _key(params: LitellmParams, api_base: str, environ: Mapping[str, str]) -> Secret:
    """An empty key is legal where it is written and the upstream is not OpenAI: no Authorization is sent.

    Raises _Unfit.
    """
    api_key = params.api_key
    if api_key is None:
        api_key = Secret(environ.get(_KEY_VARIABLE, "").strip())
    written_empty = params.api_key is not None and origin(api_base).host != OPENAI_HOST
    if api_key or written_empty or params.mock_response is not None:
        return api_key
    raise _Unfit(
        _API_KEY,
        f"no key: write `api_key: os.environ/NAME`, or set {_KEY_VARIABLE}"
        ' (`api_key: ""` sends none, to a server of your own)',
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
