"""What each deployment is sent, and what comes of it: bases, parameters, headers, organizations, translations."""

from __future__ import annotations

import msgspec
import pytest

from loadtest.answers import DONE, SSE_TYPE, Answer, Framing, error

CONFIG = """
model_list:
  - model_name: bare
    litellm_params: {model: openai/m, api_base: "UPSTREAM", api_key: sk-1}
  - model_name: bare-slash
    litellm_params: {model: openai/m, api_base: "UPSTREAM/", api_key: sk-1}
  - model_name: v1
    litellm_params: {model: openai/m, api_base: "UPSTREAM/v1", api_key: sk-1}
  - model_name: v1-slash
    litellm_params: {model: openai/m, api_base: "UPSTREAM/v1/", api_key: sk-1}
  - model_name: path
    litellm_params: {model: openai/m, api_base: "UPSTREAM/v1beta/openai/", api_key: sk-1}
  - model_name: keyless
    litellm_params: {model: openai/served-by-vllm, api_base: "UPSTREAM/v1", api_key: ""}
  - model_name: instruct
    litellm_params: {model: text-completion-openai/gpt-3.5-turbo-instruct, api_base: UPSTREAM, api_key: sk-1}
  - model_name: no-system
    litellm_params: {model: openai/m, api_base: UPSTREAM, api_key: sk-1, supports_system_message: false}
  - model_name: warm
    litellm_params: {model: openai/warm, api_base: UPSTREAM, api_key: sk-1, temperature: 0.5, seed: 7}
  - model_name: helicone
    litellm_params:
      model: openai/helicone
      api_base: UPSTREAM/v1
      api_key: sk-1
      extra_headers: {Helicone-Auth: Bearer sk-helicone, Helicone-Cache-Enabled: "true"}
  - model_name: ours
    litellm_params: {model: openai/ours, api_base: UPSTREAM, api_key: sk-1, organization: org-ours}
  - model_name: mocked
    litellm_params: {model: openai/mocked, mock_response: "It is sunny today"}
general_settings:
  max_request_size_mb: 1
  pass_through_endpoints:
    - {path: /v1/rerank, target: UPSTREAM/rank/v2, headers: {Authorization: bearer os.environ/RANK_KEY, X-Own: a}}
    - {path: /all, target: "UPSTREAM", include_subpath: true, auth: false, forward_headers: true, methods: [GET, PUT]}
"""


@pytest.fixture(scope="module")
def client(start, connect):
    with start(CONFIG, RANK_KEY="sk-rank") as gateway, connect(gateway) as client:
        yield client


@pytest.mark.parametrize(
    "client_path", ["/v1/embeddings", "/embeddings", "/openai/v1/embeddings", "/openai/embeddings"]
)
@pytest.mark.parametrize(
    ("model", "target"),
    [
        ("bare", b"/v1/embeddings"),
        ("bare-slash", b"/v1/embeddings"),
        ("v1", b"/v1/embeddings"),
        ("v1-slash", b"/v1/embeddings"),
        ("path", b"/v1beta/openai/embeddings"),
    ],
)
def test_a_base_and_a_path_are_joined_without_a_second_version(
    client_path, model, target, client, upstream
) -> None:
    client.request("POST", client_path, b'{"model":"%b"}' % model.encode())
    assert upstream.last.target == target


def test_an_empty_key_sends_no_authorization(client, upstream) -> None:
    client.request("POST", "/v1/chat/completions", b'{"model":"keyless"}')
    assert upstream.last.header(b"authorization") is None
    assert upstream.last.body == b'{"model":"served-by-vllm"}'


CHAT = b'{"model":"instruct","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Hi"}]%b}'


def test_chat_asked_of_a_model_that_completes(client, upstream) -> None:
    choice = b'{"index":0,"text":" there","logprobs":null,"finish_reason":"stop"}'
    said = (
        b'{"id":"cmpl-1","object":"text_completion","model":"i","choices":[%b],"usage":{"total_tokens":3}}'
        % choice
    )
    upstream.say(Answer(body=said))
    got = client.request("POST", "/v1/chat/completions", CHAT % b',"max_completion_tokens":9')
    assert upstream.last.target == b"/v1/completions"
    assert msgspec.json.decode(upstream.last.body) == {
        "model": "gpt-3.5-turbo-instruct", "prompt": "Be brief.\nHi", "max_tokens": 9,
    }  # fmt: skip
    answer = msgspec.json.decode(got.body)
    assert answer["object"] == "chat.completion"
    assert answer["choices"][0]["message"] == {"role": "assistant", "content": " there", "refusal": None}
    assert answer["usage"] == {"total_tokens": 3}


def test_a_chat_stream_asked_of_a_model_that_completes(client, upstream) -> None:
    events = [
        b'data: {"object":"text_completion","choices":[{"index":0,"text":"a","finish_reason":null}]}\n\n',
        b'data: {"object":"text_completion","choices":[{"index":0,"text":"b","finish_reason":"stop"}]}\n\n',
    ]
    upstream.say(Answer(headers=(SSE_TYPE,), body=(*events, DONE), framing=Framing.CHUNKED))
    got = client.request("POST", "/v1/chat/completions", CHAT % b',"stream":true')
    *chunks, done = got.body.removesuffix(b"\n\n").split(b"\n\n")
    read = [msgspec.json.decode(chunk.removeprefix(b"data: ")) for chunk in chunks]
    assert [chunk["object"] for chunk in read] == ["chat.completion.chunk"] * 2
    assert "".join(chunk["choices"][0]["delta"]["content"] for chunk in read) == "ab"
    assert done == b"data: [DONE]"


def test_an_error_of_a_model_that_completes_comes_back_as_it_is(client, upstream) -> None:
    refused = error(400, "no such thing")
    upstream.say(refused)
    got = client.request("POST", "/v1/chat/completions", CHAT % b"")
    assert (got.status, got.body) == (400, refused.body)


def test_completions_asked_of_a_model_that_completes(client, upstream) -> None:
    client.request("POST", "/v1/completions", b'{"prompt" : "Hi", "model":"instruct"}')
    assert upstream.last.target == b"/v1/completions"
    assert upstream.last.body == b'{"prompt" : "Hi", "model":"gpt-3.5-turbo-instruct"}'


def test_system_messages_become_user_messages(client, upstream) -> None:
    messages = b'[{"role":"%b","content":"a"},{ "role" : "%b" },{"role":"assistant","content":"\\u00e9"}]'
    body = b'{"model":"no-system" ,"messages" : %b}'
    client.request("POST", "/v1/chat/completions", body % (messages % (b"system", b"developer")))
    sent = msgspec.json.decode(upstream.last.body)["messages"]
    assert [message["role"] for message in sent] == ["user", "assistant"]
    assert [message.get("content") for message in sent] == ["a", "é"]


def test_default_parameters_fill_in_what_is_missing(client, upstream) -> None:
    client.request("POST", "/v1/chat/completions", b'{ "model":"warm","temperature":0 }')
    assert upstream.last.body == b'{"seed":7, "model":"warm","temperature":0 }'
    client.request("POST", "/openai/v1/chat/completions", b'{"model":"warm","seed":1,"temperature":1}')
    assert upstream.last.body == b'{"model":"warm","seed":1,"temperature":1}'


def test_extra_headers_replace_the_clients(client, upstream) -> None:
    headers = {"helicone-auth": "Bearer mine", "Helicone-User-Id": "u"}
    client.request("POST", "/v1/chat/completions", b'{"model":"helicone"}', headers=headers)
    own = [(name, value) for name, value in upstream.last.headers if name.lower().startswith(b"helicone")]
    assert own == [
        (b"Helicone-Auth", b"Bearer sk-helicone"), (b"Helicone-Cache-Enabled", b"true"), (b"Helicone-User-Id", b"u"),
    ]  # fmt: skip
    assert upstream.last.header(b"authorization") == b"Bearer sk-1"


@pytest.mark.parametrize(
    ("setting", "from_bare", "from_ours"),
    [
        (None, b"org-client", b"org-ours"),
        ("true", b"org-client", b"org-client"),
        ("false", None, b"org-ours"),
    ],
)
def test_the_organization(setting, from_bare, from_ours, start, connect, upstream) -> None:
    line = f"  forward_openai_org_id: {setting}\n" if setting else ""
    with start(CONFIG + line, RANK_KEY="x") as gateway, connect(gateway) as client:
        for model, expected in ((b"bare", from_bare), (b"ours", from_ours)):
            headers = {"OpenAI-Organization": "org-client"}
            client.request("POST", "/v1/embeddings", b'{"model":"%b"}' % model, headers=headers)
            assert upstream.last.header(b"openai-organization") == expected
        client.request("POST", "/v1/embeddings", b'{"model":"ours"}')
        assert upstream.last.header(b"openai-organization") == b"org-ours"


def test_client_headers_can_be_held_back_on_native_routes(start, connect, upstream) -> None:
    line = "  forward_client_headers_to_llm_api: false\n"
    with start(CONFIG + line, RANK_KEY="x") as gateway, connect(gateway) as client:
        for path, expected in (("/v1/embeddings", None), ("/openai/v1/embeddings", b"7")):
            client.request("POST", path, b'{"model":"bare"}', headers={"X-Trace": "7", "OpenAI-Project": "p"})
            assert upstream.last.header(b"x-trace") == expected
            assert upstream.last.header(b"openai-project") == b"p"


def test_an_endpoint_of_its_own(client, upstream) -> None:
    body = b'{"model":"fast", "query" : "x"}'
    got = client.request("POST", "/v1/rerank?top=3&top=4", body, headers={"X-Client": "1", "X-Own": "mine"})
    assert (got.status, upstream.last.body) == (200, body)
    assert upstream.last.target == b"/rank/v2?top=3&top=4"
    assert upstream.last.header(b"authorization") == b"bearer sk-rank"
    assert (upstream.last.header(b"x-own"), upstream.last.header(b"x-client")) == (b"a", None)
    assert client.request("POST", "/v1/rerank/below", body).status != 200, (
        "no subpaths where none are asked for"
    )


def test_an_endpoint_of_its_own_with_all_below_it(client, upstream) -> None:
    raw = b"PUT /all/of%2Fit?x HTTP/1.1\r\nHost: g\r\nX-Client: 1\r\nContent-Length: 2\r\n\r\n\x00\x01"
    assert client.exchange(raw).status == 200, "it asks for no key"
    assert (upstream.last.target, upstream.last.body) == (b"/of%2Fit?x", b"\x00\x01")
    assert upstream.last.header(b"x-client") == b"1"
    got = client.request("POST", "/all/x", b"{}")
    assert (got.status, got.header(b"allow")) == (405, b"GET, PUT")


def test_a_mock_response_asks_nobody(client, upstream) -> None:
    got = client.request("POST", "/v1/chat/completions", b'{"model":"mocked","messages":[]}')
    answer = msgspec.json.decode(got.body)
    assert answer["choices"][0]["message"]["content"] == "It is sunny today"
    assert answer["choices"][0]["finish_reason"] == "stop"
    assert got.header(b"x-litellm-call-id")
    assert not upstream.requests


def test_a_mock_response_as_a_stream(client, upstream) -> None:
    got = client.request("POST", "/v1/chat/completions", b'{"model":"mocked","messages":[],"stream":true}')
    *events, done, end = got.body.split(b"\n\n")
    read = [msgspec.json.decode(event.removeprefix(b"data: "))["choices"][0] for event in events]
    assert "".join(choice["delta"].get("content", "") for choice in read) == "It is sunny today"
    assert [choice["finish_reason"] for choice in read][-2:] == [None, "stop"]
    assert (done, end) == (b"data: [DONE]", b"")
    assert not upstream.requests


def _with_key(key: str) -> bytes:
    return (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\n{key}Content-Length: 16\r\n\r\n".encode()
        + b'{"model":"bare"}'
    )


@pytest.mark.parametrize(
    "key", ["", "Authorization: Bearer sk-wrong\r\n", "Authorization: Basic eA==\r\n", "api-key: x\r\n"]
)
def test_a_wrong_key(key, client, upstream) -> None:
    got = client.exchange(_with_key(key))
    assert (got.status, got.error["code"], got.header(b"www-authenticate")) == (
        401,
        "invalid_api_key",
        b"Bearer",
    )
    assert not upstream.requests


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("POST", "/v1/chat/completions", b'{"model":"unknown","messages":[]}', 404, "model_not_found"),
        ("POST", "/engines/unknown/embeddings", b"{}", 404, "model_not_found"),
        ("POST", "/openai/v1/batches", b'{"target_model_names":"unknown"}', 404, "model_not_found"),
        ("GET", "/v1/models/unknown", b"", 404, "model_not_found"),
        ("POST", "/v1/chat/completions", b'{"messages":[]}', 400, "missing_required_parameter"),
        ("POST", "/v1/chat/completions", b"", 400, "missing_required_parameter"),
        ("POST", "/v1/embeddings", b'{"model":""}', 400, "missing_required_parameter"),
        ("POST", "/v1/embeddings", b'{"model":null}', 400, "missing_required_parameter"),
        ("POST", "/v1/embeddings", b'{"model":5}', 400, "invalid_type"),
        ("POST", "/v1/chat/completions", b'{"model":"bare"', 400, "invalid_json"),
        ("POST", "/v1/chat/completions", b'["bare"]', 400, "invalid_json"),
        ("POST", "/v1/chat/completions", b"[" * 100_000, 400, "invalid_json"),
        ("POST", "/v1/chat/completions", b"\xff\xfe", 400, "invalid_json"),
        ("GET", "/no/such/path", b"", 404, "unknown_url"),
        ("POST", "/health", b"{}", 405, "method_not_supported"),
        ("POST", "/v1/chat/completions", b'{"model":"bare","x":"' + b"x" * 1_100_000 + b'"}', 413, "request_too_large"),
    ],
)  # fmt: skip
def test_a_request_that_is_wrong(method, path, body, status, code, client, upstream) -> None:
    got = client.request(method, path, body)
    assert (got.status, got.error["code"]) == (status, code)
    assert got.header(b"content-type") == b"application/json"
    assert got.header(b"x-litellm-call-id")
    assert not upstream.requests
