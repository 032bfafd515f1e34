from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from proxy.providers.system_messages import without_system_messages


def merged(*messages: object) -> list[object]:
    raw = [Raw(json.dumps(message).encode()) for message in messages]
    return [json.loads(bytes(message)) for message in without_system_messages(raw)]


def said(role: str, content: object, **more: object) -> dict[str, object]:
    return {"role": role, "content": content, **more}


def system(content: object) -> dict[str, object]:
    return said("system", content)


def user(content: object, **more: object) -> dict[str, object]:
    return said("user", content, **more)


def assistant(content: object) -> dict[str, object]:
    return said("assistant", content)


def text(value: str) -> dict[str, str]:
    return {"type": "text", "text": value}


IMAGE = {"type": "image_url", "image_url": {"url": "data:,"}}


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ([system("s"), user("u")], [user("s u")]),
        ([said("developer", "s"), user("u", name="n")], [user("s u", name="n")]),
        ([system("a"), system("b"), said("developer", "c"), user("u")], [user("a b c u")]),
        ([system([text("a"), text("b")]), user("u")], [user("a b u")]),
        ([system("s"), user([text("u"), IMAGE])], [user([text("s"), text("u"), IMAGE])]),
        ([system("s"), user([IMAGE])], [user([text("s"), IMAGE])]),
        ([system("s"), user(None)], [user("s")]),
        ([system("s"), {"role": "user"}], [user("s")]),
        ([system(""), user("u")], [user("u")]),
        ([system(None), user("u")], [user("u")]),
        ([user("u"), assistant("a"), system("s"), user("v")], [user("u"), assistant("a"), user("s v")]),
        ([system("s"), user("u"), assistant("a"), user("v")], [user("s u"), assistant("a"), user("v")]),
        # at the end, and where no user follows
        ([user("u"), system("s")], [user("u s")]),
        ([user([text("u")]), system("s")], [user([text("u"), text("s")])]),
        ([user("u"), assistant("a"), system("s")], [user("u"), assistant("a"), user("s")]),
        ([user("u"), system("s"), assistant("a")], [user("u s"), assistant("a")]),
        ([user("u"), said("tool", "t"), system("s")], [user("u"), said("tool", "t"), user("s")]),
        # no user at all
        ([system("s")], [user("s")]),
        ([system("a"), system("b")], [user("a b")]),
        ([system([text("a")])], [user("a")]),
        ([system("")], [user("")]),
        ([system("s"), assistant("a")], [user("s"), assistant("a")]),
        # what is no text
        ([system([IMAGE]), user("u")], [user([IMAGE]), user("u")]),
        ([system("s"), system([IMAGE]), user("u")], [user([text("s"), IMAGE]), user("u")]),
        ([system("s"), user({"x": 1})], [user("s"), user({"x": 1})]),
        ([system(5), user("u")], [user(5), user("u")]),
        ([system("s"), 7, user("u")], [user("s"), 7, user("u")]),
    ],
)
def test_merging(messages: list[object], expected: list[object]) -> None:
    assert merged(*messages) == expected


def test_without_a_system_message_the_list_is_the_same() -> None:
    for messages in ([Raw(b'{"role":"user","content":"system"}')], [Raw(b"1"), Raw(b'{"role":2}')], []):
        assert without_system_messages(messages) is messages


@given(
    st.lists(
        st.tuples(st.sampled_from(["system", "user", "assistant"]), st.text("ab", min_size=1, max_size=2))
    )
)
def test_who_took_turns_goes_on_taking_turns_and_no_word_is_lost(spoken: list[tuple[str, str]]) -> None:
    others = [role for role, _ in spoken if role != "system"]
    took_turns = all(one != other for one, other in pairwise(others))
    got = merged(*(said(role, content) for role, content in spoken))
    roles = [message["role"] for message in got]  # type: ignore[index]
    assert "system" not in roles
    if took_turns:
        assert all(one != other for one, other in pairwise(roles))
    words = " ".join(str(message["content"]) for message in got)  # type: ignore[index]
    assert words.split() == [content for _, content in spoken]
