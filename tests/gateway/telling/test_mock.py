from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from proxy.gateway.reading.call import Call
from proxy.gateway.reading.routes import Kind, Route
from proxy.gateway.telling.mock import mocks, send_mock
from proxy.types import Deployment
from proxy.wire.gone import ClientGone

COMPLETIONS = Route(Kind.NATIVE, "/completions", b"/completions", model_needed=True)
EMBEDDINGS = Route(Kind.NATIVE, "/embeddings", b"/embeddings", model_needed=True)
MakeCall = Callable[..., Call]
MakeDeployment = Callable[..., Deployment]


@pytest.fixture
def mocked(a_deployment: MakeDeployment) -> Deployment:
    return a_deployment(mock_response="one two  three")


def test_which_requests_are_mocked(a_call: MakeCall) -> None:
    assert mocks(a_call())
    assert mocks(a_call(route=COMPLETIONS))
    assert not mocks(a_call(route=EMBEDDINGS))


async def answered(door: Any, call: Call, deployment: Deployment) -> bytes:
    await send_mock(door, call, deployment, b"x-a: b\r\n")
    unheld = b"cache-control: no-cache\r\nx-accel-buffering: no\r\n" if call.stream else b""
    assert (door.committed, door.ended, door.extra) == (True, True, b"x-a: b\r\n" + unheld)
    return b"".join(door.written)


async def test_a_chat_answer(exchange: Callable[..., Any], a_call: MakeCall, mocked: Deployment) -> None:
    answer = msgspec.json.decode(await answered(exchange(), a_call(), mocked))
    assert (answer["object"], answer["model"]) == ("chat.completion", "m")
    choice = answer["choices"][0]
    assert choice["message"] == {"role": "assistant", "content": "one two  three"}
    assert choice["finish_reason"] == "stop"
    assert answer["usage"]["completion_tokens"] == 3


async def test_a_completions_answer(
    exchange: Callable[..., Any], a_call: MakeCall, mocked: Deployment
) -> None:
    answer = msgspec.json.decode(await answered(exchange(), a_call(route=COMPLETIONS), mocked))
    assert (answer["object"], answer["choices"][0]["text"]) == ("text_completion", "one two  three")


@pytest.mark.parametrize("text", ["one two  three", "", "word"])
@pytest.mark.parametrize("chat", [True, False])
async def test_a_stream_says_the_same_text(
    exchange: Callable[..., Any], a_call: MakeCall, a_deployment: MakeDeployment, text: str, chat: bool
) -> None:
    call = a_call(stream=True, **({} if chat else {"route": COMPLETIONS}))
    said = await answered(exchange(), call, a_deployment(mock_response=text))
    *events, done, end = said.split(b"\n\n")
    assert (done, end) == (b"data: [DONE]", b"")
    chunks = [msgspec.json.decode(event.removeprefix(b"data: ")) for event in events]
    choices = [chunk["choices"][0] for chunk in chunks]
    pieces = [choice["delta"].get("content", "") if chat else choice["text"] for choice in choices]
    assert "".join(pieces) == text
    assert [choice["finish_reason"] for choice in choices][-1] == "stop"
    assert {chunk["id"] for chunk in chunks} == {chunks[0]["id"]}


async def test_a_client_that_leaves(
    exchange: Callable[..., Any], a_call: MakeCall, mocked: Deployment
) -> None:
    door = exchange()
    door.gone_at = "write"
    with pytest.raises(ClientGone):
        await send_mock(door, a_call(stream=True), mocked, b"")
    assert not door.ended
