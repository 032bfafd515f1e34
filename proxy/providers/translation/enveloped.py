"""Anthropic's language in a cloud's envelope: the model goes into the address, the edition of the API into the body."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from functools import partial

import msgspec
from msgspec import Raw

from proxy.providers.clouds.bedrock_stream import BedrockStream
from proxy.providers.clouds.claude import Envelope, address
from proxy.providers.said import said_in
from proxy.providers.translation import messages_words
from proxy.providers.translation.coding import Fields, decode_fields, encode
from proxy.providers.translation.events import Failed
from proxy.types import Deployment, Moment, Translation

Translate = Callable[[bytes, Deployment, Moment], Translation]
KNOWN_BETAS = frozenset({
    "compact-2026-01-12", "computer-use-2025-01-24", "computer-use-2025-11-24", "context-1m-2025-08-07",
    "context-management-2025-06-27", "dangerous-tool-use-2026-09-03", "dev-full-thinking-2025-05-14",
    "effort-2025-11-24", "fine-grained-tool-streaming-2025-05-14", "interleaved-thinking-2025-05-14",
    "mid-conversation-output-config-2026-07-01", "mid-conversation-tool-changes-2026-07-01",
    "output-128k-2025-02-19", "thinking-binding-controls-2026-08-01", "thinking-display-updates-2026-08-18",
    "token-efficient-tools-2025-02-19", "tool-examples-2025-10-29", "tool-search-tool-2025-10-19",
})  # fmt: skip
"""Bedrock answers 400 for others (`claude-code-20250219`): LiteLLM 1.109.1, `anthropic_beta_headers_config.json`, and
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages-request-response.html"""
_OTHERWISE = {"advanced-tool-use-2025-11-20": "tool-search-tool-2025-10-19"}
"""What Bedrock calls otherwise."""
MESSAGES = b"/messages"
_decode_str = msgspec.json.Decoder(str).decode
_decode_count = msgspec.json.Decoder(dict[str, int]).decode


class AsItComes:
    """A stream that is in its client's words already."""

    def feed(self, payload: bytes) -> bytes:
        return payload

    def finish(self) -> bytes:
        return b""


def as_it_comes(body: bytes, _deployment: Deployment, _moment: Moment) -> Translation:
    """For a client of Anthropic's."""
    return Translation(path=MESSAGES, body=body, answer=bytes, stream=AsItComes)


def enveloped(translate: Translate, envelope: Envelope) -> Translate:
    """What `translate` says in Anthropic's language, as the cloud takes it."""
    return partial(_enveloped, translate, envelope)


def _enveloped(
    translate: Translate, envelope: Envelope, body: bytes, deployment: Deployment, moment: Moment
) -> Translation:
    """Raises as `translate` does."""
    said = translate(body, deployment, moment)
    model, streams, fields = _opened(said.body, deployment)
    if streams and envelope.says_stream:
        fields["stream"] = Raw(b"true")
    path = address(envelope.streamed if streams else envelope.whole, model)
    return msgspec.structs.replace(
        said,
        path=path,
        body=encode({**_versioned(envelope, moment), **fields}),
        unwrap=BedrockStream if streams and not envelope.says_stream else None,
        error=partial(_error, said.error),
    )


def _opened(body: bytes, deployment: Deployment) -> tuple[str, bool, Fields]:
    """(model, whether it streams, what else is said)"""
    fields = dict(decode_fields(body))
    named, streams = fields.pop("model", None), fields.pop("stream", None)
    model = deployment.model if named is None else _decode_str(named)
    return model, streams is not None and bytes(streams) == b"true", fields


def _versioned(envelope: Envelope, moment: Moment) -> dict[str, object]:
    found: dict[str, object] = {"anthropic_version": envelope.version}
    if envelope.betas:
        named = (_OTHERWISE.get(beta, beta) for beta in moment.betas)
        betas = [beta for beta in dict.fromkeys(named) if beta in KNOWN_BETAS]
        if betas:
            found["anthropic_beta"] = betas
    return found


def _error(
    inner: Callable[[int, bytes], tuple[int, bytes]] | None, status: int, body: bytes
) -> tuple[int, bytes]:
    """The cloud's own (`{"message": ...}`, Google's), or Anthropic's, which passes as it is."""
    said = said_in(body)
    if not body.lstrip().startswith(b'{"type"'):
        failed = Failed("api_error", said.message or f"The upstream answered {status}.", _code(said.names))
        body = messages_words.error(failed, messages_words.error_type_of(status))
    return (status, body) if inner is None else inner(status, body)


def _code(names: tuple[str, ...]) -> str | None:
    return next((name for name in names if not name.isdigit()), None)


def count_at_vertex(envelope: Envelope, body: bytes, deployment: Deployment, _moment: Moment) -> Translation:
    """The one request whose body names its model."""
    said = encode({"anthropic_version": envelope.version, **decode_fields(body)})
    path = address(envelope.count, deployment.model)
    return Translation(path=path, body=said, answer=bytes, stream=AsItComes, error=partial(_error, None))


def count_at_bedrock(envelope: Envelope, body: bytes, deployment: Deployment, moment: Moment) -> Translation:
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_CountTokens.html"""
    model, _, fields = _opened(body, deployment)
    held = encode({"max_tokens": 1, **_versioned(envelope, moment), **fields})
    said = encode({"input": {"invokeModel": {"body": b64encode(held).decode()}}})
    path = address(envelope.count, model)
    return Translation(path=path, body=said, answer=_counted, stream=AsItComes, error=partial(_error, None))


def _counted(body: bytes) -> bytes:
    try:
        return encode({"input_tokens": _decode_count(body)["inputTokens"]})
    except (msgspec.DecodeError, KeyError):
        return body
