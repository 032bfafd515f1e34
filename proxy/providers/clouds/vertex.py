"""Vertex AI by its OpenAI-compatible endpoint, with tokens of a service account, a person's login or the machine.

https://cloud.google.com/vertex-ai/generative-ai/docs/start/openai
"""

from __future__ import annotations

from collections.abc import Mapping

from proxy.config.models import LitellmParams
from proxy.providers.compatible.provider import Provider
from proxy.providers.reached import API_BASE, MODEL, Reached, Unfit
from proxy.providers.tokens.google import METADATA_HOST, KeyFile, Machine, project_in
from proxy.providers.url import origin
from proxy.types import Secret, TokenSource

VERTEX = Provider("vertex_ai", "https://{place}aiplatform.googleapis.com", bases=("VERTEXAI_API_BASE",))
_PATH = "/v1/projects/{project}/locations/{location}/endpoints/openapi"
_PROJECTS = ("VERTEXAI_PROJECT", "GOOGLE_CLOUD_PROJECT")
_LOCATIONS = ("VERTEXAI_LOCATION", "VERTEX_LOCATION", "GOOGLE_CLOUD_LOCATION")
DEFAULT_LOCATION = "us-central1"
"""LiteLLM's."""
_GLOBAL = "global"
_PUBLISHER = "google/"
"""In front of models that name none."""


def reach(params: LitellmParams, provider: Provider, model: str, environ: Mapping[str, str]) -> Reached:
    """Raises Unfit."""
    if model.startswith(("claude", "anthropic/")):
        raise Unfit(MODEL, f"`{model}` on Vertex AI speaks Anthropic's API, which is not served there yet")
    written = params.vertex_credentials.reveal() if params.vertex_credentials else ""
    token = _token(written, environ)
    found = params.vertex_project or next(filter(None, map(environ.get, _PROJECTS)), None)
    project = found or (project_in(written) if written.startswith("{") else None)
    location = params.vertex_location or next(filter(None, map(environ.get, _LOCATIONS)), DEFAULT_LOCATION)
    if project is None:
        raise Unfit(("litellm_params", "vertex_project"), f"write the project's id, or set {_PROJECTS[0]}")
    model = model if "/" in model or "*" in model else _PUBLISHER + model
    base = _base(params.api_base or environ.get(VERTEX.bases[0]), project, location)
    return Reached(
        provider, model, base, params.api_key or Secret(""), token=None if params.api_key else token
    )


def _base(written: str | None, project: str, location: str) -> str:
    host = f"{location}-" if location != _GLOBAL else ""
    path = _PATH.format(project=project, location=location)
    if written is None:
        assert VERTEX.base is not None
        return VERTEX.base.format(place=host) + path
    try:
        return written.rstrip("/") + ("" if origin(written).base_path else path)
    except ValueError as problem:
        raise Unfit(API_BASE, f"not a base URL: {problem}", wrong=True) from None


def _token(written: str, environ: Mapping[str, str]) -> TokenSource:
    if written.startswith("{"):
        return KeyFile(written=Secret(written))
    file = written or environ.get("GOOGLE_APPLICATION_CREDENTIALS")
    return KeyFile(file=file) if file else Machine(host=environ.get("GCE_METADATA_HOST", METADATA_HOST))
