"""Where an entry leads, and as whom: provider, model, base and key; or why it leads nowhere.

Names and precedence are LiteLLM's: https://docs.litellm.ai/docs/providers/openai
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from proxy.config.models import LitellmParams, ModelEntry
from proxy.providers.clouds import azure, bedrock, vertex
from proxy.providers.compatible.found import (
    BY_NAME,
    base_variables,
    is_open,
    named,
    nearest,
    of_base,
    vendor_of,
)
from proxy.providers.compatible.provider import Provider
from proxy.providers.reached import API_BASE, API_KEY, MODEL, Note, Reached, Unfit
from proxy.providers.translation.translations import ANTHROPIC
from proxy.providers.url import normalise_base, origin
from proxy.types import Headers, Secret

OPENAI = "openai"
TEXT_COMPLETION = "text-completion-openai"
OPENAI_BASE = "https://api.openai.com/v1"
OPENAI_HOST = "api.openai.com"
KEY_VARIABLE = "OPENAI_API_KEY"
PLAIN = Provider(OPENAI, OPENAI_BASE, (KEY_VARIABLE,), ("OPENAI_BASE_URL", "OPENAI_API_BASE"), whole=True)
OWN: Mapping[str, Provider] = {
    OPENAI: PLAIN,
    TEXT_COMPLETION: msgspec.structs.replace(PLAIN, name=TEXT_COMPLETION),
    ANTHROPIC: Provider(
        ANTHROPIC,
        "https://api.anthropic.com/v1",
        ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"),
        ("ANTHROPIC_API_BASE", "ANTHROPIC_BASE_URL"),
        version="/v1",
    ),
}
"""Those that are in no table of compatible providers."""
_BEARING = "ANTHROPIC_AUTH_TOKEN"
"""Its value is a token, not an API key."""
_AZURE = {each.name: each for each in (azure.AZURE, azure.FOUNDRY)}
_BEDROCK = {each.name: each for each in (bedrock.RUNTIME, bedrock.MANTLE)}
_VERTEX = dict.fromkeys(("vertex_ai", "vertex_ai_beta"), vertex.VERTEX)
_BY_CLOUD = {**_AZURE, **_BEDROCK, **_VERTEX}
CLOUDS = frozenset(_BY_CLOUD)
UNSERVED = frozenset({
    "a2a_agent", "aleph_alpha", "anthropic_text", "aws_polly", "azure_text", "black_forest_labs",
    "bytez", "chatgpt", "cloudflare", "databricks", "deepgram", "elevenlabs", "fal_ai", "github_copilot",
    "infinity", "jina_ai", "langflow", "langgraph", "manus", "maritalk", "nlp_cloud", "nvidia_riva", "oci",
    "oobabooga", "palm", "petals", "predibase", "ragflow", "recraft", "replicate", "runwayml", "sagemaker",
    "sagemaker_chat", "sap", "snowflake", "soniox", "stability", "text-completion-codestral", "topaz", "triton",
    "voyage", "watsonx", "watsonx_text",
})  # fmt: skip
"""LiteLLM's names of providers whose API is another one."""
_SERVER = BY_NAME["openai_like"]
"""OpenAI's key is not for it."""
_ENDPOINTS = ("/chat/completions", "/completions", "/embeddings", "/responses", "/messages")
"""What people copy out of a curl line."""
_BRIDGE = "responses/"
_NO_BRIDGE = (
    "`responses/` has LiteLLM ask /responses for a chat: it is cut off, and a chat is asked as a chat"
)
"""https://docs.litellm.ai/docs/response_api (the bridge is LiteLLM's; no upstream has a model of that name)"""


def provider_named(name: str) -> str | None:
    """The name of a provider that is served, by which its deployments are called; None: there is none."""
    found = _BY_CLOUD.get(name) or named(name) or OWN.get(name)
    return None if found is None or found.name in (OPENAI, TEXT_COMPLETION) else found.name


def reach(entry: ModelEntry, environ: Mapping[str, str], *, refreshes: bool = False) -> Reached:
    """Raises Unfit. A provider that is not served outranks a key that is not there: it need not be set.

    `refreshes`: Azure's tokens are those of the place that this runs at, where no others are written.
    """
    params, flaw = entry.litellm_params, entry.flaw
    if entry.model_name.count("*") > 1:
        raise Unfit(
            ("model_name",), f"`{entry.model_name}` holds more than one `*`; write one, as in `openai/*`"
        )
    if flaw is not None and flaw.key == MODEL:
        raise Unfit(flaw.key, flaw.text)
    cloud = _cloud(params, environ, refreshes=refreshes) if flaw is None else None
    if cloud is not None:
        return cloud
    provider, model, notes = _provider_and_model(params)
    if flaw is not None:
        raise Unfit(flaw.key, flaw.text)
    api_base, said = base(params.api_base, environ, provider)
    if model.startswith(_BRIDGE) and len(model) > len(_BRIDGE):
        model, said = model.removeprefix(_BRIDGE), (*said, (MODEL, _NO_BRIDGE))
    variable, api_key = _key(params, provider, api_base, environ)
    headers = _headers(provider, api_key, environ)
    if variable == _BEARING:
        headers = (*headers, (b"Authorization", b"Bearer " + api_key.reveal().encode()))
    return Reached(provider, model, api_base, api_key, headers, variable, (*notes, *said))


def _cloud(params: LitellmParams, environ: Mapping[str, str], *, refreshes: bool) -> Reached | None:
    """None: it is none's. Raises Unfit."""
    prefix, slash, rest = params.model.partition("/")
    name = params.custom_llm_provider or (prefix if slash else "")
    if name not in CLOUDS:
        return None
    model = rest if slash and prefix == name else params.model
    if not model:
        raise Unfit(MODEL, f"write a model after `{name}/`", wrong=True)
    if name in _AZURE:
        return azure.reach(params, _AZURE[name], model, environ, refreshes=refreshes)
    if name in _BEDROCK:
        return bedrock.reach(params, _BEDROCK[name], model, environ)
    return vertex.reach(params, _VERTEX[name], model, environ)


def _provider_and_model(params: LitellmParams) -> tuple[Provider, str, tuple[Note, ...]]:
    """The prefix is cut once: `openai/google/gemma` is the upstream's `google/gemma`. Raises Unfit."""
    prefix, slash, rest = params.model.partition("/")
    name = params.custom_llm_provider or (prefix if slash else None)
    if name is None:
        return _of_bare_name(params), params.model, ()
    provider = OWN.get(name) or _BY_CLOUD.get(name) or named(name)
    if provider is None:
        return _unknown(params, name, rest if slash and prefix == name else params.model)
    if provider.base is None and not params.api_base and not provider.keys:
        raise Unfit(API_BASE, f"`{name}/` is a server of your own: write its `api_base`")
    model = rest if slash and prefix == name else params.model
    if not model:
        raise Unfit(MODEL, f"write a model after `{name}/`", wrong=True)
    return provider, model, ()


def _of_bare_name(params: LitellmParams) -> Provider:
    """Raises Unfit. What is nobody's by its name is OpenAI's."""
    if params.api_base:
        return of_base(params.api_base) or PLAIN
    if params.mock_response is not None:
        return PLAIN
    vendor = vendor_of(params.model)
    if vendor is None and is_open(params.model):
        raise Unfit(
            MODEL,
            f"`{params.model}` is served by many: write who shall in front, as in `ollama/{params.model}`,"
            f" or for a server of your own `openai/{params.model}` and its `api_base`",
        )
    found = PLAIN if vendor is None else OWN.get(vendor) or named(vendor)
    if found is None:
        raise _not_served(vendor or "")
    return found


def _unknown(params: LitellmParams, name: str, model: str) -> tuple[Provider, str, tuple[Note, ...]]:
    """With a base it is some server's: the prefix is part of its model's name. Raises Unfit."""
    if name in UNSERVED:
        raise _not_served(name)
    if params.api_base and params.custom_llm_provider is None:
        found = of_base(params.api_base) or _SERVER
        note = f"there is no provider `{name}`: taken as `{found.name}/{params.model}`, at its `api_base`"
        return found, params.model, ((MODEL, note),)
    if params.api_base:
        note = f"there is no provider `{name}`: taken as `{_SERVER.name}`, at its `api_base`"
        return _SERVER, model, ((("litellm_params", "custom_llm_provider"), note),)
    near = nearest(name, (*OWN, *sorted(CLOUDS), *sorted(UNSERVED)))
    if near:
        meant = " or ".join(f"`{each}/{model}`" for each in near)
        raise Unfit(MODEL, f"there is no provider `{name}`; did you mean {meant}?", wrong=near[0] in OWN)
    raise _not_served(name)


def _not_served(name: str) -> Unfit:
    return Unfit(
        MODEL,
        f"the provider `{name}` is not served yet; for a server that speaks OpenAI's API write `openai/...`"
        " and its `api_base`",
    )


def base(
    api_base: str | None, environ: Mapping[str, str], provider: Provider = PLAIN
) -> tuple[str, tuple[Note, ...]]:
    """The parameter, else the environment's, else the provider's; and what there is to say about it. Raises Unfit."""
    variables = base_variables(provider)
    candidates = [("", api_base), *((name, environ.get(name)) for name in variables)]
    name, found = next(((name, text) for name, text in candidates if text), ("", provider.base))
    if found is None:
        also = f", or set {variables[0]}" if variables else ""
        raise Unfit(API_BASE, f"`{provider.name}/` is a server of your own: write its `api_base`{also}")
    said = f"{name}: " if name else ""
    try:
        base = _placed(found, provider)
    except ValueError as problem:
        raise Unfit(API_BASE, f"{said}not a base URL: {problem}", wrong=True) from None
    end = next((path for path in _ENDPOINTS if base.endswith(path)), None)
    if end is None:
        return base, ()
    text = f"{said}ends in `{end}`, which clients' paths end in themselves: it is cut off"
    return normalise_base(base.removesuffix(end)), ((API_BASE, text),)


def _placed(api_base: str, provider: Provider) -> str:
    """With the path that the provider's OpenAI-compatible API has. Raises ValueError."""
    place = origin(api_base)
    path = place.base_path.decode()
    if path in provider.moves:
        return f"{place.scheme}://{place.host_header.decode()}{provider.moves[path]}"
    if provider.version and not path.endswith((provider.version, *_ENDPOINTS)):
        return normalise_base(api_base.rstrip("/") + provider.version)
    return api_base.rstrip("/") if provider.bare and not path else normalise_base(api_base)


def _key(
    params: LitellmParams, provider: Provider, api_base: str, environ: Mapping[str, str]
) -> tuple[str | None, Secret]:
    """With the variable that it is from. An empty key is legal where it is written and the upstream is not OpenAI: no
    Authorization is sent. Raises Unfit."""
    if params.api_key is not None:
        if params.api_key or origin(api_base).host != OPENAI_HOST or params.mock_response is not None:
            return None, params.api_key
    else:
        for name in provider.keys:
            found = environ.get(name, "").strip()
            if found:
                return name, Secret(found)
        if provider.keyless or params.mock_response is not None:
            return None, Secret("")
    variables = " or ".join(provider.keys)
    raise Unfit(
        API_KEY,
        f"no key: write `api_key: os.environ/NAME`, or set {variables}"
        ' (`api_key: ""` sends none, to a server of your own)',
    )


def _headers(provider: Provider, key: Secret, environ: Mapping[str, str]) -> Headers:
    found: list[tuple[bytes, bytes]] = []
    for name, value in provider.headers:
        text = environ.get(value[1:], "") if value.startswith("$") else value.replace("{key}", key.reveal())
        if text and text.isascii() and text.isprintable():
            found.append((name.encode(), text.encode()))
    return tuple(found)
