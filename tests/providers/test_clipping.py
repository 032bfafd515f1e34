from __future__ import annotations

import json

import pytest

from proxy.providers.clipping import clipped
from proxy.providers.dialect import dialect_of
from proxy.providers.prepare import Request, prepare
from proxy.types import Deployment, Moment, Parameters, Secret

CHAT = b"/chat/completions"


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        (CHAT, b'{"max_tokens" : 9000, "n": 1}', b'{"max_tokens" : 4096, "n": 1}'),
        (CHAT, b'{"max_completion_tokens":4097,"max_tokens":5}', b'{"max_completion_tokens":4096,"max_tokens":5}'),
        (b"/messages", b'{"messages":[{"max_tokens":1}],"max_tokens":1000000}',
         b'{"messages":[{"max_tokens":1}],"max_tokens":4096}'),
        (b"/responses", b'{"max_output_tokens":5000,"max_tokens":5000}',
         b'{"max_output_tokens":4096,"max_tokens":5000}'),
    ],
)  # fmt: skip
def test_as_many_as_the_model_writes(path: bytes, body: bytes, said: bytes) -> None:
    assert clipped(body, path, 4096) == said


@pytest.mark.parametrize(
    "body",
    [b'{"max_tokens": 4096}', b"{}", b'{"max_tokens": null}', b'{"max_tokens": "many"}', b'{"a":{"max_tokens":1e6}}'],
)  # fmt: skip
def test_what_asks_for_no_more_is_the_same_object(body: bytes) -> None:
    assert clipped(body, CHAT, 4096) is body
    assert clipped(body, b"/embeddings", 1) is body


@pytest.mark.parametrize("modifies", [True, False])
@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_only_where_the_operator_has_it_so(provider: str, *, modifies: bool) -> None:
    deployment = Deployment(
        id="d", group="m", provider=provider, model="claude-3-5-haiku", api_base="https://a.test/v1",
        api_key=Secret("k"), object_scope="s", parameters=Parameters(modifies=modifies),
    )  # fmt: skip
    body = b'{"model":"claude-3-5-haiku","messages":[{"role":"user","content":"Hi"}],"max_tokens":9000}'
    request = Request(CHAT, body, "claude-3-5-haiku", None, Moment(max_tokens=8192))
    said = json.loads(prepare(deployment, dialect_of(deployment), request).body)
    assert said["max_tokens"] == (8192 if modifies else 9000)
