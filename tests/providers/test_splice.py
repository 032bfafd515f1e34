from __future__ import annotations

import json
from collections.abc import Callable, Mapping

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from proxy.providers.outline import LARGE_BYTES, LONG_BYTES
from proxy.providers.splice import (
    MAX_FIELDS,
    MAX_TRIALS,
    add_fields,
    remove_field,
    replace_field,
    replace_model,
)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"model":"old"}', b'{"model":"new"}'),
        (b' { "model"\t:\r\n"old" , "n" : 1e400 } ', b' { "model"\t:\r\n"new" , "n" : 1e400 } '),
        (b'{"a":{"model":"old"},"model":"old"}', b'{"a":{"model":"old"},"model":"new"}'),
        (b'{"model":"old","a":[{"model":"old"}]}', b'{"model":"new","a":[{"model":"old"}]}'),
        (rb'{"t":"\"model\":\"old\"","model":"old"}', rb'{"t":"\"model\":\"old\"","model":"new"}'),
        (rb'{"x\"model":"old","model":"old"}', rb'{"x\"model":"old","model":"new"}'),
        (rb'{"x\\":1,"model":"old"}', rb'{"x\\":1,"model":"new"}'),
        (rb'{"model":"\u006fld","z":"\ud83d\ude00"}', rb'{"model":"new","z":"\ud83d\ude00"}'),
        ('{"é":"ü","model":"old"}'.encode(), '{"é":"ü","model":"new"}'.encode()),
        (b'{"t":"model","model":"old"}', b'{"t":"model","model":"new"}'),
        (b'{"model":null}', b'{"model":"new"}'),
        (b'{"model":{"model":"old"}}', b'{"model":"new"}'),
        (b"{}", b'{"model":"new"}'),
        (b'{"a":1}', b'{"model":"new","a":1}'),
    ],
)
def test_replace_model_keeps_all_other_bytes(body: bytes, expected: bytes) -> None:
    assert replace_model(body, "old", "new") == expected


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"one","model":"old"}',
        b'{"model":"old","a":1,"model":"old"}',
        rb'{"mod\u0065l":"one","model":"old"}',
        rb'{"model":"one","mod\u0065l":"old"}',
        rb'{"mod\u0065l":"old"}',
    ],
)
def test_a_key_given_twice_or_with_escapes_ends_as_one(body: bytes) -> None:
    pairs: list[tuple[str, object]] = json.loads(replace_model(body, "old", "new"), object_pairs_hook=list)
    assert [value for name, value in pairs if name == "model"] == ["new"]


def test_names_are_encoded() -> None:
    assert replace_model(b'{"model":"a"}', "a", 'q"\\é') == '{"model":"q\\"\\\\é"}'.encode()


def test_nothing_to_change_is_the_same_object() -> None:
    body = b'{"model":"a"}'
    assert replace_model(body, "a", "a") is body
    assert remove_field(body, "b") is body
    assert add_fields(body, {"model": Raw(b"1")}) is body


def test_many_nested_keys_cost_a_bounded_number_of_trials() -> None:
    nested = b",".join([b'{"model":"old"}'] * (MAX_TRIALS + 1))
    body = b'{"a":[' + nested + b'] , "model":"old"}'
    changed = json.loads(replace_model(body, "old", "new"))
    assert changed == {**json.loads(body), "model": "new"}


def test_a_huge_body() -> None:
    text = b'{\\"model\\":\\"old\\"}' * 200_000
    head, tail = b'{"messages":[{"content":"' + text + b'"}], "model": ', b', "stream":true}'
    assert replace_model(head + b'"old"' + tail, "old", "new") == head + b'"new"' + tail


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"x":1}', b"{}"),
        (b'{ "x" : 1 }', b"{  }"),
        (b'{"x":1,"a":2}', b'{"a":2}'),
        (b'{"a":2,"x":1}', b'{"a":2}'),
        (b'{"a":2 ,\n "x" : [1,2] \n}', b'{"a":2  \n}'),
        (b'{"a":2, "x":"}" , "b":3}', b'{"a":2,  "b":3}'),
        (b'{"a":{"x":1},"x":1}', b'{"a":{"x":1}}'),
        (b'{"a":{"x":12},"x":1}', b'{"a":{"x":12}}'),
        (b'{"a":{"b":0,"x":1},"x":1,"c":0}', b'{"a":{"b":0,"x":1},"c":0}'),
        (rb'{"\u0078":1,"a":2}', b'{"a":2}'),
        (b'{"x":1,"a":2,"x":3}', b'{"a":2}'),
        (b'{"x":{"x":1}}', b"{}"),
    ],
)
def test_remove_field(body: bytes, expected: bytes) -> None:
    assert remove_field(body, "x") == expected


def test_add_fields_in_front_and_only_what_is_absent() -> None:
    fields = {"t": Raw(b"0.50"), "u": Raw(b'{"v": 1}')}
    assert add_fields(b"{}", fields) == b'{"t":0.50,"u":{"v": 1}}'
    assert add_fields(b' { "t" : null }', fields) == b' {"u":{"v": 1}, "t" : null }'
    assert add_fields(b'{"a":{"t":1}}', fields) == b'{"t":0.50,"u":{"v": 1},"a":{"t":1}}'


def test_replace_field_with_any_value() -> None:
    body = b'{"a" : [1, 2], "b":[1, 2]}'
    assert replace_field(body, "b", b"[3]") == b'{"a" : [1, 2], "b":[3]}'


EDITS: list[Callable[[bytes], bytes]] = [
    lambda body: replace_model(body, "a", "b"),
    lambda body: remove_field(body, "a"),
    lambda body: add_fields(body, {}),
]


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("body", [b"", b"[]", b'"model"', b'{"model":"a"', b"\xef\xbb\xbf{}", b"{'model':1}"])
def test_what_is_no_object_is_an_error(edit: Callable[[bytes], bytes], body: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        edit(body)


NAMES = st.sampled_from(["model", "x", "mo\ndel", 'a"model', "\\", "é", "\x00on trial"])
LONG = "y" * 2 * LONG_BYTES
TEXTS = st.one_of(
    st.text(max_size=8),
    st.sampled_from(['"model":"old"', "old", "model", '{"model":"old"}', "\\"]),
    st.sampled_from([LONG, LONG + "\\", LONG + '"model":"old"' + LONG, "\\" + LONG]),
)
PADDINGS = st.sampled_from([b"", b" " * LARGE_BYTES])
"""Behind an object: from there on it is edited by its outline."""
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=3)),
    max_leaves=12,
)
OBJECTS = st.dictionaries(NAMES, VALUES, max_size=6)
STYLES = st.builds(
    json.JSONEncoder,
    indent=st.sampled_from([None, 0, 1]),
    ensure_ascii=st.booleans(),
    separators=st.sampled_from([(",", ":"), (" , ", " :\t"), (",\r\n", ": ")]),
)


def dumps(value: object, style: json.JSONEncoder) -> bytes:
    return style.encode(value).encode()


@given(OBJECTS, VALUES, VALUES, STYLES, PADDINGS)
def test_replacing_is_the_same_as_writing_it_so(
    fields: dict[str, object], old: object, new: object, style: json.JSONEncoder, padding: bytes
) -> None:
    value = dumps(new, style)
    fields["model"] = old
    changed = replace_field(dumps(fields, style) + padding, "model", value)
    assert json.loads(changed) == {**fields, "model": new}


@given(OBJECTS, TEXTS, STYLES, PADDINGS, st.booleans())
def test_replacing_a_string_changes_no_other_byte(
    fields: dict[str, object], old: str, style: json.JSONEncoder, padding: bytes, first: bool
) -> None:
    marker = "\x01the new name"
    before = (
        {"model": old, **{k: v for k, v in fields.items() if k != "model"}}
        if first
        else {**fields, "model": old}
    )
    changed = replace_field(dumps(before, style) + padding, "model", dumps(marker, style))
    assert changed == dumps({**before, "model": marker}, style) + padding


@given(OBJECTS, STYLES, NAMES, PADDINGS)
def test_removing_is_the_same_as_never_having_written(
    fields: dict[str, object], style: json.JSONEncoder, name: str, padding: bytes
) -> None:
    left = {key: value for key, value in fields.items() if key != name}
    changed = remove_field(dumps(fields, style) + padding, name)
    assert json.loads(changed) == left
    assert list(json.loads(changed)) == list(left)


@given(OBJECTS, OBJECTS, STYLES, PADDINGS)
def test_adding_never_changes_what_is_there(
    fields: dict[str, object], more: Mapping[str, object], style: json.JSONEncoder, padding: bytes
) -> None:
    body = dumps(fields, style) + padding
    changed = add_fields(body, {name: Raw(dumps(value, style)) for name, value in more.items()})
    assert json.loads(changed) == {**more, **fields}
    assert changed.endswith(body.lstrip(b"{"))


@pytest.mark.parametrize(
    "edit", [lambda body: replace_model(body, "m", "n"), lambda body: remove_field(body, "model")]
)
def test_an_object_of_countless_fields_is_not_tried_again_and_again(edit) -> None:
    """Each trial decodes it: a million fields held a worker up for seconds."""
    fields = b",".join(b'"k%d":1' % n for n in range(MAX_FIELDS))
    body = b'{"x":[{"model":"m"}],"model":"m",' + fields + b"}"
    with pytest.raises(msgspec.DecodeError):
        edit(body)
    fewer = body.replace(b'"k1":1,"k2":1,', b"")
    assert edit(fewer) != fewer
