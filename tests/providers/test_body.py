from __future__ import annotations

import json

import msgspec
import pytest
from msgspec import Raw

from proxy.providers.body import outbound_body, upstream_model
from proxy.types import Deployment, Secret
from tests.deployments import changed

PLAIN = Deployment(
    id="d",
    group="g",
    provider="openai",
    model="m",
    api_base="https://h/v1",
    api_key=Secret("sk"),
    object_scope="s",
)
NO_SYSTEM = changed(PLAIN, system_messages=False)


@pytest.mark.parametrize(
    ("model", "wildcard", "asked", "expected"),
    [
        ("gpt-4o-2024", "", "gpt-4o", "gpt-4o-2024"),
        ("*", "gpt-4o", "openai/gpt-4o", "gpt-4o"),
        ("*", "gpt-4o", "gpt-4o", "gpt-4o"),
        ("gpt-*", "4o", "fast-4o", "gpt-4o"),
        ("*", "", "gpt-4o", "gpt-4o"),
        ("*", "a*b", "a*b", "a*b"),
    ],
)
def test_upstream_model(model: str, wildcard: str, asked: str, expected: str) -> None:
    deployment = msgspec.structs.replace(PLAIN, model=model)
    assert upstream_model(deployment, wildcard, asked) == expected


def test_nothing_to_change_is_the_same_object() -> None:
    for body in (b'{"model":"m","messages":[]}', b"not JSON at all"):
        assert outbound_body(body, PLAIN, model_asked="m", upstream_model="m", chat=True) is body
        assert outbound_body(body, PLAIN, model_asked=None, upstream_model=None, chat=True) is body
    for body in (b'{"messages":[{"role":"user"}]}', b'{"messages":"x"}', b'{"messages":[1]}', b"{}"):
        assert outbound_body(body, NO_SYSTEM, model_asked=None, upstream_model=None, chat=True) is body


def test_the_model_is_renamed_or_inserted() -> None:
    renamed = outbound_body(b'{ "model": "g" }', PLAIN, model_asked="g", upstream_model="m", chat=False)
    assert renamed == b'{ "model": "m" }'
    inserted = outbound_body(b'{ "n": 1 }', PLAIN, model_asked=None, upstream_model="m", chat=False)
    assert inserted == b'{"model":"m", "n": 1 }'
    null = outbound_body(b'{ "model" : null }', PLAIN, model_asked=None, upstream_model="m", chat=False)
    assert null == b'{ "model" : "m" }'


def test_default_params_are_added_where_absent() -> None:
    deployment = msgspec.structs.replace(PLAIN, default_params={"temperature": Raw(b"0.5"), "n": Raw(b"2")})
    body = outbound_body(b'{"model":"g","n":1}', deployment, model_asked="g", upstream_model="m", chat=True)
    assert body == b'{"temperature":0.5,"model":"m","n":1}'


def test_system_messages_join_the_next_user_message_and_no_other_byte_changes() -> None:
    body = (
        b'{"metadata":{"messages":[{"role":"system"}]}, "messages" : [ {"role" : "system", "content":"a"} ,'
        b' {"role" : "user", "name":"\\u00e9 ", "content":"b"}, {"role":"assistant", "content" :"c"}], "x" :1 }'
    )
    assert outbound_body(body, NO_SYSTEM, model_asked=None, upstream_model=None, chat=True) == (
        b'{"metadata":{"messages":[{"role":"system"}]}, "messages" : ['
        b'{"role" : "user", "name":"\\u00e9 ", "content":"a b"},{"role":"assistant", "content" :"c"}], "x" :1 }'
    )


def test_system_messages_stay_where_they_may() -> None:
    body = b'{"messages":[{"role":"system","content":"x"}]}'
    assert outbound_body(body, NO_SYSTEM, model_asked=None, upstream_model=None, chat=False) is body
    assert outbound_body(body, PLAIN, model_asked=None, upstream_model=None, chat=True) is body


def test_odd_messages_are_left_to_the_upstream() -> None:
    body = (
        b'{"messages":[1,{"role":2},null,{"role":"system_","content":"x"},{"role":"system","content":"s"}]}'
    )
    changed = outbound_body(body, NO_SYSTEM, model_asked=None, upstream_model=None, chat=True)
    assert json.loads(changed) == {
        "messages": [
            1,
            {"role": 2},
            None,
            {"role": "system_", "content": "x"},
            {"role": "user", "content": "s"},
        ]
    }


def test_a_body_that_must_change_and_is_no_object_is_an_error() -> None:
    with pytest.raises(msgspec.DecodeError):
        outbound_body(b"[]", PLAIN, model_asked="g", upstream_model="m", chat=False)
