"""GET /models and /models/{model}: https://platform.openai.com/docs/api-reference/models"""

from __future__ import annotations

from proxy.simulator.answer import Answer, Json, reply
from proxy.simulator.request import Request
from proxy.simulator.route import Route

CREATED = 1_715_367_049
"""When gpt-4o appeared; a fixed time keeps answers comparable."""
NAMES = (
    "gpt-4o",
    "gpt-4o-mini",
    "gpt-4.1",
    "gpt-4.1-mini",
    "gpt-5",
    "gpt-5-mini",
    "o4-mini",
    "gpt-4-turbo",
    "gpt-4",
    "gpt-3.5-turbo",
    "gpt-3.5-turbo-instruct",
    "text-embedding-3-small",
    "text-embedding-3-large",
    "text-embedding-ada-002",
    "omni-moderation-latest",
    "gpt-image-1",
    "dall-e-3",
    "tts-1",
    "gpt-4o-mini-tts",
    "whisper-1",
    "gpt-4o-transcribe",
)
"""Those that the list shows; every other name is accepted too."""


def list_models(request: Request) -> Answer:
    return reply({"object": "list", "data": [_model(name) for name in NAMES]})


def get_model(request: Request) -> Answer:
    return reply(_model("/".join(request.params.values())))


def _model(name: str) -> Json:
    return {"id": name, "object": "model", "created": CREATED, "owned_by": "simulator"}


ROUTES = (
    Route("GET", "/v1/models", list_models),
    Route("GET", "/v1/models/{name}", get_model),
    Route("GET", "/v1/models/{owner}/{name}", get_model),
)
