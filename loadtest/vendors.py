"""Vendors' upstreams: OpenAI's answers (the simulator's) below whatever base a vendor has, and errors in its own words.

What a vendor answers 400 or 422 for is asked of each request: https://docs.mistral.ai/api (`extra_forbidden`),
https://docs.cohere.com/docs/compatibility-api, https://console.groq.com/docs/openai,
https://ai.google.dev/gemini-api/docs/openai, https://inference-docs.cerebras.ai/resources/openai
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from loadtest.answers import JSON_TYPE, SSE_TYPE, Answer, Framing, RawRequest
from loadtest.anthropic_answers import anthropic_answer
from loadtest.claude_at_clouds import claude_at_a_cloud
from proxy.errors import GatewayError
from proxy.simulator.answer import Stream
from proxy.simulator.request import Request
from proxy.simulator.route import Router
from proxy.simulator.store import Stores
from proxy.simulator.table import ROUTES

ENDPOINTS = ("/chat/completions", "/completions", "/embeddings", "/responses")
_MISTRALS = frozenset({
    "model", "temperature", "top_p", "max_tokens", "stream", "stop", "random_seed", "messages", "response_format",
    "tools", "tool_choice", "presence_penalty", "frequency_penalty", "n", "prediction", "parallel_tool_calls",
    "prompt_mode", "reasoning_effort", "safe_prompt", "metadata",
})  # fmt: skip
REFUSED: Mapping[str, frozenset[str]] = {
    "cohere": frozenset(
        {"stream_options", "n", "logit_bias", "logprobs", "top_logprobs", "store", "service_tier"}
    ),
    "groq": frozenset({"logprobs", "logit_bias", "top_logprobs"}),
    "gemini": frozenset({"logit_bias", "store", "prediction", "web_search_options"}),
    "cerebras": frozenset({"frequency_penalty", "logit_bias", "presence_penalty", "service_tier"}),
}
"""Fields of a chat, by vendor."""
TELLS_USAGE = ("mistral", "codestral", "cohere")
"""In streams, unasked: they have no `stream_options`."""


class Vendors:
    """Answers for a mock: of the vendor whose name is the first part of the path, and the base behind it."""

    def __init__(self) -> None:
        self._router = Router(ROUTES)
        self._stores = Stores()

    def __call__(self, request: RawRequest) -> Answer | None:
        if request.method != b"POST":
            return None
        path = request.target.decode().partition("?")[0]
        if (cloud := claude_at_a_cloud(request)) is not None:
            return cloud
        if path.endswith(("/messages", "/messages/count_tokens")):
            return anthropic_answer(request)
        endpoint = next((each for each in ENDPOINTS if path.endswith(each)), None)
        if endpoint is None:
            return Answer(404, (JSON_TYPE,), b'{"error":{"message":"no such path"}}')
        vendor, asked = path.split("/")[1], msgspec.json.decode(request.body)
        refusal = _refusal(vendor, endpoint, asked)
        if vendor in TELLS_USAGE and asked.get("stream"):
            asked["stream_options"] = {"include_usage": True}
        return refusal or self._simulated(endpoint, msgspec.json.encode(asked))

    def _simulated(self, endpoint: str, body: bytes) -> Answer:
        route, params = self._router.find("POST", f"/v1{endpoint}")
        asked = Request(
            query={},
            content_type="application/json",
            body=body,
            store=self._stores.of("sk-sim"),
            params=params,
        )
        try:
            answer = route.handle(asked)
        except GatewayError as error:
            answer = error.reply()
        if isinstance(answer, Stream):
            return Answer(headers=(SSE_TYPE,), body=tuple(answer.events), framing=Framing.CHUNKED)
        return Answer(answer.status, (JSON_TYPE,), answer.body)


def _refusal(vendor: str, endpoint: str, asked: dict[str, Any]) -> Answer | None:
    if endpoint != "/chat/completions":
        return None
    refused = asked.keys() & REFUSED.get(vendor, frozenset())
    if vendor in ("mistral", "codestral"):
        refused = asked.keys() - _MISTRALS
    if not refused:
        return None
    return Answer(
        422, (JSON_TYPE,), msgspec.json.encode({"detail": f"extra_forbidden: {', '.join(refused)}"})
    )
