"""The endpoints that the functions call: where they are, and what their answers are made into."""

from __future__ import annotations

import msgspec

from sluice.answers.audio import TranscriptionResponse
from sluice.answers.chat import Answer, ModelResponse
from sluice.answers.chunks import ModelResponseStream
from sluice.answers.data import EmbeddingResponse, ImageResponse, OpenAIModerationResponse
from sluice.answers.fields import Fields
from sluice.answers.responses import ResponseEvent, ResponsesAPIResponse
from sluice.answers.text import TextCompletionResponse


class Endpoint(msgspec.Struct, frozen=True, eq=False):
    function: str
    """LiteLLM's `call_type`."""
    path: bytes
    """As OpenAI has it, without `/v1`."""
    answer: type[Answer] | None
    """None: bytes."""
    chunk: type[Fields] | None = None
    """Of its streams; None: there are none."""
    form: bool = False
    keeps_metadata: bool = False
    """`metadata` is the provider's in any case."""


CHAT = Endpoint("completion", b"/chat/completions", ModelResponse, ModelResponseStream)
TEXT = Endpoint("text_completion", b"/completions", TextCompletionResponse, TextCompletionResponse)
EMBEDDING = Endpoint("embedding", b"/embeddings", EmbeddingResponse)
RESPONSES = Endpoint("responses", b"/responses", ResponsesAPIResponse, ResponseEvent, keeps_metadata=True)
IMAGE = Endpoint("image_generation", b"/images/generations", ImageResponse, Fields)
SPEECH = Endpoint("speech", b"/audio/speech", None)
TRANSCRIPTION = Endpoint("transcription", b"/audio/transcriptions", TranscriptionResponse, Fields, form=True)
MODERATION = Endpoint("moderation", b"/moderations", OpenAIModerationResponse)
