"""How many tokens a text is: counted where `tiktoken` is installed and has its vocabularies, else estimated.

The estimate splits a text as OpenAI's tokenizers do, and knows of each kind of piece how many tokens it is on average:
within a tenth for prose and code, a quarter for what is no text (base64). It costs a tenth of a millisecond per KB, and
loads no vocabulary.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Protocol

import msgspec

_PIECES = re.compile(
    r"[^\r\nA-Za-z0-9]?(?:[A-Z]?[a-z]+|[A-Z]+)"  # a word, or a part of one in CamelCase, with what is before it
    r"|\d{1,3}"
    r"|[^\S\r\n]?[!-/:-@\[-`{-~]+[\r\n]*"
    r"|\s*[\r\n]+"
    r"|\s+(?!\S)"
    r"|[^\S\r\n]?[^\x00-\x7f]+"
    r"|.",
    re.DOTALL,
)
_WORD_CHARS, _PER_CHAR_BEYOND = 8, 0.12
"""Of one token, and what each further letter adds."""
_SIGNS, _PER_SIGN_BEYOND = 3, 0.3
_USUAL_BEFORE = " ._(-/\t\"'"
"""What is one token with the word behind it."""
_UNUSUAL_BEFORE = 0.4
_SCRIPTS: tuple[tuple[int, float], ...] = (
    (0x250, 0.5), (0x530, 0.23), (0x900, 0.37), (0xE00, 0.23), (0x3000, 0.72), (0x3400, 0.75), (0xAC00, 0.72),
    (0xD7B0, 0.62),
)  # fmt: skip
"""Up to a code point: tokens per character. Letters with accents; Greek and Cyrillic; Hebrew and Arabic; India's;
others; kana; Chinese; Hangul. Emoji and what is behind have one each."""
_PER_MESSAGE, _PER_ANSWER = 3, 3
"""https://cookbook.openai.com/examples/how_to_count_tokens_with_tiktoken"""
_PICTURE, _SMALL_PICTURE = 765, 85
"""Of one of 1024 x 1024, and with `detail: low`: https://platform.openai.com/docs/guides/images-vision"""
_DATA = ("image_url", "input_audio", "file", "data")


class Encoding(Protocol):
    """tiktoken's."""

    def encode(self, text: str, *, disallowed_special: tuple[()]) -> list[int]: ...
    def decode(self, tokens: Sequence[int]) -> str: ...


def token_counter(
    model: str = "",
    text: str | Sequence[str] | None = None,
    messages: Sequence[Mapping[str, Any]] | None = None,
    tools: Sequence[Mapping[str, Any]] | None = None,
    **_litellms: object,
) -> int:
    """Tokens of a text, or of a chat's prompt with what its form adds."""
    total = sum(_count(model, said) for said in ([text] if isinstance(text, str) else text or ()))
    if messages is not None:
        total += _PER_ANSWER + sum(_of_message(model, message) for message in messages)
    if tools:
        total += _count(model, msgspec.json.encode(list(tools)).decode())
    return total


def encode(model: str = "", text: str = "") -> list[int]:
    """The tokens themselves, by OpenAI's vocabularies. Raises RuntimeError where tiktoken cannot be used."""
    return _needed(model).encode(text, disallowed_special=())


def decode(model: str = "", tokens: Sequence[int] = ()) -> str:
    """The text of tokens. Raises RuntimeError where tiktoken cannot be used."""
    return _needed(model).decode(tokens)


def estimate(text: str) -> int:
    """Tokens of a text, without a vocabulary."""
    return round(sum(map(_piece, _PIECES.findall(text))))


def _piece(piece: str) -> float:
    if not piece.isascii():
        return max(1.0, sum(map(_char, piece)))
    length = len(piece)
    if piece[-1].isalpha():
        first = piece[0]
        more = 0.0 if first.isalpha() or first in _USUAL_BEFORE else _UNUSUAL_BEFORE
        return 1.0 + more + max(0, length - _WORD_CHARS) * _PER_CHAR_BEYOND
    if piece[0].isdigit() or piece.isspace():
        return 1.0
    return 1.0 + max(0, length - _SIGNS) * _PER_SIGN_BEYOND


def _char(char: str) -> float:
    code = ord(char)
    return next((tokens for below, tokens in _SCRIPTS if code < below), 1.0)


def _count(model: str, text: str) -> int:
    exact = _encoding(model)
    return estimate(text) if exact is None else len(exact.encode(text, disallowed_special=()))


def _of_message(model: str, message: Mapping[str, Any]) -> int:
    found = _PER_MESSAGE
    for name, value in message.items():
        if name == "content" and not isinstance(value, str):
            found += sum(_of_part(model, part) for part in value or ())
        elif value is not None:
            found += _count(model, value if isinstance(value, str) else msgspec.json.encode(value).decode())
            found += name == "name"
    return found


def _of_part(model: str, part: Mapping[str, Any]) -> int:
    """Of a picture by its detail, of other attachments by nothing: their length is not their tokens."""
    if part.get("type") == "image_url":
        picture = part.get("image_url")
        small = isinstance(picture, Mapping) and picture.get("detail") == "low"
        return _SMALL_PICTURE if small else _PICTURE
    said = (value for name, value in part.items() if name not in (*_DATA, "type", "cache_control"))
    return sum(_count(model, text) for value in said for text in _texts(value))


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list | tuple):
        yield msgspec.json.encode(value).decode()


def _needed(model: str) -> Encoding:
    found = _encoding(model)
    if found is None:
        raise RuntimeError(
            "tokens are those of tiktoken's vocabularies: pip install tiktoken; where there is no internet, set"
            " TIKTOKEN_CACHE_DIR to where they are. token_counter estimates without."
        )
    return found


@cache
def _tiktoken() -> Any:
    return import_module("tiktoken") if find_spec("tiktoken") is not None else None


@cache
def _encoding(model: str) -> Encoding | None:
    """None: it is not installed, or its vocabularies cannot be had; that is not tried again."""
    tiktoken = _tiktoken()
    if tiktoken is None:
        return None
    name = model.rpartition("/")[2]
    try:
        return tiktoken.encoding_for_model(name)  # type: ignore[no-any-return]
    except KeyError:
        return _named(tiktoken)
    except OSError:  # requests' errors are: it asks the web for its vocabularies
        return None


def _named(tiktoken: Any) -> Encoding | None:
    """For models that are not OpenAI's the newest vocabulary is as good a guess as any."""
    try:
        return tiktoken.get_encoding("o200k_base")  # type: ignore[no-any-return]
    except OSError:
        return None
