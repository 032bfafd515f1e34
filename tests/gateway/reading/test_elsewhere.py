"""What of a path on a provider's own API names a model or an object."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from proxy.gateway.reading.call import Call
from proxy.gateway.reading.elsewhere import makes_an_answer, models_in_path, objects_in
from proxy.gateway.reading.routes import Kind, Route


@pytest.mark.parametrize(
    ("path", "models"),
    [
        (b"/v1beta/models/gemini-2.5-pro:generateContent", ["gemini-2.5-pro"]),
        (b"/v1beta//models%2F%2Fgemini-2.5-pro:generateContent", ["gemini-2.5-pro"]),
        (b"/model/anthropic.claude-v2:1/converse", ["anthropic.claude-v2:1"]),
        (b"/openai/deployments/my%20gpt/chat/completions", ["my gpt"]),
        (b"/v1/projects/p/locations/l/publishers/google/models/m:predict", ["m"]),
        (b"/v1/messages", []),
        (b"/v1/models", []),
    ],
)
def test_models(path: bytes, models: list[str]) -> None:
    assert models_in_path(path) == models


@pytest.mark.parametrize(
    ("method", "path", "makes"),
    [
        (b"POST", b"/v1beta/models/m:streamGenerateContent", True),
        (b"POST", b"/v1/messages", True),
        (b"POST", b"/v2/chat", True),
        (b"POST", b"/model/m/converse-stream", True),
        (b"POST", b"/v1/messages/batches", False),
        (b"POST", b"/v1/files", False),
        (b"GET", b"/v1/messages", False),
    ],
)
def test_what_keeps_nothing(a_call: Callable[..., Call], method: bytes, path: bytes, makes: bool) -> None:
    call = a_call(b"", method=method, route=Route(Kind.THROUGH, "/x/*", path, provider="x"))
    assert makes_an_answer(call) is makes


def test_objects() -> None:
    assert objects_in("/v1/messages/batches/msgbatch_1/results") == ["msgbatch_1", "batches/msgbatch_1"]
    assert objects_in("/v1beta/files/7hkn3rpoqkbh:download") == ["files/7hkn3rpoqkbh"]
