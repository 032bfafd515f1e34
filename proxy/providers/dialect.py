"""In which language a deployment is spoken to, made once with it. OpenAI's own is the identity: nothing is translated.

A language is added by a row of `_TRANSLATIONS`: for each of the gateway's endpoints that it says differently, a pure
function that makes a Translation of a request (`translation/translations.py`). What is in no row goes on byte for byte.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from proxy.providers.clouds import azure
from proxy.providers.clouds.azure import Place
from proxy.providers.clouds.claude import BEDROCK, EnvelopedPlace, envelope_of, speaks_plainly
from proxy.providers.compatible.endpoints import has
from proxy.providers.translation.translations import (
    ANTHROPIC,
    COUNT,
    MESSAGES,
    OF_ANTHROPIC,
    OF_CHAT_ALONE,
    OF_CLAUDE,
    OF_COMPLETIONS,
    REFUSED_OF_CHAT,
    Translate,
)
from proxy.providers.url import origin
from proxy.types import Deployment, Headers, Parameters

MODELS = b"/models"

_TRANSLATIONS: Mapping[str, Mapping[bytes, Translate]] = {
    "text-completion-openai": OF_COMPLETIONS,
    ANTHROPIC: OF_ANTHROPIC,
}
"""By provider, and by the endpoint's path as OpenAI has it, without `/v1`: a pure function of a JSON body with the
upstream's name of its model. It raises CannotSay for what the other language has no words for, msgspec.DecodeError for
what is no JSON object."""
_SERVED_BY = {COUNT: MESSAGES}
"""Whoever has the one endpoint has the other."""
PLAIN = Parameters()
ANTHROPIC_VERSION = (b"anthropic-version", b"2023-06-01")
"""For requests that do not say for which edition of its API they are written; sampling parameters are in this one."""
BEDROCK_MODELS = b"/openai/v1/models"
"""The list that Bedrock has at the same host."""
AZURE_AI = "azure_ai"
_OAUTH = "sk-ant-oat"
"""How tokens begin that are no API keys."""

_BEARER = (b"Authorization", b"Bearer ")
_KEY_HEADERS = {"azure": (azure.KEY_HEADER, b""), "azure_ai": (azure.KEY_HEADER, b"")}
"""By provider: the header that its key stands in, and what in front."""


class Dialect(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    """How one deployment is spoken to."""

    translations: Mapping[bytes, Translate] = {}
    """By endpoint; of the others requests and answers pass as they come."""
    adapts: bool = False
    """Whether requests in its own language may need more than another name for their model."""
    models: bytes = MODELS
    """Where its list of models is, after the base's path: a free call with the key."""
    place: Place | None = None
    """Where requests go; None: their paths follow the base's."""


def dialect_of(deployment: Deployment) -> Dialect:
    place = models = None
    if deployment.api_version is not None:
        place = azure.place(origin(deployment.api_base).base_path, deployment.api_version)
        models = azure.place(b"", deployment.api_version)(MODELS, None, None)
    if envelope_of(deployment) is not None:
        place = EnvelopedPlace(origin(deployment.api_base).base_path)
        models = BEDROCK_MODELS if deployment.provider == BEDROCK else None
    return Dialect(
        place=place,
        models=models or MODELS,
        translations=_translations(deployment),
        adapts=bool(deployment.default_params)
        or not deployment.abilities.system_messages
        or changes(deployment.parameters)
        or deployment.signing is not None,
    )


def changes(parameters: Parameters) -> bool:
    """Whether requests in the deployment's own language may need to be changed for them."""
    found = parameters
    return bool(found.renames or found.refuses or found.omits or found.removed or found.modifies)


def refused_by(deployment: Deployment) -> frozenset[str]:
    """Chat's parameters that it has no word for."""
    found, language = deployment.parameters, deployment.provider
    if envelope_of(deployment) is not None or speaks_plainly(deployment):
        language = ANTHROPIC
    return (found.refuses | REFUSED_OF_CHAT.get(language, frozenset())) - found.allowed


def _translations(deployment: Deployment) -> Mapping[bytes, Translate]:
    if envelope_of(deployment) is not None:
        return OF_CLAUDE[deployment.provider]
    if speaks_plainly(deployment):
        return OF_ANTHROPIC
    found = _TRANSLATIONS.get(deployment.provider)
    if found is not None:
        return found
    return {
        path: said
        for path, said in OF_CHAT_ALONE.items()
        if not has(deployment, _SERVED_BY.get(path, path).decode())
    }


def own_headers(deployment: Deployment) -> Headers:
    """What every request to it bears: its key, its organization, and what is configured, which wins. Without what ends
    (`Deployment.token`) or is made for each request (`signing`)."""
    own: list[tuple[bytes, bytes]] = []
    key = deployment.api_key.reveal()
    configured = {name.lower() for name, _ in deployment.headers}
    name, before = _KEY_HEADERS.get(deployment.provider, _BEARER)
    if deployment.provider == ANTHROPIC:
        own += _anthropics(key, configured)
    elif speaks_plainly(deployment):
        own += _plainly(deployment, key, configured)
    elif key and name.lower() not in configured:
        own.append((name, before + key.encode()))
    if deployment.organization and b"openai-organization" not in configured:
        own.append((b"OpenAI-Organization", deployment.organization.encode()))
    return (*own, *deployment.headers)


def _plainly(deployment: Deployment, key: str, configured: set[bytes]) -> list[tuple[bytes, bytes]]:
    """Foundry's key stands in Anthropic's header, Bedrock's is a bearer's."""
    if deployment.provider == AZURE_AI:
        return _anthropics(key, configured)
    own = [ANTHROPIC_VERSION] if ANTHROPIC_VERSION[0] not in configured else []
    return [(b"Authorization", b"Bearer " + key.encode()), *own] if key else own


def _anthropics(key: str, configured: set[bytes]) -> list[tuple[bytes, bytes]]:
    """https://platform.claude.com/docs/en/api/overview#authentication"""
    own: list[tuple[bytes, bytes]] = []
    if key and configured.isdisjoint((b"x-api-key", b"authorization")):
        token = key.startswith(_OAUTH)
        own.append((b"Authorization", b"Bearer " + key.encode()) if token else (b"x-api-key", key.encode()))
    if ANTHROPIC_VERSION[0] not in configured:
        own.append(ANTHROPIC_VERSION)
    return own
