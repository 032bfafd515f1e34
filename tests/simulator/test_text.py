from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxy.simulator.text import Part, content_text, count_tokens, prompt_tokens, shortened, tokens_of


@given(st.text())
def test_tokens_join_to_the_text_and_are_what_is_counted(text: str) -> None:
    tokens = tokens_of(text)
    assert "".join(tokens) == text
    assert count_tokens(text) == len(tokens)
    assert all(tokens)


def test_a_prompt_counts_its_messages() -> None:
    assert prompt_tokens(["one", "two three"]) == 1 + 2 + 3 * 3


def test_text_of_content() -> None:
    assert content_text(None) == ""
    assert content_text("plain") == "plain"
    assert content_text([Part(text="one"), Part(type="image_url"), Part(text="two")]) == "one\ntwo"


def test_a_long_echo_is_cut() -> None:
    assert shortened(" a\n b ") == "a b"
    assert shortened("x" * 1000) == "x" * 200 + "..."
