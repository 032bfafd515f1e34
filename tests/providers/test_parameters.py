from __future__ import annotations

import msgspec
import pytest

from proxy.errors import CannotSay
from proxy.providers.parameters import adapt, without
from proxy.types import Parameters

REFUSING = Parameters(
    renames={"max_completion_tokens": "max_tokens"},
    refuses=frozenset({"logit_bias", "n", "logprobs"}),
    omits=frozenset({"stream_options"}),
)
DROPPING = msgspec.structs.replace(REFUSING, drops=True)


def test_what_holds_nothing_of_them_is_the_same_object() -> None:
    body = b'{"model": "m", "messages": [{"logit_bias": 1}], "x": "n"}'
    assert adapt(body, REFUSING, "p") is body
    assert without(body, ("user", "a.b", "tools[*].strict", "messages[3].x", "messages[*].x")) is body


def test_what_is_refused_is_named() -> None:
    with pytest.raises(CannotSay) as caught:
        adapt(b'{"model":"m","logit_bias":{"1":2},"n":2,"top_p":1}', REFUSING, "groq")
    said = caught.value
    assert (said.status, said.param, said.code) == (400, "logit_bias", "unsupported_parameter")
    assert "`groq` does not take `logit_bias`, `n`" in said.message
    assert "drop_params" in said.message


@pytest.mark.parametrize("value", [b"null", b"1", b"1.0"])
def test_openais_own_default_asks_for_nothing(value: bytes) -> None:
    assert adapt(b'{"a": 1, "n": %b}' % value, REFUSING, "p") == b'{"a": 1}'


def test_with_drop_params_it_is_left_out_and_all_else_stays() -> None:
    body = b'{ "a" : 1.50,"n":3 , "logit_bias":{"1":2}, "stream_options":{"include_usage":true}}'
    assert adapt(body, DROPPING, "p") == b'{ "a" : 1.50}'


def test_what_changes_nothing_of_the_answer_is_always_left_out() -> None:
    assert adapt(b'{"a":1,"stream_options":{"include_usage":true}}', REFUSING, "p") == b'{"a":1}'


def test_names_are_exchanged_and_the_newer_ones_value_wins() -> None:
    body = b'{"max_tokens":1,"max_completion_tokens":2,"big":12345678901234567890}'
    assert adapt(body, REFUSING, "p") == b'{"max_tokens":2,"big":12345678901234567890}'


def test_paths_are_pruned() -> None:
    body = b'{"user":"u","tools":[{"f":{"strict":true,"x":1e3}},{"f":{}}],"a":{"b":1,"c":2},"m":[{"n":1},{"n":2}]}'
    paths = ("user", "tools[*].f.strict", "a.b", "m[1].n", "a.none.b", "model[1].x")
    assert without(body, paths) == b'{"tools":[{"f":{"x":1e3}},{"f":{}}],"a":{"c":2},"m":[{"n":1},{}]}'


@pytest.mark.parametrize("body", [b"[1]", b"x", b'{"a":'])
def test_what_is_no_object_is_told(body: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        adapt(body, REFUSING, "p")
