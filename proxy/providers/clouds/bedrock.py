"""Amazon Bedrock by its OpenAI-compatible endpoints, and Claude by InvokeModel in Anthropic's own language; with a
Bedrock key or with signed requests.

https://docs.aws.amazon.com/bedrock/latest/userguide/inference-chat-completions.html,
https://docs.aws.amazon.com/bedrock/latest/userguide/models-api-compatibility.html (which models have it),
https://docs.aws.amazon.com/bedrock/latest/userguide/api-keys.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from proxy.config.models import LitellmParams
from proxy.providers.clouds.claude import is_claude
from proxy.providers.compatible.provider import Provider
from proxy.providers.reached import API_BASE, API_KEY, MODEL, Note, Reached, Unfit
from proxy.providers.url import normalise_base, origin
from proxy.types import Secret, SigningKey

RUNTIME = Provider(
    "bedrock", "https://bedrock-runtime.{region}.amazonaws.com/openai/v1", ("AWS_BEARER_TOKEN_BEDROCK",),
    ("AWS_BEDROCK_BASE_URL", "AWS_BEDROCK_RUNTIME_ENDPOINT"),
)  # fmt: skip
MANTLE = Provider(
    "bedrock_mantle", "https://bedrock-mantle.{region}.api.aws/v1",
    ("BEDROCK_MANTLE_API_KEY", "AWS_BEARER_TOKEN_BEDROCK"), ("BEDROCK_MANTLE_API_BASE",),
)  # fmt: skip
_SERVICES = {RUNTIME.name: "bedrock", MANTLE.name: "bedrock-mantle"}
_REGIONS = ("AWS_REGION_NAME", "AWS_REGION", "AWS_DEFAULT_REGION")
DEFAULT_REGION = "us-east-1"
_REGION = re.compile(r"[a-z]{2}(-[a-z]+){1,2}-\d")
_ROUTES = ("converse/", "invoke/", "converse_like/", "openai/")
_NO_ROUTE = "`{route}` names another API of Bedrock's: it is cut off, and {instead} is asked"
_INVOKE = "invoke/"
_INVOKED = "InvokeModel in Anthropic's language"
_COMPATIBLE_ASKED = "the OpenAI-compatible one"
_CONVERSE_ALONE = re.compile(r"(?:[a-z]+\.)?(amazon|ai21)\.")
"""Makers none of whose models has Chat Completions in AWS's table, with or without the region's prefix."""
_UNSERVED = (
    "none of {maker}'s models has Chat Completions in AWS's table, and Converse is not spoken here:"
    " expect Bedrock to refuse it"
)
_ARN = "arn:"
_ANTHROPIC_PATH = "/anthropic/v1"
"""Of Mantle."""
_COMPATIBLE = "/openai/v1"


def reach(params: LitellmParams, provider: Provider, model: str, environ: Mapping[str, str]) -> Reached:
    """Raises Unfit."""
    route = next((each for each in _ROUTES if model.startswith(each)), "")
    model = model.removeprefix(route)
    first, slash, rest = model.partition("/")
    written = first if slash and _REGION.fullmatch(first) else None
    model = rest if written else model
    claude = is_claude(model, params.base_model)
    region = (
        written
        or _region_in(model)
        or params.aws_region_name
        or next(filter(None, map(environ.get, _REGIONS)), DEFAULT_REGION)
    )
    fitting = ("", _INVOKE) if claude else ("", "openai/")
    instead = _INVOKED if claude else _COMPATIBLE_ASKED
    notes: list[Note] = [] if route in fitting else [(MODEL, _NO_ROUTE.format(route=route, instead=instead))]
    unserved = _CONVERSE_ALONE.match(params.base_model or model)
    if unserved:
        notes.append((MODEL, _UNSERVED.format(maker=unserved[1])))
    api_base = _base(params, provider, region, environ, claude=claude)
    variable, api_key, signing = _credential(params, provider, region, environ)
    return Reached(provider, model, api_base, api_key, (), variable, tuple(notes), signing=signing)


def _region_in(model: str) -> str | None:
    """`arn:aws:bedrock:eu-west-1:123456789012:inference-profile/...`"""
    parts = model.split(":")
    return parts[3] if model.startswith(_ARN) and len(parts) > 4 and parts[3] else None


def _base(
    params: LitellmParams, provider: Provider, region: str, environ: Mapping[str, str], *, claude: bool
) -> str:
    """Raises Unfit."""
    found = params.api_base or next(filter(None, map(environ.get, provider.bases)), None)
    if found is None:
        assert provider.base is not None
        found = provider.base.format(region=region)
    if claude:
        return _base_of_claude(found, provider)
    try:
        bare = not origin(found).base_path
        return found.rstrip("/") + _COMPATIBLE if bare and provider is RUNTIME else normalise_base(found)
    except ValueError as problem:
        raise Unfit(API_BASE, f"not a base URL: {problem}", wrong=True) from None


def _base_of_claude(found: str, provider: Provider) -> str:
    """Raises Unfit."""
    try:
        place = origin(found)
    except ValueError as problem:
        raise Unfit(API_BASE, f"not a base URL: {problem}", wrong=True) from None
    path = place.base_path.decode()
    for known in (_ANTHROPIC_PATH, _COMPATIBLE, "/v1"):
        path = path.removesuffix(known)
    host = f"{place.scheme}://{place.host_header.decode()}{path}"
    return host + _ANTHROPIC_PATH if provider is MANTLE else host


def _credential(
    params: LitellmParams, provider: Provider, region: str, environ: Mapping[str, str]
) -> tuple[str | None, Secret, SigningKey | None]:
    """(the key's variable, a Bedrock key, what to sign with). The entry's own words come first. Raises Unfit."""
    none = Secret("")
    if params.api_key is not None:
        return None, params.api_key, None
    service = _SERVICES[provider.name]
    if params.aws_access_key_id and params.aws_secret_access_key:
        return None, none, SigningKey(
            access_key=params.aws_access_key_id.reveal(),
            secret=params.aws_secret_access_key,
            session=params.aws_session_token,
            region=region,
            service=service,
        )  # fmt: skip
    variable = next((name for name in provider.keys if environ.get(name, "").strip()), None)
    if variable is not None:
        return variable, Secret(environ[variable].strip()), None
    access, secret = environ.get("AWS_ACCESS_KEY_ID"), environ.get("AWS_SECRET_ACCESS_KEY")
    if access and secret:
        session = environ.get("AWS_SESSION_TOKEN")
        key = SigningKey(
            access_key=access,
            secret=Secret(secret),
            session=Secret(session) if session else None,
            region=region,
            service=service,
        )
        return "AWS_ACCESS_KEY_ID", none, key
    if params.mock_response is not None:
        return None, none, None
    raise Unfit(
        API_KEY,
        f"no key: write `api_key: os.environ/NAME`, set {provider.keys[-1]}, or write `aws_access_key_id` and"
        " `aws_secret_access_key` (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY)",
    )
