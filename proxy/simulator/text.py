"""Text into tokens and back: a stand-in for a tokenizer, good for counts that add up."""

from __future__ import annotations

import re

import msgspec

TOKEN = re.compile(r"\s*\w{1,6}|\s*[^\w\s]|\s+")
"""At most six letters with the blanks before them: about 4/3 tokens per English word."""
MESSAGE_OVERHEAD_TOKENS = 3
"""What OpenAI's chat format adds per message, and once more per answer."""
ECHO_CHARS = 200


class Part(msgspec.Struct):
    """One part of a message's content; images and files have no text."""

    type: str = "text"
    text: str = ""


def tokens_of(text: str) -> list[str]:
    """Joined again they give `text`."""
    return TOKEN.findall(text)


def count_tokens(text: str) -> int:
    return len(TOKEN.findall(text))


def content_text(content: str | list[Part] | None) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    return "\n".join(part.text for part in content if part.text)


def prompt_tokens(texts: list[str]) -> int:
    """Of a conversation of these messages."""
    return sum(count_tokens(text) + MESSAGE_OVERHEAD_TOKENS for text in texts) + MESSAGE_OVERHEAD_TOKENS


def shortened(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= ECHO_CHARS else text[:ECHO_CHARS] + "..."
