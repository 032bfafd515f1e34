"""What passes through to providers' own APIs: paths, credentials, health."""

from __future__ import annotations

import pytest

from loadtest.answers import Answer, chat

KEY = "sk-gateway-master"
DOORS = ["HTTP/1.1", "HTTP/1.0"]
CONFIG = """
model_list:
  - {model_name: g, litellm_params: {model: gemini/gemini-2.5-pro, api_base: UPSTREAM/v1beta/openai, api_key: k-g}}
  - {model_name: a, litellm_params: {model: azure/gpt, api_base: UPSTREAM/az, api_key: k-a, api_version: V}}
  - {model_name: q1, litellm_params: {model: groq/llama, api_base: UPSTREAM/openai/v1, api_key: k-q1}}
  - {model_name: q2, litellm_params: {model: groq/llama, api_base: UPSTREAM/openai/v1, api_key: k-q2, order: 1}}
  - {model_name: c, litellm_params: {model: anthropic/claude, api_base: UPSTREAM/ant, api_key: k-c}}
  - model_name: b
    litellm_params:
      {model: bedrock/m, api_base: UPSTREAM/openai/v1, aws_access_key_id: A, aws_secret_access_key: S}
  - {model_name: v, litellm_params: {model: vertex_ai/m, api_base: UPSTREAM, vertex_project: p, api_key: k-v}}
"""


@pytest.fixture(scope="module")
def gateway(start):
    with start(CONFIG) as gateway:
        yield gateway


@pytest.fixture
def ask(gateway, connect):
    def asked(
        target: str,
        body: bytes = b'{"x":1}',
        door: str = "HTTP/1.1",
        key: str = f"Authorization: Bearer {KEY}",
    ):
        lines = f"POST {target} {door}\r\nHost: gateway\r\n{key}\r\nContent-Type: application/json\r\n"
        with connect(gateway) as client:
            return client.exchange(f"{lines}Content-Length: {len(body)}\r\n\r\n".encode() + body)

    return asked


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    ("asked", "target", "header", "value"),
    [
        ("/gemini/v1beta/models/g:generateContent?alt=sse", b"/v1beta/models/g:generateContent?alt=sse",
         b"x-goog-api-key", b"k-g"),
        ("/azure/openai/deployments/d/chat/completions?api-version=2024-10-21",
         b"/az/openai/deployments/d/chat/completions?api-version=2024-10-21", b"api-key", b"k-a"),
        ("/groq/v1/audio/x", b"/openai/v1/audio/x", b"authorization", b"Bearer k-q1"),
        ("/groq/audio/x", b"/openai/v1/audio/x", b"authorization", b"Bearer k-q1"),
        ("/anthropic/v1/files", b"/ant/v1/files", b"x-api-key", b"k-c"),
        ("/vertex_ai/v1/projects/p/x:predict", b"/v1/projects/p/x:predict", b"authorization", b"Bearer k-v"),
    ],
)  # fmt: skip
def test_paths_and_credentials(
    asked: str, target: bytes, header: bytes, value: bytes, door: str, ask, upstream
) -> None:
    assert ask(asked, door=door).status == 200
    sent = upstream.last
    assert (sent.target, sent.header(header), sent.body) == (target, value, b'{"x":1}')
    assert KEY.encode() not in sent.head


def test_googles_clients_have_the_gateways_key_where_they_have_googles(ask, upstream) -> None:
    assert ask("/gemini/v1beta/m:x?key=theirs&alt=sse", key=f"x-goog-api-key: {KEY}").status == 200
    assert upstream.last.target == b"/v1beta/m:x?alt=sse"
    assert upstream.last.header(b"x-goog-api-key") == b"k-g"
    assert upstream.last.header(b"authorization") is None


def test_bedrock_is_signed_for_its_own_api(ask, upstream) -> None:
    assert ask("/bedrock/model/m/converse").status == 200
    assert upstream.last.target == b"/model/m/converse"
    assert upstream.last.header(b"authorization").startswith(b"AWS4-HMAC-SHA256 Credential=A/")


def test_a_key_that_fails_hands_over_and_rests(ask, upstream) -> None:
    refused = Answer(401, chat().headers, b'{"error":{"message":"Invalid API Key","code":"invalid_api_key"}}')
    upstream.say(refused, chat())
    assert ask("/groq/v1/chat/completions", b'{"model":"q","messages":[]}').status == 200
    assert [each.header(b"authorization") for each in upstream.requests] == [b"Bearer k-q1", b"Bearer k-q2"]


def test_a_group_of_that_providers_is_named_by_the_body(ask, upstream) -> None:
    assert ask("/groq/v1/chat/completions", b'{"model":"q2","messages":[]}').status == 200
    assert upstream.last.header(b"authorization") == b"Bearer k-q2"
    assert upstream.last.body == b'{"model":"llama","messages":[]}'


def test_who_is_not_there(ask, upstream) -> None:
    got = ask("/mistral/v1/x")
    assert (got.status, got.error["code"]) == (404, "provider_not_configured")
    assert ask("/nobody/v1/x").status == 404
    assert ask("/gemini/v1beta/../x").status == 400
    assert ask("/gemini/v1beta/x", key="X: y").status == 401
    assert not upstream.requests
