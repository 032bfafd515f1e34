"""Which deployment gets a request: each has a key of its own, by which the upstream knows it."""

from __future__ import annotations

import gzip

import msgspec
import pytest

from loadtest.answers import Answer

CONFIG = """
model_list:
  - model_name: gpt-4o
    litellm_params: {model: openai/gpt-4o, api_base: UPSTREAM, api_key: sk-same}
  - model_name: fast
    litellm_params: {model: openai/gpt-4o-mini-2024-07-18, api_base: UPSTREAM, api_key: sk-fast}
  - model_name: pair
    litellm_params: {model: gpt-pair, api_base: UPSTREAM, api_key: sk-left}
  - model_name: pair
    litellm_params: {model: gpt-pair, api_base: UPSTREAM, api_key: sk-right}
  - model_name: "ft:gpt-4o:org::a1"
    litellm_params: {model: "openai/ft:gpt-4o:org::a1", api_base: UPSTREAM, api_key: sk-tuned}
  - model_name: openai/*
    litellm_params: {model: openai/*, api_base: UPSTREAM, api_key: sk-wild}
  - model_name: openai/gpt-4*
    litellm_params: {model: openai/gpt-4*, api_base: UPSTREAM, api_key: sk-wilder}
  - model_name: vendor/*
    litellm_params: {model: openai/org/new-*, api_base: UPSTREAM, api_key: sk-vendor}
router_settings:
  model_group_alias:
    swift: fast
    unlisted: {model: fast, hidden: true}
"""
FAST = b"gpt-4o-mini-2024-07-18"
BOUNDARY = b"--b0undary"
FORM = f"multipart/form-data; boundary={BOUNDARY[2:].decode()}"


@pytest.fixture(scope="module")
def client(start, connect):
    with start(CONFIG) as gateway, connect(gateway) as client:
        yield client


def _key(request) -> str:
    return request.header(b"authorization").removeprefix(b"Bearer ").decode()


def _part(name: str, value: bytes, extra: bytes = b"") -> bytes:
    return BOUNDARY + b'\r\nContent-Disposition: form-data; name="%b"%b\r\n\r\n%b\r\n' % (
        name.encode(),
        extra,
        value,
    )


FILE = _part("file", bytes(range(256)), b'; filename="fast.bin"')
END = BOUNDARY + b"--\r\n"


@pytest.mark.parametrize(
    ("model", "key", "sent"),
    [
        ("gpt-4o", "sk-same", "gpt-4o"),
        ("fast", "sk-fast", FAST.decode()),
        ("swift", "sk-fast", FAST.decode()),
        ("unlisted", "sk-fast", FAST.decode()),
        ("ft:gpt-4o:org::a1", "sk-tuned", "ft:gpt-4o:org::a1"),
        ("openai/o3", "sk-wild", "o3"),
        ("openai/gpt-4.1", "sk-wilder", "gpt-4.1"),
        ("vendor/large", "sk-vendor", "org/new-large"),
    ],
)
@pytest.mark.parametrize(
    "path", ["/v1/chat/completions", "/openai/v1/threads/runs", "/openai_passthrough/embeddings"]
)
def test_a_model_of_the_routers(model, key, sent, path, client, upstream) -> None:
    body = b'{ "model" :"%b","metadata":{"model":"%b"} }'
    client.request("POST", path, body % ((model.encode(),) * 2))
    assert _key(upstream.last) == key
    assert upstream.last.body == body % (sent.encode(), model.encode())


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"%b"}',
        b' {\n\t"a" : [ {"model":"fast"} ] ,"model"\r\n:\t"%b" , "z":1e400,"z":2 }\n',
        b'{"messages":[{"role":"user","content":"\\"model\\":\\"fast\\""}],"model":"%b","t":"\\u00e9\xc3\xa9"}',
        b'{"input":"fast","prompt":{"model":"fast","id":"pmpt_1"},"model":"%b"}',
    ],
)
def test_a_rename_changes_nothing_else(body, client, upstream) -> None:
    for path in ("/v1/responses", "/openai/v1/assistants"):
        client.request("POST", path, body % b"fast")
        assert upstream.last.body == body % FAST


def test_a_name_may_be_written_in_escapes(client, upstream) -> None:
    client.request("POST", "/v1/embeddings", b'{"model": "f\\u0061st"}')
    assert (_key(upstream.last), upstream.last.body) == ("sk-fast", b'{"model": "%b"}' % FAST)


def test_a_compressed_body_is_renamed_and_sent_plain(client, upstream) -> None:
    body = gzip.compress(b'{"model" : "fast"}')
    client.request("POST", "/v1/embeddings", body, headers={"Content-Encoding": "gzip"})
    assert (_key(upstream.last), upstream.last.body) == ("sk-fast", b'{"model" : "%b"}' % FAST)
    assert upstream.last.header(b"content-encoding") is None


def test_a_compressed_body_stays_where_the_names_are_the_same(client, upstream) -> None:
    body = gzip.compress(b'{"model" : "gpt-4o"}')
    client.request("POST", "/v1/embeddings", body, headers={"Content-Encoding": "gzip"})
    assert (_key(upstream.last), upstream.last.body) == ("sk-same", body)


@pytest.mark.parametrize(
    "path", ["/v1/audio/transcriptions", "/v1/images/edits", "/openai/v1/videos", "/audio/translations"]
)
@pytest.mark.parametrize("order", [0, 1])
def test_a_model_in_a_form(path, order, client, upstream) -> None:
    parts = [FILE, _part("model", b"%b")]
    before, after = (FILE, b"") if order else (b"", FILE)
    body = before + parts[1].replace(b"%b", b"fast") + after + END
    client.request("POST", path, body, FORM)
    assert _key(upstream.last) == "sk-fast"
    assert upstream.last.body == before + parts[1].replace(b"%b", FAST) + after + END


@pytest.mark.parametrize(
    ("field", "left"),
    [
        (b'{"target_model_names":"fast","purpose":"batch"}', b'{"purpose":"batch"}'),
        (b'{ "a":1 , "target_model_names" : "fast, gpt-4o" }', b'{ "a":1  }'),
        (b'{"a":1,\n "target_model_names":["fast","gpt-4o"],\n "b":[2] }', b'{"a":1,\n \n "b":[2] }'),
        (b'{"target_model_names":["fast"]}', b"{}"),
        (b'{"model":"not-the-routers","target_model_names":"fast"}', b'{"model":"not-the-routers"}'),
        (
            b'{"m":{"target_model_names":"gpt-4o"},"target_model_names":"fast"}',
            b'{"m":{"target_model_names":"gpt-4o"}}',
        ),
    ],
)
def test_target_model_names_in_json(field, left, client, upstream) -> None:
    for prefix in ("/openai/v1", "/openai_passthrough/v1", "/v1"):
        client.request("POST", prefix + "/batches", field, headers={"X-LiteLLM-Target-Model": "gpt-4o"})
        assert _key(upstream.last) == "sk-fast"
        assert upstream.last.body == left
        assert upstream.last.header(b"content-length") == b"%d" % len(left)


def test_target_model_names_in_a_compressed_body(client, upstream) -> None:
    body = gzip.compress(b'{"target_model_names":"fast","purpose" : "batch"}')
    client.request("POST", "/openai/v1/batches", body, headers={"Content-Encoding": "gzip"})
    assert (_key(upstream.last), upstream.last.body) == ("sk-fast", b'{"purpose" : "batch"}')
    assert upstream.last.header(b"content-encoding") is None


@pytest.mark.parametrize(
    "fields",
    [
        [("target_model_names", b"fast")],
        [("target_model_names", b"fast, gpt-4o")],
        [("target_model_names", b'["fast","gpt-4o"]')],
        [("target_model_names[]", b"fast"), ("target_model_names[]", b"gpt-4o")],
        [("target_model_names[0]", b"fast"), ("target_model_names[1]", b"gpt-4o")],
    ],
)
@pytest.mark.parametrize("at", [0, 1, 2])
def test_target_model_names_in_a_form(fields, at, client, upstream) -> None:
    kept = [_part("purpose", b"batch"), FILE]
    names = b"".join(_part(*field) for field in fields)
    client.request("POST", "/openai/v1/files", b"".join((*kept[:at], names, *kept[at:], END)), FORM)
    assert _key(upstream.last) == "sk-fast"
    assert upstream.last.body == b"".join((*kept, END))


@pytest.mark.parametrize("name", ["X-LiteLLM-Target-Model", "x-litellm-target-model"])
def test_the_header_names_a_group_where_nothing_else_does(name, client, upstream) -> None:
    for method, path, body in (
        ("DELETE", "/openai/v1/files/file-unknown", b""),
        ("GET", "/openai_passthrough/v1/batches", b""),
        ("POST", "/v1/threads", b"{}"),
        ("POST", "/openai/v1/assistants", b'{"model":"not-the-routers"}'),
    ):
        client.request(method, path, body, headers={name: "fast"})
        assert (_key(upstream.last), upstream.last.body) == ("sk-fast", body)
        assert b"target-model" not in upstream.last.head.lower()


def test_the_body_wins_over_the_header(client, upstream) -> None:
    client.request(
        "POST", "/openai/v1/assistants", b'{"model":"gpt-4o"}', headers={"X-LiteLLM-Target-Model": "fast"}
    )
    assert _key(upstream.last) == "sk-same"


def test_a_known_object_wins_over_every_name(client, upstream) -> None:
    upstream.say(
        Answer(body=b'{"id":"thread_known0001","object":"thread","metadata":{"id":"thread_forged01"}}')
    )
    client.request("POST", "/openai/v1/threads", b"{}", headers={"X-LiteLLM-Target-Model": "fast"})
    naming = b'{"model":"gpt-4o","assistant_id":"asst_unknown1"}'
    client.request("POST", "/openai/v1/threads/thread_known0001/runs", naming)
    assert (_key(upstream.last), upstream.last.body) == ("sk-fast", naming), (
        "a name of another group is not renamed"
    )
    client.request("GET", "/v1/threads/thread_known0001", headers={"X-LiteLLM-Target-Model": "gpt-4o"})
    assert _key(upstream.last) == "sk-fast"
    client.request(
        "GET", "/openai/v1/things?thread_id=thread_known0001", headers={"X-LiteLLM-Target-Model": "gpt-4o"}
    )
    assert _key(upstream.last) == "sk-fast"
    client.request("POST", "/openai/v1/batches", b'{"input":{"thread_id":"thread_known0001"}}')
    assert _key(upstream.last) == "sk-fast"
    client.request("GET", "/openai/v1/threads/thread_forged01", headers={"X-LiteLLM-Target-Model": "gpt-4o"})
    assert _key(upstream.last) == "sk-same", "metadata names no objects of the upstream's"


def test_a_known_object_picks_the_key_within_a_group(client, upstream) -> None:
    keys = {}
    for number in range(8):
        upstream.say(Answer(body=b'{"id":"file-part-of-%d","object":"file"}' % number))
        client.request(
            "POST", "/v1/files", b'{"model":"pair"}', headers={"x-litellm-session-id": f"session {number}"}
        )
        keys[number] = _key(upstream.last)
    assert set(keys.values()) == {"sk-left", "sk-right"}
    for number, key in keys.items():
        client.request("POST", "/v1/responses", b'{"model":"pair","file_id":"file-part-of-%d"}' % number)
        assert _key(upstream.last) == key
        assert msgspec.json.decode(upstream.last.body)["model"] == "gpt-pair"


def test_a_deleted_object_is_forgotten(client, upstream) -> None:
    upstream.say(Answer(body=b'{"id":"asst_gone0001","object":"assistant"}'))
    client.request("POST", "/openai/v1/assistants", b'{"model":"fast"}')
    upstream.say(Answer(body=b'{"id":"asst_gone0001","object":"assistant.deleted","deleted":true}'))
    client.request("DELETE", "/openai/v1/assistants/asst_gone0001")
    assert _key(upstream.last) == "sk-fast"
    client.request("GET", "/openai/v1/assistants/asst_gone0001", headers={"X-LiteLLM-Target-Model": "gpt-4o"})
    assert _key(upstream.last) == "sk-same"


@pytest.mark.parametrize(
    "path", ["/engines/fast/", "/v1/engines/fast/", "/openai/deployments/fast/", "/engines/f%61st/"]
)
@pytest.mark.parametrize("endpoint", ["chat/completions", "completions", "embeddings", "images/generations"])
def test_a_model_in_the_path(path, endpoint, client, upstream) -> None:
    client.request("POST", path + endpoint + "?api-version=2024-10-21", b'{"input" : 1 }')
    assert _key(upstream.last) == "sk-fast"
    assert upstream.last.target == f"/v1/{endpoint}?api-version=2024-10-21".encode()
    assert msgspec.json.decode(upstream.last.body) == {"model": FAST.decode(), "input": 1}
    assert upstream.last.body.endswith(b'"input" : 1 }')


def test_a_model_in_the_path_wins_over_the_bodys(client, upstream) -> None:
    client.request("POST", "/engines/fast/embeddings", b'{"model" : "gpt-4o" }')
    assert (_key(upstream.last), upstream.last.body) == ("sk-fast", b'{"model" : "%b" }' % FAST)


def test_stateless_calls_are_balanced_per_request(client, upstream) -> None:
    for _ in range(10):
        client.request("POST", "/v1/chat/completions", b'{"model":"pair"}')
    keys = [_key(request) for request in upstream.requests]
    assert keys[::2] == [keys[0]] * 5
    assert keys[1::2] == [keys[1]] * 5
    assert {keys[0], keys[1]} == {"sk-left", "sk-right"}


TWO_GROUPS = """
model_list:
  - model_name: one
    litellm_params: {model: openai/gpt-1, api_base: UPSTREAM, api_key: sk-one}
  - model_name: two
    litellm_params: {model: openai/gpt-2, api_base: UPSTREAM, api_key: sk-two%s}
"""
ENVIRONMENT = {"OPENAI_API_KEY": "sk-environment", "OPENAI_BASE_URL": "UPSTREAM/v1"}
NAMELESS = [
    ("GET", "/openai/v1/files", b""),
    ("POST", "/openai_passthrough/v1/threads", b'{"metadata":{}}'),
    ("DELETE", "/v1/files/file-x", b""),
    ("POST", "/openai/v1/chat/completions", b'{"model":"not-the-routers"}'),
    ("POST", "/v1/moderations", b'{"input":"x"}'),
]


@pytest.mark.parametrize(
    ("marked", "environ", "key"),
    [
        ("", ENVIRONMENT, "sk-environment"),
        (", use_in_pass_through: true", ENVIRONMENT, "sk-two"),
        (", use_in_pass_through: true", {}, "sk-two"),
    ],
)
def test_what_serves_a_request_that_names_nothing(marked, environ, key, start, connect, upstream) -> None:
    with start(TWO_GROUPS % marked, **environ) as gateway, connect(gateway) as client:
        for method, path, body in NAMELESS:
            assert client.request(method, path, body).status == 200
            assert (_key(upstream.last), upstream.last.body) == (key, body)


def test_the_only_group_serves_what_names_nothing(start, connect, upstream) -> None:
    only = TWO_GROUPS.partition("  - model_name: two")[0]
    with start(only) as gateway, connect(gateway) as client:
        for method, path, body in NAMELESS:
            assert client.request(method, path, body).status == 200
            assert (_key(upstream.last), upstream.last.body) == ("sk-one", body)


def test_no_key_for_what_names_nothing_is_an_error_that_says_what_to_set(start, connect, upstream) -> None:
    with start(TWO_GROUPS % "") as gateway, connect(gateway) as client:
        for method, path, body in NAMELESS:
            got = client.request(method, path, body)
            assert (got.status, got.error["code"]) == (400, "no_deployment_named")
            for hint in (
                "use_in_pass_through",
                "OPENAI_API_KEY",
                "target_model_names",
                "X-LiteLLM-Target-Model",
            ):
                assert hint in got.error["message"]
    assert not upstream.requests
