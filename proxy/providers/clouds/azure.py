"""Azure OpenAI and Foundry: `/openai/deployments/{model}` with an api-version, or `/openai/v1`; key or tokens.

https://learn.microsoft.com/azure/ai-foundry/openai/reference (deployments), .../openai/api-version-lifecycle (v1).
Names and precedence are LiteLLM's: https://docs.litellm.ai/docs/providers/azure
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from proxy.config.models import LitellmParams
from proxy.providers.clouds.claude import is_claude
from proxy.providers.compatible.provider import Provider
from proxy.providers.reached import API_BASE, API_KEY, Reached, Unfit
from proxy.providers.tokens.entra import AUTHORITY, SCOPE, ClientSecret, of_environment
from proxy.providers.url import normalise_base, origin, refuse_dot_segments
from proxy.types import Headers, Secret, TokenSource

AZURE = Provider(
    "azure",
    None,
    ("AZURE_OPENAI_API_KEY", "AZURE_API_KEY"),
    ("AZURE_API_BASE", "AZURE_OPENAI_ENDPOINT"),
    whole=True,
)
FOUNDRY = Provider("azure_ai", None, ("AZURE_AI_API_KEY",), ("AZURE_AI_API_BASE",))
KEY_HEADER = b"api-key"
DEFAULT_VERSION = "2025-02-01-preview"
"""LiteLLM's."""
V1 = ("v1", "latest", "preview")
_V1_PATH = "/openai/v1"
_ANTHROPIC_PATH = "/anthropic/v1"
"""Where Foundry has Claude."""
_FOUNDRY_HOST = ".services.ai.azure.com"
_VERSIONS = ("AZURE_API_VERSION", "OPENAI_API_VERSION")
_DEPLOYMENTS = "/openai/deployments/"
_OF_A_DEPLOYMENT = frozenset(
    {
        b"/chat/completions", b"/completions", b"/embeddings", b"/audio/speech", b"/audio/transcriptions",
        b"/audio/translations", b"/images/edits", b"/images/generations",
    }
)  # fmt: skip

Place: TypeAlias = Callable[[bytes, str | None, bytes | None], bytes]
"""(path as OpenAI has it, the upstream's model, query) -> the request target. Raises GatewayError 400."""


def reach(
    params: LitellmParams, provider: Provider, model: str, environ: Mapping[str, str], *, refreshes: bool
) -> Reached:
    """`refreshes`: `enable_azure_ad_token_refresh`, so the place that this runs at gives the tokens. Raises Unfit."""
    found = params.api_base or next(filter(None, map(environ.get, provider.bases)), None)
    if found is None:
        raise Unfit(API_BASE, f"write the resource's address, or set {provider.bases[0]}")
    api_base, named, said = _split(found)
    version = params.api_version or said or next(filter(None, map(environ.get, _VERSIONS)), DEFAULT_VERSION)
    if provider is FOUNDRY:
        version = "v1"
        if is_claude(named or model, params.base_model):
            api_base = api_base.removesuffix("/v1").removesuffix("/anthropic").removesuffix("/openai")
            api_base += _ANTHROPIC_PATH
        at_foundry = origin(api_base).host.endswith(_FOUNDRY_HOST)
        api_base = (
            api_base + _V1_PATH if at_foundry and not origin(api_base).base_path else normalise_base(api_base)
        )
    elif version in V1:
        api_base = api_base.removesuffix("/openai") + _V1_PATH
    elif api_base.endswith(_V1_PATH):
        version = "v1"
    else:
        api_base = api_base.removesuffix("/openai")
    variable, api_key, headers, token = _credential(params, provider, environ, refreshes=refreshes)
    return Reached(
        provider,
        named or model,
        api_base,
        api_key,
        headers,
        variable,
        token=token,
        api_version=None if version in V1 else version,
    )


def place(base_path: bytes, version: str) -> Place:
    """Where requests go that have an api-version; a client's own gives way."""
    said = b"api-version=" + quote(version).encode()

    def target(path: bytes, model: str | None, query: bytes | None) -> bytes:
        refuse_dot_segments(path)
        if path.startswith(b"/v1/"):
            path = path[3:]
        where = b"/openai"
        if model and path in _OF_A_DEPLOYMENT:
            where = _DEPLOYMENTS.encode() + quote(model, safe="").encode()
        kept = [each for each in (query or b"").split(b"&") if each and not each.startswith(b"api-version=")]
        return b"%b%b%b?%b" % (base_path, where, path, b"&".join((*kept, said)))

    return target


def _split(api_base: str) -> tuple[str, str | None, str | None]:
    """(base, deployment, api-version): people paste whole addresses of deployments. Raises Unfit."""
    parts = urlsplit(api_base)
    version = dict(parse_qsl(parts.query)).get("api-version")
    path, cut, rest = parts.path.partition(_DEPLOYMENTS)
    try:
        place = origin(parts._replace(path=path, query="", fragment="").geturl())
    except ValueError as problem:
        raise Unfit(API_BASE, f"not a base URL: {problem}", wrong=True) from None
    base = f"{place.scheme}://{place.host_header.decode()}{place.base_path.decode()}"
    return base, unquote(rest.partition("/")[0]) if cut else None, version


def _credential(
    params: LitellmParams, provider: Provider, environ: Mapping[str, str], *, refreshes: bool
) -> tuple[str | None, Secret, Headers, TokenSource | None]:
    """(the key's variable, key, headers, tokens). The entry's own words, then the environment's. Raises Unfit."""
    none = Secret("")
    if params.api_key is not None:
        return None, params.api_key, (), None
    if params.azure_ad_token:
        return None, none, _bearer(params.azure_ad_token.reveal()), None
    scope = params.azure_scope or SCOPE
    if params.tenant_id or params.client_secret:
        return None, none, (), _client(params, scope, environ)
    if params.client_id or (refreshes and environ.get("AZURE_FEDERATED_TOKEN_FILE")):
        return None, none, (), of_environment(environ, scope, params.client_id)
    variable = next((name for name in provider.keys if environ.get(name, "").strip()), None)
    if variable is not None:
        return variable, Secret(environ[variable].strip()), (), None
    if environ.get("AZURE_AD_TOKEN"):
        return "AZURE_AD_TOKEN", none, _bearer(environ["AZURE_AD_TOKEN"].strip()), None
    if all(environ.get(name) for name in ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET")):
        return "AZURE_CLIENT_SECRET", none, (), _client(params, scope, environ)
    if refreshes:
        return None, none, (), of_environment(environ, scope, None)
    if params.mock_response is not None:
        return None, none, (), None
    raise Unfit(
        API_KEY,
        f"no key: write `api_key: os.environ/NAME`, set {' or '.join(provider.keys)}, or write `tenant_id`, `client_id`"
        " and `client_secret`; `enable_azure_ad_token_refresh: true` takes the identity of the machine or workload",
    )


def _client(params: LitellmParams, scope: str, environ: Mapping[str, str]) -> TokenSource:
    tenant = params.tenant_id or environ.get("AZURE_TENANT_ID")
    client = params.client_id or environ.get("AZURE_CLIENT_ID")
    secret = params.client_secret or Secret(environ.get("AZURE_CLIENT_SECRET", "").strip())
    if not (tenant and client and secret):
        raise Unfit(
            API_KEY, "a client of Entra's needs `tenant_id`, `client_id` and `client_secret`, all three"
        )
    authority = environ.get("AZURE_AUTHORITY_HOST") or AUTHORITY
    return ClientSecret(tenant=tenant, client=client, secret=secret, scope=scope, authority=authority)


def _bearer(token: str) -> Headers:
    return ((b"Authorization", b"Bearer " + token.encode()),)
