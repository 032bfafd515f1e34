from __future__ import annotations

import base64
import io
import json
import wave

import httpx
import openai
import pytest

RECORDING = ("talk.mp3", b"x" * 6000)


@pytest.mark.parametrize(("wanted", "content_type"), [("wav", "audio/wav"), ("mp3", "audio/mpeg")])
def test_speech_is_a_playable_tone(client: openai.OpenAI, wanted: str, content_type: str) -> None:
    answer = client.audio.speech.create(
        model="tts-1", voice="alloy", input="one two three", extra_body={"response_format": wanted}
    )
    assert answer.response.headers["content-type"] == content_type
    with wave.open(io.BytesIO(answer.content)) as sound:
        assert sound.getnframes() / sound.getframerate() == pytest.approx(0.75, abs=0.01)
        assert max(sound.readframes(100)) > 0


def test_pcm_is_bare_samples(client: openai.OpenAI) -> None:
    answer = client.audio.speech.create(model="tts-1", voice="alloy", input="one", response_format="pcm")
    assert len(answer.content) == 24_000 // 4 * 2


def test_an_unknown_format_is_refused(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="ogg"):
        client.audio.speech.create(
            model="tts-1", voice="alloy", input="one", extra_body={"response_format": "ogg"}
        )


def test_streamed_speech(http: httpx.Client) -> None:
    body = {"model": "gpt-4o-mini-tts", "voice": "alloy", "input": "one", "stream_format": "sse"}
    answer = http.post("/v1/audio/speech", json=body)
    events = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: ")]
    audio = b"".join(base64.b64decode(event.get("audio", "")) for event in events)
    assert audio.startswith(b"RIFF")
    assert events[-1]["type"] == "speech.audio.done"


def test_a_transcription_names_the_file(client: openai.OpenAI) -> None:
    answer = client.audio.transcriptions.create(model="whisper-1", file=RECORDING)
    assert answer.text == "Simulated transcription of talk.mp3 (6000 bytes)."


def test_a_verbose_transcription(client: openai.OpenAI) -> None:
    answer = client.audio.transcriptions.create(
        model="whisper-1", file=RECORDING, response_format="verbose_json"
    )
    assert answer.duration == 1.5
    assert answer.segments is not None
    assert answer.segments[0].text == answer.text


@pytest.mark.parametrize(
    ("wanted", "start"),
    [
        ("text", "Simulated transcription"),
        ("srt", "1\n00:00:00,000 --> 00:00:01,500\nSimulated"),
        ("vtt", "WEBVTT\n\n00:00:00.000 --> 00:00:01.500\nSimulated"),
    ],
)
def test_plain_transcriptions(http: httpx.Client, wanted: str, start: str) -> None:
    form = {"model": "whisper-1", "response_format": wanted}
    answer = http.post("/v1/audio/transcriptions", data=form, files={"file": RECORDING})
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.text.startswith(start)


def test_a_streamed_transcription(client: openai.OpenAI) -> None:
    stream = client.audio.transcriptions.create(model="gpt-4o-transcribe", file=RECORDING, stream=True)
    events = list(stream)
    deltas = [event.delta for event in events if event.type == "transcript.text.delta"]
    last = events[-1]
    assert last.type == "transcript.text.done"
    assert "".join(deltas) == last.text


@pytest.mark.filterwarnings("ignore:(The Assistants API is )?deprecated:DeprecationWarning")
def test_a_translation(client: openai.OpenAI) -> None:
    assert "translation" in client.audio.translations.create(model="whisper-1", file=RECORDING).text


def test_what_the_api_refuses(http: httpx.Client) -> None:
    no_model = http.post("/v1/audio/transcriptions", files={"file": RECORDING})
    assert no_model.json()["error"]["param"] == "model"
    no_file = http.post("/v1/audio/transcriptions", files={"model": (None, "whisper-1")})
    assert no_file.json()["error"]["param"] == "file"
