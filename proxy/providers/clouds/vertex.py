"""Vertex AI by its OpenAI-compatible endpoint, and Claude by rawPredict in Anthropic's own language; with tokens of a
service account, a person's login or the machine.

https://cloud.google.com/vertex-ai/generative-ai/docs/start/openai
"""

from __future__ import annotations

from collections.abc import Mapping

from proxy.config.models import LitellmParams
from proxy.providers.clouds.claude import is_claude
from proxy.providers.compatible.provider import Provider
from proxy.providers.reached import API_BASE, Reached, Unfit
from proxy.providers.tokens.google import METADATA_HOST, KeyFile, Machine, project_in
from proxy.providers.url import origin
from proxy.types import Secret, TokenSource

VERTEX = Provider("vertex_ai", "https://{place}aiplatform.googleapis.com", bases=("VERTEXAI_API_BASE",))
_PATH = "/v1/projects/{project}/locations/{location}/endpoints/openapi"
_CLAUDE_PATH = "/v1/projects/{project}/locations/{location}/publishers/anthropic/models"
_MULTIPLE = ("us", "eu")
"""Locations that are several regions, with hosts of their own."""
_MULTIPLE_BASE = "https://aiplatform.{location}.rep.googleapis.com"
_PROJECTS = ("VERTEXAI_PROJECT", "GOOGLE_CLOUD_PROJECT")
_LOCATIONS = ("VERTEXAI_LOCATION", "VERTEX_LOCATION", "GOOGLE_CLOUD_LOCATION")
DEFAULT_LOCATION = "us-central1"
"""LiteLLM's."""
_GLOBAL = "global"
_ANTHROPIC = "anthropic/"
_PUBLISHER = "google/"
"""In front of models that name none."""


def reach(params: LitellmParams, provider: Provider, model: str, environ: Mapping[str, str]) -> Reached:
    """Raises Unfit."""
    claude = is_claude(model, params.base_model)
    written = params.vertex_credentials.reveal() if params.vertex_credentials else ""
    token = _token(written, environ)
    found = params.vertex_project or next(filter(None, map(environ.get, _PROJECTS)), None)
    project = found or (project_in(written) if written.startswith("{") else None)
    location = params.vertex_location or next(filter(None, map(environ.get, _LOCATIONS)), DEFAULT_LOCATION)
    if project is None:
        raise Unfit(("litellm_params", "vertex_project"), f"write the project's id, or set {_PROJECTS[0]}")
    if claude:
        model = model.removeprefix(_ANTHROPIC)
    elif "/" not in model and "*" not in model:
        model = _PUBLISHER + model
    path = (_CLAUDE_PATH if claude else _PATH).format(project=project, location=location)
    base = _base(params.api_base or environ.get(VERTEX.bases[0]), location, path)
    return Reached(
        provider, model, base, params.api_key or Secret(""), token=None if params.api_key else token
    )


def _base(written: str | None, location: str, path: str) -> str:
    """Raises Unfit."""
    host = f"{location}-" if location != _GLOBAL else ""
    if written is None and location in _MULTIPLE:
        return _MULTIPLE_BASE.format(location=location) + path
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
