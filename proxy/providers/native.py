"""A provider's own API, for what passes through: where it begins, and in which header it takes the key.

https://ai.google.dev/gemini-api/docs/api-key (`x-goog-api-key`)
https://docs.litellm.ai/docs/pass_through/intro (paths)
"""

from __future__ import annotations

from collections.abc import Mapping

from proxy.providers.clouds.azure import Place
from proxy.providers.dialect import own_headers
from proxy.providers.url import origin, refuse_dot_segments
from proxy.types import Deployment, Headers

_COMPATIBLE: Mapping[str, str] = {
    "anthropic": "/v1", "azure": "/openai/v1", "azure_ai": "/openai/v1", "bedrock": "/openai/v1",
    "bedrock_mantle": "/v1", "cohere": "/compatibility/v1", "cohere_chat": "/compatibility/v1",
    "gemini": "/v1beta/openai", "ollama": "/v1", "ollama_chat": "/v1", "vertex_ai": "/v1/projects/",
}  # fmt: skip
"""Where their OpenAI-compatible API is, below the one of their own."""
_KEYS = {"gemini": b"x-goog-api-key"}
_CLIENTS_KEY = b"key="
"""In the query, where Google's clients may have it: the gateway's."""


def root(deployment: Deployment) -> bytes | None:
    """What the paths of its own API follow; None: it has none, and they follow its base."""
    compatible = _COMPATIBLE.get(deployment.provider)
    if compatible is None:
        return None
    path = origin(deployment.api_base).base_path.decode()
    if compatible.endswith("/"):
        return path.partition(compatible)[0].encode()
    return path.removesuffix(compatible).encode()


def native_headers(deployment: Deployment) -> Headers:
    """As `own_headers`, for its own API."""
    name = _KEYS.get(deployment.provider)
    if name is None or not deployment.api_key:
        return own_headers(deployment)
    kept = (header for header in own_headers(deployment) if header[0].lower() != b"authorization")
    return ((name, deployment.api_key.reveal().encode()), *kept)


def native_place(base_path: bytes) -> Place:
    """Paths and queries as they came. Raises GatewayError 400 for a path that climbs."""

    def target(path: bytes, model: str | None, query: bytes | None) -> bytes:
        refuse_dot_segments(path)
        if query is None:
            return base_path + path
        kept = b"&".join(each for each in query.split(b"&") if not each.startswith(_CLIENTS_KEY))
        return b"%b%b?%b" % (base_path, path, kept) if kept else base_path + path

    return target
