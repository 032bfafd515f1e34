"""Each provider of the table, as its server sees it: where a request goes, with which key, in which words."""

from __future__ import annotations

from urllib.parse import urlsplit

import msgspec
import pytest

from loadtest.answers import Answer, chat
from proxy.providers.compatible.provider import Provider
from proxy.providers.compatible.rows import ROWS

KEY = "sk-gateway-master"
DOORS = ["HTTP/1.1", "HTTP/1.0"]
"""The second is hypercorn's."""
GROUPS = """
  - {model_name: mixed, litellm_params: {model: groq/a, api_base: UPSTREAM/openai/v1, api_key: k-groq}}
  - {model_name: mixed, litellm_params: {model: openai/b, api_base: UPSTREAM/v1, api_key: k-openai, order: 1}}
  - {model_name: dropping, litellm_params: {model: groq/a, api_base: UPSTREAM/g, api_key: k, drop_params: true}}
  - model_name: pruned
    litellm_params:
      {model: openai/p, api_base: UPSTREAM/v1, api_key: k, additional_drop_params: [user, "tools[*].function.strict"]}
  - {model_name: alone, litellm_params: {model: groq/a, api_base: UPSTREAM/g, api_key: k}}
  - {model_name: falling, litellm_params: {model: groq/f, api_base: UPSTREAM/f, api_key: k-f}}
  - {model_name: other, litellm_params: {model: mistral/o, api_base: UPSTREAM/o, api_key: k-o}}
  - {model_name: acme, litellm_params: {model: meta-llama/Llama-3, api_base: UPSTREAM/acme}}
router_settings: {num_retries: 1, fallbacks: [{falling: [other]}]}
"""


def _path(row: Provider) -> str:
    """Of its own base."""
    return urlsplit(row.base or "https://own/v1").path


def _entry(row: Provider) -> str:
    base = "" if row.bare else f', api_base: "UPSTREAM{_path(row)}"'
    base = ', api_base: "UPSTREAM/bare"' if row.bare else base
    return f"  - {{model_name: {row.name}, litellm_params: {{model: {row.name}/vendor/m{base}}}}}\n"


CONFIG = "model_list:\n" + "".join(map(_entry, ROWS)) + GROUPS
KEYS = {name: f"key-of-{name}" for row in ROWS for name in row.keys[:1]}


@pytest.fixture(scope="module")
def gateway(start):
    with start(CONFIG, **KEYS, OPENAI_API_KEY="sk-of-openai") as gateway:
        yield gateway


@pytest.fixture
def ask(gateway, connect):
    def asked(body: bytes, door: str = "HTTP/1.1"):
        lines = f"POST /v1/chat/completions {door}\r\nHost: gateway\r\nAuthorization: Bearer {KEY}\r\n"
        head = f"{lines}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        with connect(gateway) as client:
            return client.exchange(head.encode() + body)

    return asked


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_request_as_it_leaves(row: Provider, door: str, ask, upstream) -> None:
    body = {"model": row.name, "messages": [{"role": "user", "content": "hi"}], "max_completion_tokens": 9}
    got = ask(msgspec.json.encode(body), door)
    assert got.status == 200
    sent = upstream.last
    path = "/bare" if row.bare else _path(row)
    assert sent.target == f"{path}/chat/completions".encode()
    key = KEYS[row.keys[0]] if row.keys else None
    assert sent.header(b"authorization") == (f"Bearer {key}".encode() if key else None)
    wanted = {**body, "model": "vendor/m"}
    for old, new in row.renames.items():
        if old in wanted:
            wanted[new] = wanted.pop(old)
    assert msgspec.json.decode(sent.body) == wanted


REFUSED = b'{"model":"%b","messages":[],"logit_bias":{"1":2},"n":2}'


def test_what_one_provider_refuses_another_of_the_group_takes(ask, upstream) -> None:
    for _ in range(2):
        assert ask(REFUSED % b"mixed").status == 200
    assert [each.header(b"authorization") for each in upstream.requests] == [b"Bearer k-openai"] * 2
    assert msgspec.json.decode(upstream.last.body)["logit_bias"] == {"1": 2}
    upstream.forget()
    assert ask(b'{"model":"mixed","messages":[]}').status == 200
    assert upstream.last.header(b"authorization") == b"Bearer k-groq", "it was not benched for that"


@pytest.mark.parametrize("door", DOORS)
def test_where_nobody_takes_it_it_is_refused_by_name_and_nothing_is_sent(door: str, ask, upstream) -> None:
    got = ask(REFUSED % b"alone", door)
    assert (got.status, got.error["code"], got.error["param"]) == (400, "unsupported_parameter", "logit_bias")
    assert "`groq` does not take `logit_bias`, `n`" in str(got.error["message"])
    assert not upstream.requests


def test_its_fallbacks_may_take_it(ask, upstream) -> None:
    assert ask(b'{"model":"falling","messages":[],"n":2}').status == 200
    assert upstream.last.target == b"/o/chat/completions"


def test_parameters_are_left_out_where_that_is_written(ask, upstream) -> None:
    assert ask(REFUSED % b"dropping").status == 200
    assert upstream.last.body == b'{"model":"a","messages":[]}'
    ask(b'{"model":"pruned","user":"u","tools":[{"function":{"name":"f","strict":true}}],"x":1.0}')
    assert upstream.last.body == b'{"model":"p","tools":[{"function":{"name":"f"}}],"x":1.0}'


def test_a_prefix_that_is_no_providers_is_part_of_the_models_name(ask, upstream) -> None:
    assert ask(b'{"model":"acme","messages":[]}').status == 200
    assert upstream.last.target == b"/acme/chat/completions"
    assert msgspec.json.decode(upstream.last.body)["model"] == "meta-llama/Llama-3"
    assert upstream.last.header(b"authorization") != b"Bearer sk-of-openai", "that key is not for them"


def test_a_provider_that_fails_hands_over_to_another(ask, upstream) -> None:
    no_money = Answer(
        402, chat().headers, b'{"error":{"message":"Insufficient Balance","type":"unknown_error"}}'
    )
    upstream.say(no_money, chat())
    assert ask(b'{"model":"mixed","messages":[]}').status == 200
    assert [each.header(b"authorization") for each in upstream.requests] == [
        b"Bearer k-groq",
        b"Bearer k-openai",
    ]
    upstream.forget()
    assert ask(b'{"model":"mixed","messages":[]}').status == 200
    assert [each.header(b"authorization") for each in upstream.requests] == [b"Bearer k-openai"], (
        "that key rests"
    )
