"""Where an entry leads, and as whom: provider, model, base and key; or why it leads nowhere.

Names and precedence are LiteLLM's: https://docs.litellm.ai/docs/providers/openai
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from proxy.config.models import LitellmParams, ModelEntry
from proxy.config.slips import distance
from proxy.providers.url import normalise_base, origin
from proxy.providers.vendors import vendor_of
from proxy.types import Secret

OPENAI = "openai"
TEXT_COMPLETION = "text-completion-openai"
PROVIDERS = (OPENAI, TEXT_COMPLETION)
SERVERS = ("hosted_vllm", "openai_like", "custom_openai", "lm_studio", "llamafile", "litellm_proxy")
"""LiteLLM's names for servers of one's own that speak OpenAI's API: served as `openai/`, with their own key or none."""
OPENAI_BASE = "https://api.openai.com/v1"
OPENAI_HOST = "api.openai.com"
_BASE_VARIABLES = ("OPENAI_BASE_URL", "OPENAI_API_BASE")
KEY_VARIABLE = "OPENAI_API_KEY"
_MODEL = ("litellm_params", "model")
_API_BASE = ("litellm_params", "api_base")
_API_KEY = ("litellm_params", "api_key")
_ENDPOINTS = ("/chat/completions", "/completions", "/embeddings", "/responses")
"""What people copy out of a curl line."""
_BRIDGE = "responses/"
_NO_BRIDGE = (
    "`responses/` has LiteLLM ask /responses for a chat: it is cut off, and a chat is asked as a chat"
)
"""https://docs.litellm.ai/docs/response_api (the bridge is LiteLLM's; no upstream has a model of that name)"""
SLIP = 2
"""Letters by which a provider's name may be off and still be meant."""


class Reached(msgspec.Struct, frozen=True):
    """Where an entry leads, and as whom."""

    provider: str
    model: str
    api_base: str
    api_key: Secret
    notes: tuple[tuple[tuple[str, ...], str], ...] = ()
    """(key, text)"""


class Unfit(Exception):  # noqa: N818 - a verdict, told as a Remark
    def __init__(self, key: tuple[str | int, ...], text: str, *, wrong: bool = False) -> None:
        super().__init__(text)
        self.key = key
        self.text = text
        self.wrong = wrong


def reach(entry: ModelEntry, environ: Mapping[str, str]) -> Reached:
    """Raises Unfit. A provider that is not served outranks a key that is not there: it need not be set."""
    params, flaw = entry.litellm_params, entry.flaw
    if entry.model_name.count("*") > 1:
        raise Unfit(
            ("model_name",), f"`{entry.model_name}` holds more than one `*`; write one, as in `openai/*`"
        )
    if flaw is not None and flaw.key == _MODEL:
        raise Unfit(flaw.key, flaw.text)
    provider, model = _provider_and_model(params)
    if flaw is not None:
        raise Unfit(flaw.key, flaw.text)
    api_base, notes = base(params.api_base, environ)
    if model.startswith(_BRIDGE) and len(model) > len(_BRIDGE):
        model, notes = model.removeprefix(_BRIDGE), (*notes, (_MODEL, _NO_BRIDGE))
    if provider in SERVERS:
        # OpenAI's key is not for a server of one's own.
        return Reached(OPENAI, model, api_base, params.api_key or Secret(""), notes)
    return Reached(provider, model, api_base, _key(params, api_base, environ), notes)


def _provider_and_model(params: LitellmParams) -> tuple[str, str]:
    """The prefix is cut once: `openai/google/gemma` is the upstream's `google/gemma`. Raises Unfit."""
    named = params.custom_llm_provider
    prefix, slash, rest = params.model.partition("/")
    if named is None and not slash:
        vendor = None if params.api_base or params.mock_response is not None else vendor_of(params.model)
        if vendor is not None:
            raise _not_served(vendor, params.model)
        return OPENAI, params.model
    provider = named or prefix
    if provider in SERVERS and not params.api_base:
        raise Unfit(_API_BASE, f"`{provider}/` is a server of your own: write its `api_base`")
    if provider not in PROVIDERS and provider not in SERVERS:
        raise _not_served(provider, params.model if prefix != provider else rest)
    model = rest if slash and prefix == provider else params.model
    if not model:
        raise Unfit(_MODEL, f"write a model after `{provider}/`", wrong=True)
    return provider, model


def _not_served(provider: str, model: str) -> Unfit:
    meant = next((name for name in PROVIDERS if 0 < distance(provider, name) <= SLIP), None)
    if meant is not None:
        return Unfit(
            _MODEL, f"there is no provider `{provider}`; did you mean `{meant}/{model}`?", wrong=True
        )
    return Unfit(
        _MODEL,
        f"the provider `{provider}` is not served yet; for a server that speaks OpenAI's API write `openai/...`"
        " and its `api_base`",
    )


def base(
    api_base: str | None, environ: Mapping[str, str]
) -> tuple[str, tuple[tuple[tuple[str, ...], str], ...]]:
    """The parameter, else the environment's, else OpenAI's; and what there is to say about it. Raises Unfit."""
    candidates = [("", api_base), *((name, environ.get(name)) for name in _BASE_VARIABLES)]
    name, found = next(((name, text) for name, text in candidates if text), ("", OPENAI_BASE))
    said = f"{name}: " if name else ""
    try:
        base = normalise_base(found)
    except ValueError as problem:
        raise Unfit(_API_BASE, f"{said}not a base URL: {problem}", wrong=True) from None
    end = next((path for path in _ENDPOINTS if base.endswith(path)), None)
    if end is None:
        return base, ()
    text = f"{said}ends in `{end}`, which clients' paths end in themselves: it is cut off"
    return normalise_base(base.removesuffix(end)), ((_API_BASE, text),)


def _key(params: LitellmParams, api_base: str, environ: Mapping[str, str]) -> Secret:
    """An empty key is legal where it is written and the upstream is not OpenAI: no Authorization is sent.

    Raises Unfit.
    """
    api_key = params.api_key
    if api_key is None:
        api_key = Secret(environ.get(KEY_VARIABLE, "").strip())
    written_empty = params.api_key is not None and origin(api_base).host != OPENAI_HOST
    if api_key or written_empty or params.mock_response is not None:
        return api_key
    raise Unfit(
        _API_KEY,
        f"no key: write `api_key: os.environ/NAME`, or set {KEY_VARIABLE}"
        ' (`api_key: ""` sends none, to a server of your own)',
    )
