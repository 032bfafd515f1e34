"""The operations of the OpenAI API that the gateway routes by model, as a table; openapi.py makes the description."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from proxy.control import schemas

JSON = "application/json"
FORM = "multipart/form-data"
BINARY = "application/octet-stream"

ENGINES = "/engines/{model}"
DEPLOYMENTS = "/openai/deployments/{model}"

CHAT_STREAM = (
    'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"gpt-4o-mini",'
    '"choices":[{"index":0,"delta":{"content":"Hello"},"finish_reason":null}]}\n\ndata: [DONE]\n\n'
)
COMPLETION_STREAM = (
    'data: {"id":"cmpl-1","object":"text_completion","created":1700000000,"model":"gpt-3.5-turbo-instruct",'
    '"choices":[{"index":0,"text":"Hello","finish_reason":null}]}\n\ndata: [DONE]\n\n'
)
RESPONSE_STREAM = (
    'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","sequence_number":4,'
    '"item_id":"msg_1","output_index":0,"content_index":0,"delta":"Hello"}\n\n'
)
IMAGE_STREAM = (
    "event: image_generation.completed\n"
    'data: {"type":"image_generation.completed","b64_json":"iVBORw0KGgo="}\n\n'
)
TRANSCRIPT_STREAM = 'data: {"type":"transcript.text.delta","delta":"Hello"}\n\n'


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    path: str
    """Below `/v1`."""
    tag: str
    summary: str
    method: str = "post"
    request: object = None
    """The body's type of schemas.py; None: no body."""
    request_type: str = JSON
    example: Mapping[str, object] = {}
    """A body that works as it stands; a form's files are for the reader to choose."""
    answer: object = None
    """The answer's type of schemas.py; None: bytes."""
    answer_type: str = JSON
    stream_example: str = ""
    """Events of the answer when `stream` is true; empty: it cannot stream."""
    model_prefixes: tuple[str, ...] = ()
    """Where it is served with the model in the path instead of in the body."""


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        path="/chat/completions",
        tag="Chat",
        summary="Answer a conversation",
        request=schemas.ChatCompletionRequest,
        example={"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Say hello."}]},
        answer=schemas.ChatCompletion,
        stream_example=CHAT_STREAM,
        model_prefixes=(ENGINES, DEPLOYMENTS),
    ),
    Operation(
        path="/completions",
        tag="Completions",
        summary="Continue a text (the older API)",
        request=schemas.CompletionRequest,
        example={"model": "gpt-3.5-turbo-instruct", "prompt": "Say hello.", "max_tokens": 16},
        answer=schemas.Completion,
        stream_example=COMPLETION_STREAM,
        model_prefixes=(ENGINES, DEPLOYMENTS),
    ),
    Operation(
        path="/embeddings",
        tag="Embeddings",
        summary="Turn texts into vectors",
        request=schemas.EmbeddingRequest,
        example={"model": "text-embedding-3-small", "input": "Hello"},
        answer=schemas.EmbeddingList,
        model_prefixes=(ENGINES, DEPLOYMENTS),
    ),
    Operation(
        path="/moderations",
        tag="Moderations",
        summary="Judge whether a text is harmful",
        request=schemas.ModerationRequest,
        example={"model": "omni-moderation-latest", "input": "Hello"},
        answer=schemas.Moderation,
    ),
    Operation(
        path="/images/generations",
        tag="Images",
        summary="Draw images from a text",
        request=schemas.ImageRequest,
        example={"model": "gpt-image-1", "prompt": "A sluice gate at dawn", "size": "1024x1024"},
        answer=schemas.ImageList,
        stream_example=IMAGE_STREAM,
        model_prefixes=(DEPLOYMENTS,),
    ),
    Operation(
        path="/images/edits",
        tag="Images",
        summary="Change an image as a text says",
        request=schemas.ImageEditForm,
        request_type=FORM,
        example={"model": "gpt-image-1", "prompt": "Make it snow", "n": 1, "size": "1024x1024"},
        answer=schemas.ImageList,
        stream_example=IMAGE_STREAM,
        model_prefixes=(DEPLOYMENTS,),
    ),
    Operation(
        path="/images/variations",
        tag="Images",
        summary="Draw variations of an image",
        request=schemas.ImageVariationForm,
        request_type=FORM,
        example={"model": "dall-e-2", "n": 1, "size": "512x512"},
        answer=schemas.ImageList,
    ),
    Operation(
        path="/audio/speech",
        tag="Audio",
        summary="Speak a text",
        request=schemas.SpeechRequest,
        example={"model": "tts-1", "input": "Hello", "voice": "alloy", "response_format": "wav"},
        answer_type=BINARY,
    ),
    Operation(
        path="/audio/transcriptions",
        tag="Audio",
        summary="Write down what is said",
        request=schemas.TranscriptionForm,
        request_type=FORM,
        example={"model": "whisper-1", "language": "en", "response_format": "json", "stream": False},
        answer=schemas.Transcription,
        stream_example=TRANSCRIPT_STREAM,
    ),
    Operation(
        path="/audio/translations",
        tag="Audio",
        summary="Write down in English what is said",
        request=schemas.TranslationForm,
        request_type=FORM,
        example={"model": "whisper-1", "response_format": "json"},
        answer=schemas.Transcription,
    ),
    Operation(
        path="/responses",
        tag="Responses",
        summary="Answer, with tools and state",
        request=schemas.ResponseRequest,
        example={"model": "gpt-4o-mini", "input": "Say hello."},
        answer=schemas.Response,
        stream_example=RESPONSE_STREAM,
    ),
    Operation(
        path="/responses/compact",
        tag="Responses",
        summary="Shorten a conversation",
        request=schemas.CompactRequest,
        example={"model": "gpt-4o-mini", "input": "Say hello."},
        answer=schemas.CompactedResponse,
    ),
    Operation(
        path="/responses/input_tokens",
        tag="Responses",
        summary="Count the tokens of an input",
        request=schemas.ResponseRequest,
        example={"model": "gpt-4o-mini", "input": "Say hello."},
        answer=schemas.InputTokens,
    ),
    Operation(
        method="get",
        path="/responses/{response_id}",
        tag="Responses",
        summary="Read a stored response",
        answer=schemas.Response,
    ),
    Operation(
        method="delete",
        path="/responses/{response_id}",
        tag="Responses",
        summary="Delete a stored response",
        answer=schemas.DeletedResponse,
    ),
    Operation(
        path="/responses/{response_id}/cancel",
        tag="Responses",
        summary="Cancel a response made in the background",
        answer=schemas.Response,
    ),
    Operation(
        method="get",
        path="/responses/{response_id}/input_items",
        tag="Responses",
        summary="List what a response was given",
        answer=schemas.ResponseItems,
    ),
)
