from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.gateway.reading.peek import MAX_MODEL_CHARS, peek_json
from proxy.gateway.reading.peeked import Peeked
from proxy.providers.outline import LARGE_BYTES, LONG_BYTES, STAND_IN, outline

LONG = "y" * LARGE_BYTES


def body_of(**fields: object) -> bytes:
    return json.dumps(fields).encode()


def test_small_bodies_are_left_alone() -> None:
    body = body_of(content="y" * (LARGE_BYTES // 2))
    assert outline(body).text is body


def test_bodies_of_short_strings_are_left_alone() -> None:
    body = body_of(messages=["a word"] * LARGE_BYTES)
    assert outline(body).text is body


def test_the_inside_of_a_long_string_is_replaced_and_nothing_else() -> None:
    content = [{"type": "image_url", "image_url": {"url": LONG}}]
    body = body_of(model="m", messages=[{"role": "user", "content": content}], stream=True)
    assert outline(body).text == body.replace(LONG.encode(), STAND_IN)
    assert peek_json(body) == Peeked("m", stream=True)


def test_each_long_string_of_many_is_replaced() -> None:
    body = body_of(pages=["y" * LONG_BYTES * 2] * 50, model="m")
    assert json.loads(outline(body).text) == {"pages": [STAND_IN.decode()] * 50, "model": "m"}


@pytest.mark.parametrize("inside", ['a "quoted" word', 'ends with a quote"', "\\", 'C:\\dir\\"', "\\\\\\"])
def test_escaped_quotes_do_not_end_a_string(inside: str) -> None:
    for text in (inside + LONG, LONG + inside, LONG + inside + LONG):
        left = json.loads(outline(body_of(first=text, model="m", stream=True)).text)
        assert left.pop("first") in (text, STAND_IN.decode())
        assert left == {"model": "m", "stream": True}


def test_a_field_inside_a_long_string_is_no_field() -> None:
    """Were one quote miscounted, a user's text could choose the model."""
    text = f'{LONG}\\", "model": "dear", "x": "{LONG}'
    assert peek_json(body_of(model="cheap", content=text)).model == "cheap"
    assert peek_json(body_of(content=text, model="cheap")).model == "cheap"


@pytest.mark.parametrize("value", [f'"{LONG}"', f'["{LONG}"]'])
def test_a_name_too_long_to_be_one_stays_too_long(value: str) -> None:
    peeked = peek_json(f'{{"model": {value}, "target_model_names": {value}}}'.encode())
    assert peeked == Peeked(has_target_field=True, model_invalid=True)
    assert len(STAND_IN) > MAX_MODEL_CHARS


@pytest.mark.parametrize(
    "body",
    [f'{{"a": "{LONG}', f'{{"a": "{LONG}"', f'{{"a": "{LONG}""}}', f'{{"a": "{LONG}\\"}}', f'"{LONG}"', LONG],
)
def test_what_is_no_json_object_outside_its_strings_still_is_none(body: str) -> None:
    assert peek_json(body.encode()).not_object


@pytest.mark.parametrize("inside", ['\\"', "\\", '"', "\\\\", '\\\\"'])
def test_of_a_hostile_body_no_more_is_looked_at_than_its_size_allows(inside: str) -> None:
    body = b'{"a": "' + inside.encode() * LARGE_BYTES + b'"}'
    assert outline(body).text is body


texts = st.text(alphabet='ab,é[]{}:\\" \n', max_size=6) | st.builds(
    lambda before, inside, after: before + inside * LONG_BYTES + after,
    st.text(alphabet='a\\"', max_size=3),
    st.sampled_from(["y", "é", '\\"', '"', "\\", "日本"]),
    st.text(alphabet='a\\"', max_size=3),
)
values = st.recursive(
    texts | st.integers() | st.none(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(texts, children, max_size=3),
    max_leaves=8,
)


def shorten(value: object) -> object:
    """What the outline may have made of a value, and what it may have left: both read alike."""
    if isinstance(value, list | tuple):
        return [shorten(each) for each in value]
    if isinstance(value, str) and (value == STAND_IN.decode() or len(json.dumps(value)) > LONG_BYTES):
        return "long"
    return value


@given(st.dictionaries(st.sampled_from(["model", "messages", "x"]), values), st.booleans())
def test_the_structure_stays(body: dict[str, object], ascii_only: bool) -> None:
    text = json.dumps(body, ensure_ascii=ascii_only).encode() + b" " * LARGE_BYTES
    before, after = (json.loads(each, object_pairs_hook=list) for each in (text, outline(text).text))
    assert shorten(after) == shorten(before)
