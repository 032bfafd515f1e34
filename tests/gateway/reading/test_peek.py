from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.credentials import BODY_CREDENTIALS
from proxy.gateway.reading.labels import NONE
from proxy.gateway.reading.peek import MAX_MODEL_CHARS, MAX_TARGETS, peek_json, target_names
from proxy.gateway.reading.peeked import Peeked


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"{}", Peeked()),
        (b'{"model": "gpt-4o"}', Peeked(model="gpt-4o")),
        (b'{"model": null, "stream": null, "store": null}', Peeked()),
        (b'{"model": ""}', Peeked()),
        (b'{"model": "m", "stream": true, "store": false}', Peeked(model="m", stream=True, store=False)),
        (b'{"mod\\u0065l": "m"}', Peeked(model="m")),
        (b' \n{"messages": [{"model": "inner", "stream": true}]} ', Peeked()),
    ],
)
def test_the_plain_fields(body: bytes, expected: Peeked) -> None:
    assert peek_json(body) == expected


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ('"gpt-4"', ("gpt-4",)),
        ('"gpt-4, gpt-3.5-turbo,"', ("gpt-4", "gpt-3.5-turbo")),
        ('["gpt-4", " b "]', ("gpt-4", "b")),
        ('"[\\"a\\", \\"b\\"]"', ("a", "b")),
        ('["a", 5, null, "", "b"]', ("a", "b")),
        ("null", ()),
        ("17", ()),
        ('{"a": 1}', ()),
        ('""', ()),
        ("[]", ()),
    ],
)
def test_target_model_names_in_each_of_their_forms(value: str, names: tuple[str, ...]) -> None:
    for rest in ("", ', "stream": "wrong type"'):
        peeked = peek_json(f'{{"target_model_names": {value}{rest}}}'.encode())
        assert peeked.target_model_names == names
        assert peeked.has_target_field


def test_only_so_many_targets_are_read() -> None:
    assert len(target_names(",".join(["m"] * 500))) == MAX_TARGETS
    assert len(target_names(json.dumps(["m"] * 500))) == MAX_TARGETS


@pytest.mark.parametrize("model", ["{}", "5", "[1]", "true", f'"{"x" * (MAX_MODEL_CHARS + 1)}"'])
def test_a_model_that_is_no_name_is_invalid_and_nothing_else_is_lost(model: str) -> None:
    body = f'{{"model": {model}, "stream": true, "store": true, "target_model_names": "t"}}'
    expected = Peeked(None, True, True, ("t",), True, model_invalid=True)
    assert peek_json(body.encode()) == expected


def test_wrong_types_elsewhere_do_not_hide_the_model() -> None:
    assert peek_json(b'{"stream": "yes", "store": 1, "model": "m"}') == Peeked(model="m")
    assert peek_json(b'{"stream": "yes", "model": null}') == Peeked()
    assert peek_json(b'{"stream": "yes", "model": ""}') == Peeked()


@pytest.mark.parametrize(
    ("body", "key"),
    [
        (b'{"model": "nope", "messages": [], "model": "m"}', "model"),
        (b'{"model": "m", "model": "m"}', "model"),
        (b'{"model": null, "model": "m"}', "model"),
        (b'{"model": "m", "mod\\u0065l": "nope"}', "model"),
        (b'{"\\u006dodel": "nope", "model": "m"}', "model"),
        (b'{"model": "m", "Model": "nope"}', "model"),
        (b'{"MODEL": "nope"}', "model"),
        (b'{"mod\\u0045l": "nope", "model": "m"}', "model"),
        (b'{"stream": true, "model": "m", "stream": false}', "stream"),
        (b'{"store": true, "store": true, "model": "m"}', "store"),
        (b'{"target_model_names": "a", "target_model_names": ["b"]}', "target_model_names"),
        (b'{"max_tokens": "many", "model": "m", "model": "nope"}', "model"),
        (b'{"model": "m", "input": "' + b"x" * 100_000 + b'", "mod\\u0065l": "nope"}', "model"),
    ],
)
def test_a_routing_key_that_parsers_read_in_two_ways(body: bytes, key: str) -> None:
    assert peek_json(body) == Peeked(ambiguous=key)


@pytest.mark.parametrize(
    "body",
    [
        b'{"model": "m", "messages": [{"model": "x", "Model": "y", "model": "z"}]}',
        b'{"model": "m", "user": "a", "user": "b", "User": "c"}',
        b'{"model": "m", "text": "\\"model\\": \\"nope\\", \\u0022model\\u0022"}',
        b'{"model": "m", "models": [], "modelId": "x", " model": "y"}',
    ],
)
def test_the_same_words_elsewhere_are_nothing(body: bytes) -> None:
    assert msgspec.structs.replace(peek_json(body), labels=NONE) == Peeked(model="m")


@pytest.mark.parametrize("key", ["previous_response_id", "conversation"])
def test_an_object_of_a_native_route_is_named_once(key: str) -> None:
    body = b'{"model":"m","%b":"a","%b":"b"}' % (key.encode(), key.encode())
    assert peek_json(body).ambiguous == key
    assert (
        peek_json(body.replace(key.encode(), b"\\u00%x" % ord(key[0]) + key[1:].encode(), 1)).ambiguous == key
    )
    assert peek_json(b'{"model":"m","%b":"a"}' % key.encode()) == Peeked(model="m")


@pytest.mark.parametrize(
    "key", ["thread_id", "assistant_id", "training_file", "file_ids", "vector_store_ids"]
)
def test_and_one_of_any_other_route(key: str) -> None:
    assert peek_json(b'{"%b":"a","%b":"b"}' % (key.encode(), key.encode()), through=True).ambiguous == key


@pytest.mark.parametrize("key", BODY_CREDENTIALS)
def test_a_clients_own_credentials_are_seen(key: str) -> None:
    name = key.encode()
    assert peek_json(b'{"model":"m","%b":"x"}' % name) == Peeked(model="m", private=(key,))
    assert peek_json(b'{"model":"m","%b":{"a":[1]},"max_tokens":"many"}' % name).private == (key,)
    assert peek_json(b'{"model":"m","%b":1,"%b":2}' % (name, name)).ambiguous == key
    assert peek_json(b'{"model":"m","tools":[{"%b":"x"}]}' % name) == Peeked(model="m")


def test_one_body_leaves_nothing_to_the_next() -> None:
    for body in (b'{"model": "a", "model": "b"}', b'{"model": "a", "x"', b'{"model": "a", "max_tokens": []}'):
        peek_json(body)
        assert peek_json(b'{"stream": true}') == Peeked(stream=True)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"[1",
        b"{} {}",
        b'{"model": "m"',
        b'{"model": "\xff"}',
        b'{"model": "\\ud800"}',
        b'{"model": "m", "x": NaN}',
        b'{"x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b"[" * 100_000 + b"]" * 100_000,
    ],
)
def test_what_is_no_json_is_said_to_be_none(body: bytes) -> None:
    assert peek_json(body) == Peeked(not_json=True, not_object=True)


@pytest.mark.parametrize("body", [b"[1]", b'"text"', b"null", b' [{"model": "m"}] ', b"5"])
def test_what_is_no_object_is_said_to_be_none(body: bytes) -> None:
    assert peek_json(body) == Peeked(not_object=True)


words = st.text(alphabet=" ab,é[", max_size=6)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | words,
    lambda children: st.lists(children, max_size=3) | st.dictionaries(words, children, max_size=3),
    max_leaves=6,
)
fields = st.sampled_from(["model", "stream", "store", "target_model_names", "messages"])


@settings(deadline=None)
@given(st.dictionaries(fields, json_values))
def test_it_agrees_with_the_json_module(body: dict[str, object]) -> None:
    peeked = peek_json(json.dumps(body).encode())
    model = body.get("model")
    assert peeked.model == (model if isinstance(model, str) and model else None)
    assert peeked.model_invalid == (model is not None and not isinstance(model, str))
    assert peeked.stream == (body.get("stream") is True)
    assert peeked.store is (body["store"] if isinstance(body.get("store"), bool) else None)
    assert peeked.has_target_field == ("target_model_names" in body)
    assert not peeked.not_json


@settings(deadline=None)
@given(st.binary(max_size=60))
def test_no_bytes_make_it_raise(body: bytes) -> None:
    peek_json(body)
    peek_json(b'{"model":' + body + b"}")
    peek_json(b'{"stream": 1, "target_model_names":' + body + b"}")
