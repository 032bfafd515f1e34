"""Claude at Amazon, Google and Microsoft: Anthropic's language, at addresses of theirs.

https://platform.claude.com/docs/en/build-with-claude/claude-on-amazon-bedrock, .../claude-on-vertex-ai and
.../claude-in-microsoft-foundry; what is sent is what `AnthropicBedrock` and `AnthropicVertex` of Anthropic's SDK send.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

import msgspec

from proxy.providers.url import refuse_dot_segments
from proxy.types import Deployment

_NAMES = ("claude", "anthropic")
BEDROCK, VERTEX = "bedrock", "vertex_ai"
PLAIN = frozenset({"bedrock_mantle", "azure_ai"})
"""Clouds that have Anthropic's API as Anthropic has it."""


class Envelope(msgspec.Struct, frozen=True):
    """What the language comes in: the model is in the address, the edition of the API in the body."""

    version: str
    whole: str
    """The address of a request, after the base's path."""
    streamed: str
    count: str
    says_stream: bool
    """The body says whether it is to be streamed."""
    betas: bool = False
    """What its client tries out is said in the body (`anthropic_beta`): a header of that name counts for nothing."""


ENVELOPES: Mapping[str, Envelope] = {
    BEDROCK: Envelope(
        "bedrock-2023-05-31",
        "/model/{model}/invoke",
        "/model/{model}/invoke-with-response-stream",
        "/model/{model}/count-tokens",
        says_stream=False,
        betas=True,
    ),
    VERTEX: Envelope(
        "vertex-2023-10-16",
        "/{model}:rawPredict",
        "/{model}:streamRawPredict",
        "/count-tokens:rawPredict",
        says_stream=True,
    ),
}
"""By provider."""


def is_claude(model: str, base_model: str | None = None) -> bool:
    """`us.anthropic.claude-...`, `claude-sonnet-4-5@20250929`, `anthropic.*`; of an ARN its `base_model` tells."""
    return any(name in (base_model or model) for name in _NAMES)


def envelope_of(deployment: Deployment) -> Envelope | None:
    """None: it comes in none."""
    found = ENVELOPES.get(deployment.provider)
    return found if found and is_claude(deployment.model, deployment.price.base_model) else None


def speaks_plainly(deployment: Deployment) -> bool:
    """Anthropic's API, as Anthropic has it."""
    return deployment.provider in PLAIN and is_claude(deployment.model, deployment.price.base_model)


def address(form: str, model: str) -> bytes:
    return form.format(model=quote(model, safe="@")).encode()


class EnvelopedPlace:
    """Where such requests go. Their clients' queries (`?beta=true`) are for Anthropic's own API."""

    def __init__(self, base_path: bytes) -> None:
        self._base_path = base_path

    def __call__(self, path: bytes, _model: str | None, _query: bytes | None) -> bytes:
        """Raises GatewayError 400 for a path that climbs."""
        refuse_dot_segments(path)
        return self._base_path + path
