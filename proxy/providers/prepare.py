"""What a deployment is sent for a request of one of the gateway's endpoints: one pure function of both."""

from __future__ import annotations

import msgspec

from proxy.providers.body import outbound_body
from proxy.providers.clipping import clipped
from proxy.providers.dialect import PLAIN, Dialect, changes
from proxy.providers.parameters import adapt, without
from proxy.types import Deployment, Headers, Moment, Translation

CHAT = b"/chat/completions"
NO_MOMENT = Moment()


class Request(msgspec.Struct, frozen=True):
    """In the language of its endpoint."""

    path: bytes
    """As OpenAI has it, without `/v1`: `/chat/completions`."""
    body: bytes
    """JSON, not compressed."""
    model_asked: str | None
    """The body's own; None: it has none."""
    model: str | None = None
    """The upstream's name for it; None leaves it alone."""
    moment: Moment = NO_MOMENT
    """Where it is translated, or may be modified (`Parameters.modifies`)."""


class Prepared(msgspec.Struct, frozen=True):
    path: bytes
    """After the base's path."""
    body: bytes
    """The request's own bytes object where nothing changes."""
    headers: Headers = ()
    """Of this request, beside the deployment's own (`own_headers`)."""
    translation: Translation | None = None
    """For its answer; None: that is in the client's language."""


def prepare(deployment: Deployment, dialect: Dialect, request: Request) -> Prepared:
    """Raises CannotSay for what the upstream has no words for, msgspec.DecodeError when something must change and the
    body is not a JSON object."""
    body = outbound_body(
        request.body,
        deployment,
        model_asked=request.model_asked,
        upstream_model=request.model,
        chat=request.path == CHAT,
    )
    parameters = deployment.parameters
    if parameters is not PLAIN and changes(parameters):
        if parameters.removed:
            body = without(body, parameters.removed)
        if parameters.modifies and request.moment.max_tokens is not None:
            body = clipped(body, request.path, request.moment.max_tokens)
        if request.path == CHAT and CHAT not in dialect.translations:
            body = adapt(body, parameters, deployment.provider)
    translate = dialect.translations.get(request.path)
    if translate is None:
        return Prepared(request.path, body)
    said = translate(body, deployment, request.moment)
    if said.path == CHAT and parameters is not PLAIN:
        said = msgspec.structs.replace(said, body=adapt(said.body, parameters, deployment.provider))
    return Prepared(said.path, said.body, said.headers, said)
