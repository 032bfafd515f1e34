"""What every endpoint says of its usage, as it was recorded or as its reference has it, in JSON and in streams."""

from __future__ import annotations

import json

import pytest

from proxy.accounting.taps import tap_for
from proxy.types import Usage

JSON, SSE = b"application/json", b"text/event-stream"
ANSWERS: dict[str, tuple[dict, Usage]] = {
    "OpenAI chat": (
        {"id": "chatcmpl-1", "object": "chat.completion", "model": "m", "service_tier": "default",
         "usage": {"prompt_tokens": 1117, "completion_tokens": 46, "total_tokens": 1163,
                   "prompt_tokens_details": {"cached_tokens": 1024, "audio_tokens": 0},
                   "completion_tokens_details": {"reasoning_tokens": 12, "audio_tokens": 0,
                                                 "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0}}},
        Usage(1117, 46, 1163, 1024, 12, audio_input_tokens=0, audio_output_tokens=0, tier="default"),
    ),
    "OpenAI chat, spoken": (
        {"model": "m", "usage": {"prompt_tokens": 90, "completion_tokens": 230, "total_tokens": 320,
                                 "prompt_tokens_details": {"cached_tokens": 0, "text_tokens": 17, "audio_tokens": 73},
                                 "completion_tokens_details": {"audio_tokens": 180, "text_tokens": 50}}},
        Usage(90, 230, 320, 0, audio_input_tokens=73, audio_output_tokens=180),
    ),
    "OpenAI chat, written to the cache": (
        {"model": "m", "service_tier": "flex", "usage": {
            "prompt_tokens": 2000, "completion_tokens": 1, "total_tokens": 2001,
            "prompt_tokens_details": {"cached_tokens": 500, "cache_write_tokens": 1024}}},
        Usage(2000, 1, 2001, 500, cache_write_tokens=1024, tier="flex"),
    ),
    "OpenAI completions": (
        {"object": "text_completion", "model": "m",
         "usage": {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}},
        Usage(5, 7, 12),
    ),
    "OpenAI embeddings": (
        {"object": "list", "data": [], "model": "m", "usage": {"prompt_tokens": 8, "total_tokens": 8}},
        Usage(8, None, 8),
    ),
    "OpenAI responses": (
        {"id": "resp_1", "object": "response", "status": "completed", "model": "m", "service_tier": "priority",
         "output": [
             {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search"}},
             {"type": "web_search_call", "id": "ws_2", "status": "completed", "action": {"type": "search"}},
             {"type": "file_search_call", "id": "fs_1", "queries": ["x"]},
             {"type": "code_interpreter_call", "id": "ci_1", "container_id": "cntr_1"},
             {"type": "code_interpreter_call", "id": "ci_2", "container_id": "cntr_1"},
             {"type": "message", "content": [{"text": 'a "type":"web_search_call" in a text'}]}],
         "usage": {"input_tokens": 36, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 87,
                   "output_tokens_details": {"reasoning_tokens": 64}, "total_tokens": 123}},
        Usage(36, 87, 123, 0, 64, searches=2, file_searches=1, code_sessions=1, tier="priority"),
    ),
    "OpenAI images": (
        {"created": 1, "data": [{"b64_json": "x"}],
         "usage": {"total_tokens": 1108, "input_tokens": 52, "output_tokens": 1056,
                   "input_tokens_details": {"text_tokens": 12, "image_tokens": 40}}},
        Usage(52, 1056, 1108, image_input_tokens=40),
    ),
    "OpenAI images of a model that also speaks": (
        {"created": 1, "data": [], "usage": {
            "total_tokens": 1200, "input_tokens": 50, "output_tokens": 1150,
            "input_tokens_details": {"text_tokens": 50, "image_tokens": 0},
            "output_tokens_details": {"image_tokens": 1056, "text_tokens": 94}}},
        Usage(50, 1150, 1200, image_input_tokens=0, image_output_tokens=1056),
    ),
    "OpenAI transcription, by tokens": (
        {"text": "x", "usage": {"type": "tokens", "input_tokens": 14,
                                "input_token_details": {"text_tokens": 0, "audio_tokens": 14},
                                "output_tokens": 45, "total_tokens": 59}},
        Usage(14, 45, 59, audio_input_tokens=14),
    ),
    "OpenAI transcription, by its length": (
        {"text": "x", "usage": {"type": "duration", "seconds": 27}}, Usage(seconds=27),
    ),
    "OpenAI transcription that tells all": (
        {"task": "transcribe", "language": "english", "duration": 8.47, "text": "x"}, Usage(seconds=8.47),
    ),
    "transcription of an older server": (
        {"task": "translate", "duration": "8.47", "text": "x"}, Usage(seconds=8.47),
    ),
    "Anthropic messages": (
        {"id": "msg_1", "type": "message", "model": "m", "usage": {
            "input_tokens": 21, "cache_creation_input_tokens": 188, "cache_read_input_tokens": 2086,
            "cache_creation": {"ephemeral_5m_input_tokens": 88, "ephemeral_1h_input_tokens": 100},
            "output_tokens": 393, "server_tool_use": {"web_search_requests": 1}, "service_tier": "standard",
            "output_tokens_details": {"thinking_tokens": 200}}},
        Usage(2295, 393, 2688, 2086, 200, 188, 100, searches=1, tier="standard"),
    ),
    "Anthropic messages, nothing cached": (
        {"type": "message", "model": "m", "usage": {"input_tokens": 10, "output_tokens": 3}}, Usage(10, 3, 13),
    ),
    "Gemini": (
        {"candidates": [], "modelVersion": "m", "usageMetadata": {
            "promptTokenCount": 100, "candidatesTokenCount": 20, "totalTokenCount": 150, "thoughtsTokenCount": 30,
            "cachedContentTokenCount": 40, "trafficType": "ON_DEMAND",
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 60}, {"modality": "AUDIO", "tokenCount": 40}],
            "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 15}]}},
        Usage(100, 50, 150, 40, 30, audio_input_tokens=40, image_output_tokens=15, tier="default"),
    ),
    "Cohere chat, second API": (
        {"id": "c", "message": {"role": "assistant"}, "usage": {
            "billed_units": {"input_tokens": 5, "output_tokens": 418},
            "tokens": {"input_tokens": 71, "output_tokens": 418}}},
        Usage(5, 418, 423),
    ),
    "Cohere rerank": (
        {"results": [], "meta": {"api_version": {"version": "2"}, "billed_units": {"search_units": 1}}},
        Usage(units=1),
    ),
    "Cohere embed": (
        {"embeddings": {}, "meta": {"billed_units": {"input_tokens": 12.0}}}, Usage(12),
    ),
    "DeepSeek": (
        {"model": "m", "usage": {"prompt_tokens": 100, "completion_tokens": 5, "total_tokens": 105,
                                 "prompt_cache_hit_tokens": 64, "prompt_cache_miss_tokens": 36}},
        Usage(100, 5, 105, 64),
    ),
    "Moonshot": (
        {"model": "m", "usage": {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14, "cached_tokens": 4}},
        Usage(9, 5, 14, 4),
    ),
    "Perplexity": (
        {"model": "m", "usage": {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14,
                                 "num_search_queries": 3, "reasoning_tokens": 2, "cost": {"total_cost": 1}}},
        Usage(9, 5, 14, None, 2, searches=3),
    ),
    "xAI, whose thoughts are counted apart": (
        {"model": "m", "usage": {"prompt_tokens": 32, "completion_tokens": 9, "total_tokens": 135,
                                 "completion_tokens_details": {"reasoning_tokens": 94}}},
        Usage(32, 103, 135, None, 94),
    ),
    "Groq": (
        {"model": "m", "x_groq": {"id": "req_1", "usage": {"prompt_tokens": 1, "completion_tokens": 2}}},
        Usage(1, 2, 3),
    ),
    "Bedrock Converse": (
        {"usage": {"inputTokens": 30, "outputTokens": 6, "totalTokens": 46,
                   "cacheReadInputTokens": 8, "cacheWriteInputTokens": 2}},
        Usage(40, 6, 46, 8, cache_write_tokens=2),
    ),
}  # fmt: skip


def _events(*events: dict | str, named: bool = False) -> bytes:
    parts = []
    for event in events:
        data = event if isinstance(event, str) else json.dumps(event, separators=(",", ":"))
        name = f"event: {event['type']}\n" if named and isinstance(event, dict) else ""
        parts.append(f"{name}data: {data}\n\n")
    return "".join(parts).encode()


STREAMS: dict[str, tuple[bytes, Usage, bool]] = {
    "OpenAI chat": (
        _events({"model": "m", "service_tier": "default", "choices": [{}], "usage": None},
                {"model": "m", "service_tier": "default", "choices": [], "usage": ANSWERS["OpenAI chat"][0]["usage"]},
                "[DONE]"),
        ANSWERS["OpenAI chat"][1], True,
    ),
    "OpenAI responses": (
        _events({"type": "response.created", "response": {"model": "m", "usage": None}},
                {"type": "response.output_text.delta", "delta": 'the "usage" of "model"'},
                {"type": "response.completed", "response": ANSWERS["OpenAI responses"][0]}, named=True),
        ANSWERS["OpenAI responses"][1], True,
    ),
    "OpenAI images": (
        _events({"type": "image_generation.partial_image", "b64_json": "x"},
                {"type": "image_generation.completed", "usage": ANSWERS["OpenAI images"][0]["usage"]}),
        ANSWERS["OpenAI images"][1], True,
    ),
    "OpenAI speech": (
        _events({"type": "speech.audio.delta", "audio": "x"},
                {"type": "speech.audio.done",
                 "usage": {"input_tokens": 14, "output_tokens": 101, "total_tokens": 115}}),
        Usage(14, 101, 115), True,
    ),
    "OpenAI transcription": (
        _events({"type": "transcript.text.delta", "delta": "x"},
                {"type": "transcript.text.done", "text": "x",
                 "usage": ANSWERS["OpenAI transcription, by tokens"][0]["usage"]}),
        ANSWERS["OpenAI transcription, by tokens"][1], True,
    ),
    "Anthropic messages": (
        _events({"type": "message_start", "message": {"model": "m", "usage": {
                    "input_tokens": 25, "cache_creation_input_tokens": 100, "cache_read_input_tokens": 50,
                    "cache_creation": {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 0},
                    "output_tokens": 1, "service_tier": "priority"}}},
                {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "x"}},
                {"type": "message_delta", "delta": {"stop_reason": "end_turn"},
                 "usage": {"output_tokens": 15, "server_tool_use": {"web_search_requests": 2}}},
                {"type": "message_stop"}, named=True),
        Usage(175, 15, 190, 50, None, 100, 0, searches=2, tier="priority"), True,
    ),
    "Gemini": (
        _events({"candidates": [{}], "usageMetadata": {"promptTokenCount": 4, "totalTokenCount": 4}},
                {"candidates": [{}], "modelVersion": "m", "usageMetadata": {
                    "promptTokenCount": 4, "candidatesTokenCount": 6, "totalTokenCount": 10}}),
        Usage(4, 6, 10), False,
    ),
    "Cohere": (
        _events({"type": "content-delta", "delta": {"message": {"content": {"text": "x"}}}},
                {"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": {
                    "billed_units": {"input_tokens": 5, "output_tokens": 6},
                    "tokens": {"input_tokens": 71, "output_tokens": 6}}}}, named=True),
        Usage(5, 6, 11), True,
    ),
    "Groq": (
        _events({"model": "m", "choices": [{}]},
                {"model": "m", "choices": [{}], "x_groq": {"usage": {"prompt_tokens": 1, "completion_tokens": 2}}},
                "[DONE]"),
        Usage(1, 2, 3), True,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ANSWERS)
@pytest.mark.parametrize("indent", [None, 2])
def test_a_whole_answer(name: str, indent: int | None) -> None:
    said, usage = ANSWERS[name]
    tap = tap_for(JSON)
    tap.feed(json.dumps(said, indent=indent).encode())
    assert tap.result() == usage
    if "model" in said or "modelVersion" in said:
        assert tap.model == "m"


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_split_at_every_byte(name: str) -> None:
    body, usage, ends = STREAMS[name]
    for at in range(len(body) + 1):
        tap = tap_for(SSE)
        tap.feed(body[:at])
        tap.feed(body[at:])
        assert (tap.result(), tap.finish_seen) == (usage, ends), at


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_with_crlf(name: str) -> None:
    body, usage, _ = STREAMS[name]
    tap = tap_for(SSE)
    for at in range(0, len(body), 7):
        tap.feed(body[at : at + 7].replace(b"\n", b"\r\n"))
    assert tap.result() == usage


@pytest.mark.parametrize(
    "said",
    [
        {
            "usage": {"prompt_tokens": 1},
            "delta": "text",
            "response": "text",
            "message": "text",
            "meta": "text",
        },
        {"usage": {"prompt_tokens": 1}, "delta": [1], "response": {"usage": 5}, "message": 7, "meta": [{}]},
    ],
)
def test_a_name_that_means_something_else_elsewhere(said: dict) -> None:
    for content_type, body in ((JSON, json.dumps(said).encode()), (SSE, _events(said))):
        tap = tap_for(content_type)
        tap.feed(body)
        assert tap.result() == Usage(1)
