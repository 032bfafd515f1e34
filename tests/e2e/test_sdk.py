"""The OpenAI Python SDK, unchanged but for its base URL, and curl: every kind of call against a live gateway."""

from __future__ import annotations

import asyncio
import io
import json
import shutil
import subprocess
import wave
from collections.abc import Awaitable, Callable, Iterator

import openai
import pytest

from loadtest.answers import JSON_TYPE, Answer, chat, chat_stream, error, truncated

AsyncCall = Callable[[openai.AsyncOpenAI], Awaitable[object]]
BASES = ("/v1", "", "/openai/v1", "/openai", "/openai_passthrough/v1", "/openai_passthrough")
HELLO = [{"role": "user", "content": "What is the capital of France?"}]
RECORDING = ("speech.wav", b"RIFF" + bytes(2000))


def _audio_length_s(answer) -> float:
    with wave.open(io.BytesIO(answer.content)) as sound:
        return sound.getnframes() / sound.getframerate()


CALLS = {
    "chat": (
        lambda sdk: sdk.chat.completions.create(model="gpt-4o", messages=HELLO),
        lambda said: "capital of France" in said.choices[0].message.content and said.usage.total_tokens > 0,
    ),
    "completions": (
        lambda sdk: sdk.completions.create(model="gpt-3.5-turbo-instruct", prompt="Once"),
        lambda said: said.object == "text_completion" and said.choices[0].text,
    ),
    "embeddings": (
        lambda sdk: sdk.embeddings.create(model="text-embedding-3-small", input=["a", "b"]),
        lambda said: [len(one.embedding) for one in said.data] == [1536, 1536],
    ),
    "moderations": (
        lambda sdk: sdk.moderations.create(input="I will kill you"),
        lambda said: said.results[0].flagged,
    ),
    "images": (
        lambda sdk: sdk.images.generate(model="gpt-image-1", prompt="A red cat"),
        lambda said: said.data[0].b64_json.startswith("iVBORw0KGgo"),
    ),
    "image edits": (
        lambda sdk: sdk.images.edit(model="gpt-image-1", image=[("a.png", b"1"), ("b.png", b"2")], prompt="Mix"),
        lambda said: said.data[0].b64_json.startswith("iVBORw0KGgo"),
    ),
    "speech": (
        lambda sdk: sdk.audio.speech.create(model="tts-1", voice="alloy", input="Hi", response_format="wav"),
        lambda said: _audio_length_s(said) > 0.1,
    ),
    "transcriptions": (
        lambda sdk: sdk.audio.transcriptions.create(model="whisper-1", file=RECORDING),
        lambda said: said.text,
    ),
    "responses": (
        lambda sdk: sdk.responses.create(model="gpt-4o", input="What is the capital of France?"),
        lambda said: said.status == "completed" and "capital of France" in said.output_text,
    ),
    "files": (
        lambda sdk: sdk.files.create(file=("a.txt", b"some text"), purpose="assistants"),
        lambda said: (said.filename, said.bytes) == ("a.txt", 9),
    ),
}  # fmt: skip
STREAMS = {
    "chat": (
        lambda sdk: sdk.chat.completions.create(
            model="gpt-4o", messages=HELLO, stream=True, stream_options={"include_usage": True}
        ),
        lambda events: (
            events[-1].usage.completion_tokens > 0 and events[-2].choices[0].finish_reason == "stop"
        ),
    ),
    "completions": (
        lambda sdk: sdk.completions.create(model="gpt-3.5-turbo-instruct", prompt="Once", stream=True),
        lambda events: "".join(event.choices[0].text for event in events),
    ),
    "responses": (
        lambda sdk: sdk.responses.create(model="gpt-4o", input="Count", stream=True),
        lambda events: (events[0].type, events[-1].type) == ("response.created", "response.completed"),
    ),
    "transcriptions": (
        lambda sdk: sdk.audio.transcriptions.create(model="gpt-4o-transcribe", file=RECORDING, stream=True),
        lambda events: events[-1].type == "transcript.text.done",
    ),
}


@pytest.fixture(params=BASES)
def sdk(request, gateway_url, gateway_key) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=gateway_url + request.param, api_key=gateway_key, max_retries=0) as sdk:
        yield sdk


@pytest.fixture(params=BASES[::2])
def with_async_sdk(request, gateway_url, gateway_key) -> Callable[[AsyncCall], object]:
    """Runs one call as most programs do: under asyncio."""

    async def run(call: AsyncCall) -> object:
        url = gateway_url + request.param
        async with openai.AsyncOpenAI(base_url=url, api_key=gateway_key, max_retries=0) as sdk:
            return await call(sdk)

    return lambda call: asyncio.run(run(call))


@pytest.mark.parametrize("name", CALLS)
def test_a_call(name, sdk) -> None:
    call, is_right = CALLS[name]
    assert is_right(call(sdk))


@pytest.mark.parametrize("name", CALLS)
def test_an_async_call(name, with_async_sdk) -> None:
    call, is_right = CALLS[name]
    assert is_right(with_async_sdk(call))


@pytest.mark.parametrize("sdk", BASES[::2], indirect=True)
@pytest.mark.parametrize("name", STREAMS)
def test_a_stream(name, sdk) -> None:
    call, is_right = STREAMS[name]
    assert is_right(list(call(sdk)))


@pytest.mark.parametrize("name", STREAMS)
def test_an_async_stream(name, with_async_sdk) -> None:
    call, is_right = STREAMS[name]

    async def read(sdk: openai.AsyncOpenAI) -> list[object]:
        return [event async for event in await call(sdk)]

    assert is_right(with_async_sdk(read))


def test_models(sdk) -> None:
    listed = {model.id for model in sdk.models.list()}
    assert "gpt-4o" in listed
    assert sdk.models.retrieve("gpt-4o").id == "gpt-4o"


def test_a_file_and_back(sdk) -> None:
    content = bytes(range(256)) * 100
    made = sdk.files.create(file=("all.bin", content), purpose="user_data")
    assert sdk.files.retrieve(made.id).bytes == len(content)
    assert sdk.files.content(made.id).content == content
    assert made.id in {file.id for file in sdk.files.list()}
    assert sdk.files.delete(made.id).deleted
    with pytest.raises(openai.NotFoundError):
        sdk.files.retrieve(made.id)


def test_a_wrong_key(sdk) -> None:
    with pytest.raises(openai.AuthenticationError) as raised:
        sdk.with_options(api_key="sk-wrong").chat.completions.create(model="gpt-4o", messages=HELLO)
    assert raised.value.code == "invalid_api_key"


def test_errors_of_the_upstreams(sdk) -> None:
    with pytest.raises(openai.NotFoundError):
        sdk.files.retrieve("file-nobody-made")
    with pytest.raises(openai.BadRequestError):
        sdk.chat.completions.create(model="gpt-4o", messages="not a list")  # type: ignore[call-overload]


@pytest.fixture(scope="module")
def troubled(start) -> Iterator[openai.OpenAI]:
    """The SDK over one upstream that fails as it is told to."""
    config = """
model_list:
  - model_name: gpt-4o
    litellm_params: {model: openai/gpt-4o, api_base: UPSTREAM, api_key: sk-one}
router_settings: {disable_cooldowns: true, num_retries: 0}
"""
    with (
        start(config) as gateway,
        openai.OpenAI(base_url=gateway.url + "/v1", api_key=gateway.key, max_retries=0) as sdk,
    ):
        yield sdk


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, openai.BadRequestError),
        (401, openai.AuthenticationError),
        (403, openai.PermissionDeniedError),
        (404, openai.NotFoundError),
        (409, openai.ConflictError),
        (422, openai.UnprocessableEntityError),
        (429, openai.RateLimitError),
        (500, openai.InternalServerError),
        (503, openai.InternalServerError),
    ],
)
def test_every_status_is_the_sdks_own_exception(status, kind, troubled, upstream) -> None:
    upstream.say(error(status, "its own words", retry_after="3"))
    with pytest.raises(kind) as raised:
        troubled.chat.completions.create(model="gpt-4o", messages=HELLO)
    assert type(raised.value) is kind
    assert raised.value.body["message"] == "its own words"
    assert raised.value.response.headers["retry-after"] == "3"


def test_an_unknown_model(troubled, upstream) -> None:
    with pytest.raises(openai.NotFoundError) as raised:
        troubled.chat.completions.create(model="gpt-unknown", messages=HELLO)
    assert (raised.value.code, raised.value.param) == ("model_not_found", "model")
    assert not upstream.requests


def test_the_sdk_retries_by_itself(troubled, upstream) -> None:
    answer = Answer(429, (JSON_TYPE, (b"retry-after-ms", b"1")), error(429).body)
    upstream.say(answer, chat())
    said = troubled.with_options(max_retries=1).chat.completions.create(model="gpt-4o", messages=HELLO)
    assert said.id == "chatcmpl-mock"
    assert [request.header(b"x-stainless-retry-count") for request in upstream.requests] == [b"0", b"1"]


def test_a_stream_that_breaks_off_raises(troubled, upstream) -> None:
    stream = chat_stream(5)
    whole = b"".join(stream.writes())
    upstream.say(truncated(at=whole.index(b"data: [DONE]") - len(b"e\r\n"), answer=stream))
    events = troubled.chat.completions.create(model="gpt-4o", messages=HELLO, stream=True)
    seen = [next(events) for _ in range(5)]
    assert [event.choices[0].delta.content[:1] for event in seen] == list("01234")
    with pytest.raises(openai.APIError, match="broke off"):
        next(events)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
class TestCurl:
    """As a user types it."""

    @staticmethod
    def _curl(url: str, key: str, *arguments: str) -> bytes:
        command = ["curl", "-sS", "--max-time", "20", "-H", f"Authorization: Bearer {key}", *arguments, url]
        return subprocess.run(command, capture_output=True, check=True).stdout

    def test_a_chat(self, gateway_url, gateway_key) -> None:
        body = json.dumps({"model": "gpt-4o", "messages": HELLO})
        asked = ("-H", "Content-Type: application/json", "-d", body)
        said = json.loads(self._curl(gateway_url + "/v1/chat/completions", gateway_key, *asked))
        assert "capital of France" in said["choices"][0]["message"]["content"]

    def test_a_stream(self, gateway_url, gateway_key) -> None:
        body = json.dumps({"model": "gpt-4o", "messages": HELLO, "stream": True})
        said = self._curl(gateway_url + "/openai/v1/chat/completions", gateway_key, "-N", "-d", body,
                          "-H", "Content-Type: application/json")  # fmt: skip
        assert said.endswith(b"data: [DONE]\n\n")

    def test_a_large_upload_waits_for_100_continue(self, gateway_url, gateway_key, tmp_path) -> None:
        path = tmp_path / "large.bin"
        path.write_bytes(bytes(range(256)) * 20_000)
        form = ("-F", "purpose=user_data", "-F", f"file=@{path}", "-H", "Expect: 100-continue")
        said = json.loads(self._curl(gateway_url + "/openai/v1/files", gateway_key, *form))
        assert said["bytes"] == path.stat().st_size

    @pytest.mark.parametrize("version", ["--http1.0", "--http1.1", "--http2", "--http2-prior-knowledge"])
    def test_every_version_of_http(self, version, gateway_url, gateway_key) -> None:
        built = subprocess.run(["curl", "--version"], capture_output=True, check=True).stdout
        if "http2" in version and b" HTTP2 " not in built:
            pytest.skip("this curl has no HTTP/2")
        said = json.loads(self._curl(gateway_url + "/v1/models", gateway_key, version))
        assert "gpt-4o" in [model["id"] for model in said["data"]]

    def test_head(self, gateway_url, gateway_key) -> None:
        said = self._curl(gateway_url + "/openai/v1/models", gateway_key, "--head")
        assert b"content-type: application/json" in said.lower()
