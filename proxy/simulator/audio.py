"""Audio: https://platform.openai.com/docs/api-reference/audio

Speech is a sine tone, about as long as the text would take. The bytes are WAV whatever format was asked for
(players go by the bytes), but for `pcm`, which is bare samples; the content type is the one of the format.
"""

from __future__ import annotations

import base64
import io
import math
import struct
import wave
from collections.abc import Iterator

import msgspec

from proxy.errors import GatewayError
from proxy.simulator.answer import Answer, Json, Stream, reply, sse
from proxy.simulator.request import Request
from proxy.simulator.route import Route
from proxy.simulator.text import count_tokens, tokens_of
from proxy.types import Reply

CONTENT_TYPES = {
    "mp3": "audio/mpeg",
    "opus": "audio/opus",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}
NOUNS = {"transcribe": "transcription", "translate": "translation"}
SAMPLE_RATE_HZ = 24_000
PERIOD_SAMPLES = 50
"""480 Hz."""
SECONDS_PER_TOKEN = 0.25
MAX_SPEECH_S = 10.0
STREAM_PIECE_BYTES = 16 * 1024
BYTES_PER_SECOND = 4_000
"""For the length of an uploaded recording: speech as MP3 at 32 kbit/s."""


class SpeechBody(msgspec.Struct):
    model: str
    input: str
    voice: object
    response_format: str = "mp3"
    stream_format: str = "audio"


class TranscriptionFields(msgspec.Struct):
    model: str
    response_format: str = "json"
    language: str = "english"
    stream: bool = False


def speech(request: Request) -> Answer:
    body = request.body_as(SpeechBody)
    content_type = CONTENT_TYPES.get(body.response_format)
    if content_type is None:
        message = (
            f"Invalid value: '{body.response_format}'. Supported values are: {', '.join(CONTENT_TYPES)}."
        )
        raise GatewayError(400, message, param="response_format", code="invalid_value")
    samples = _tone(min(MAX_SPEECH_S, count_tokens(body.input) * SECONDS_PER_TOKEN))
    audio = samples if body.response_format == "pcm" else wav(samples)
    if body.stream_format == "sse":
        return Stream(_speech_events(body, audio))
    return Reply(200, audio, content_type)


def transcribe(request: Request) -> Answer:
    return _transcript(request, "transcribe")


def translate(request: Request) -> Answer:
    return _transcript(request, "translate")


def wav(samples: bytes) -> bytes:
    """16 bit mono."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(SAMPLE_RATE_HZ)
        out.writeframes(samples)
    return file.getvalue()


def _tone(length_s: float) -> bytes:
    angles = (2 * math.pi * index / PERIOD_SAMPLES for index in range(PERIOD_SAMPLES))
    period = struct.pack(f"<{PERIOD_SAMPLES}h", *(int(8_000 * math.sin(angle)) for angle in angles))
    return period * round(length_s * SAMPLE_RATE_HZ / PERIOD_SAMPLES)


def _speech_events(body: SpeechBody, audio: bytes) -> Iterator[bytes]:
    for start in range(0, len(audio), STREAM_PIECE_BYTES):
        piece = base64.b64encode(audio[start : start + STREAM_PIECE_BYTES]).decode()
        yield sse({"type": "speech.audio.delta", "audio": piece})
    tokens = count_tokens(body.input)
    usage = {"input_tokens": tokens, "output_tokens": tokens, "total_tokens": 2 * tokens}
    yield sse({"type": "speech.audio.done", "usage": usage})


def _transcript(request: Request, task: str) -> Answer:
    fields = request.form_as(TranscriptionFields)
    file = request.form().file("file")
    text = f"Simulated {NOUNS[task]} of {file.filename} ({len(file.data)} bytes)."
    if fields.stream:
        return Stream(_transcript_events(text))
    length_s = round(len(file.data) / BYTES_PER_SECOND, 2)
    usage: Json = {"type": "duration", "seconds": math.ceil(length_s)}
    if fields.response_format == "verbose_json":
        return reply({**_verbose(text, length_s, fields.language), "task": task, "usage": usage})
    plain = _plain(fields.response_format, text, length_s)
    if plain is not None:
        return Reply(200, plain.encode(), "text/plain; charset=utf-8")
    return reply({"text": text, "usage": usage})


def _plain(response_format: str, text: str, length_s: float) -> str | None:
    end = f"00:{int(length_s) // 60 % 60:02}:{int(length_s) % 60:02}.{int(length_s * 1000) % 1000:03}"
    return {
        "text": f"{text}\n",
        "srt": f"1\n00:00:00,000 --> {end.replace('.', ',')}\n{text}\n\n",
        "vtt": f"WEBVTT\n\n00:00:00.000 --> {end}\n{text}\n\n",
    }.get(response_format)


def _verbose(text: str, length_s: float, language: str) -> Json:
    segment: Json = {
        "id": 0,
        "seek": 0,
        "start": 0.0,
        "end": length_s,
        "text": text,
        "tokens": [],
        "temperature": 0.0,
        "avg_logprob": -0.1,
        "compression_ratio": 1.0,
        "no_speech_prob": 0.01,
    }
    return {"language": language, "duration": length_s, "text": text, "segments": [segment]}


def _transcript_events(text: str) -> Iterator[bytes]:
    for token in tokens_of(text):
        yield sse({"type": "transcript.text.delta", "delta": token})
    tokens = count_tokens(text)
    usage = {"type": "tokens", "input_tokens": tokens, "output_tokens": tokens, "total_tokens": 2 * tokens}
    yield sse({"type": "transcript.text.done", "text": text, "usage": usage})


ROUTES = (
    Route("POST", "/v1/audio/speech", speech),
    Route("POST", "/v1/audio/transcriptions", transcribe),
    Route("POST", "/v1/audio/translations", translate),
)
