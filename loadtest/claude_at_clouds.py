"""Claude as Bedrock and Vertex have it: Anthropic's answers, in envelopes that are checked as theirs are.

https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages.html
https://cloud.google.com/vertex-ai/generative-ai/docs/partner-models/claude/use-claude
"""

from __future__ import annotations

import re
from base64 import b64decode
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

import msgspec

from loadtest.answers import JSON_TYPE, Answer, Framing, RawRequest
from loadtest.anthropic_answers import anthropic_answer
from loadtest.aws_frames import chunk

AWS_STREAM = (b"content-type", b"application/vnd.amazon.eventstream")
_BEDROCK = re.compile(r"/model/([^/?]+)/(invoke|invoke-with-response-stream|count-tokens)$")
_VERTEX = re.compile(r"/publishers/anthropic/models/([^/?]+):(rawPredict|streamRawPredict)$")
_encode = msgspec.json.Encoder().encode


def claude_at_a_cloud(request: RawRequest) -> Answer | None:
    """None: it was asked at no cloud."""
    target = request.target.decode()
    if found := _BEDROCK.search(target):
        return _bedrock(request, unquote(found[1]), found[2])
    if found := _VERTEX.search(target):
        return _vertex(request, unquote(found[1]), found[2])
    return None


def _bedrock(request: RawRequest, model: str, call: str) -> Answer:
    asked: dict[str, Any] = msgspec.json.decode(request.body)
    if call == "count-tokens":
        asked = msgspec.json.decode(b64decode(asked["input"]["invokeModel"]["body"]))
    extra = next((name for name in ("model", "stream") if name in asked), None)
    if extra is not None:
        return _refused(f"{extra}: Extra inputs are not permitted")
    if asked.pop("anthropic_version", None) != "bedrock-2023-05-31":
        return _refused("anthropic_version: Field required")
    if call == "count-tokens":
        return Answer(headers=(JSON_TYPE,), body=_encode({"inputTokens": 42}))
    streams = call == "invoke-with-response-stream"
    answer = anthropic_answer(_as_anthropics(request, {**asked, "model": model, "stream": streams}))
    if not streams or answer.status != 200:
        return answer
    assert isinstance(answer.body, tuple)
    frames = tuple(chunk(msgspec.json.decode(event.partition(b"data: ")[2])) for event in answer.body)
    return Answer(headers=(AWS_STREAM,), body=frames, framing=Framing.CHUNKED)


def _refused(message: str) -> Answer:
    headers = (JSON_TYPE, (b"x-amzn-errortype", b"ValidationException:http://internal.amazon.com/coral/"))
    return Answer(400, headers, _encode({"message": message}))


def _vertex(request: RawRequest, model: str, call: str) -> Answer:
    asked: dict[str, Any] = msgspec.json.decode(request.body)
    counts = model == "count-tokens"
    if asked.pop("anthropic_version", None) != "vertex-2023-10-16" or ("model" in asked) != counts:
        error = {"code": 400, "message": "anthropic_version: Field required", "status": "INVALID_ARGUMENT"}
        return Answer(400, (JSON_TYPE,), _encode({"error": error}))
    if counts:
        return Answer(headers=(JSON_TYPE,), body=_encode({"input_tokens": 42}))
    assert asked.get("stream", False) == (call == "streamRawPredict")
    return anthropic_answer(_as_anthropics(request, {**asked, "model": model}))


def _as_anthropics(request: RawRequest, asked: dict[str, Any]) -> RawRequest:
    return replace(request, head=b"POST /v1/messages HTTP/1.1\r\n\r\n", body=_encode(asked))
