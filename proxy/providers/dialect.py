"""In which language a deployment is spoken to, made once with it. OpenAI's own is the identity: nothing is translated.

A language is added by a row of `_TRANSLATIONS`: for each of the gateway's endpoints that it says differently, a pure
function that makes a Translation of a request. What is in no row goes on byte for byte.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import msgspec

from proxy.providers import text_completion
from proxy.types import Deployment, Headers, Parameters, Translation

Translate: TypeAlias = Callable[[bytes, Deployment], Translation]
"""Of a JSON body in the language of the endpoint that it came to, with the upstream's name of its model.

Raises CannotSay for what the other language has no words for, msgspec.DecodeError for what is no JSON object.
"""

MODELS = b"/models"

_TRANSLATIONS: Mapping[str, Mapping[bytes, Translate]] = {
    "text-completion-openai": {b"/chat/completions": text_completion.translate},
}
"""By provider, and by the endpoint's path as OpenAI has it, without `/v1`."""
_OPENAI: Mapping[bytes, Translate] = {}
PLAIN = Parameters()


class Dialect(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    """How one deployment is spoken to."""

    translations: Mapping[bytes, Translate] = {}
    """By endpoint; of the others requests and answers pass as they come."""
    adapts: bool = False
    """Whether requests in its own language may need more than another name for their model."""
    models: bytes = MODELS
    """Where its list of models is, after the base's path: a free call with the key."""


def dialect_of(deployment: Deployment) -> Dialect:
    return Dialect(
        translations=_TRANSLATIONS.get(deployment.provider, _OPENAI),
        adapts=bool(deployment.default_params)
        or not deployment.supports_system_message
        or deployment.parameters != PLAIN,
    )


def own_headers(deployment: Deployment) -> Headers:
    """What every request to it bears: its key, its organization, and what is configured, which wins."""
    own: list[tuple[bytes, bytes]] = []
    key = deployment.api_key.reveal()
    configured = {name.lower() for name, _ in deployment.headers}
    if key and b"authorization" not in configured:
        own.append((b"Authorization", b"Bearer " + key.encode()))
    if deployment.organization and b"openai-organization" not in configured:
        own.append((b"OpenAI-Organization", deployment.organization.encode()))
    return (*own, *deployment.headers)
