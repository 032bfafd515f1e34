"""How an answer looks in a notebook: its text, its pictures, and a line of what it used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

MAX_CHARS = 2000
"""Of what was written: a notebook is scrolled past it again and again."""
_PICTURE = 'style="max-width:20em"'
_KINDS = {"png", "jpeg", "webp", "gif"}


class Shown:
    """Mixed into answers."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        assert isinstance(self, dict)
        parts = "".join(f"<div>{part}</div>" for part in _parts(self))
        used = " &middot; ".join(escape(word) for word in _used(self))
        return f"<div>{parts}<small>{escape(type(self).__name__)}{' &middot; ' if used else ''}{used}</small></div>"


def _parts(answer: Mapping[str, Any]) -> Iterator[str]:
    for choice in _objects(answer.get("choices")):
        said = choice.get("message") or choice.get("delta") or choice
        yield from _text(said.get("content") or said.get("text"))
        for call in _objects(said.get("tool_calls")):
            function = call.get("function") or {}
            yield f"<code>{_short(function.get('name'))}({_short(function.get('arguments'))})</code>"
        yield from (
            _picture((image.get("image_url") or {}).get("url")) for image in _objects(said.get("images"))
        )
    yield from _text(getattr(answer, "output_text", None))
    if not answer.get("choices"):
        yield from _text(answer.get("text"))
    for made in _objects(answer.get("data")):
        yield from _made(made, str(answer.get("output_format") or "png"))


def _made(made: Mapping[str, Any], kind: str) -> Iterator[str]:
    if made.get("b64_json"):
        yield _picture(f"data:image/{kind if kind in _KINDS else 'png'};base64,{made['b64_json']}")
    elif made.get("url"):
        yield _picture(made["url"])
    elif isinstance(made.get("embedding"), list):
        numbers = ", ".join(f"{number:.4g}" for number in made["embedding"][:4])
        yield f"<code>[{numbers}, &hellip;]</code> {len(made['embedding'])} numbers"


def _text(text: object) -> Iterator[str]:
    if isinstance(text, str) and text:
        yield f'<span style="white-space:pre-wrap">{_short(text)}</span>'


def _picture(url: object) -> str:
    """Of the web or of the answer itself: no other scheme is led to."""
    known = isinstance(url, str) and url.startswith(("https://", "http://", "data:image/"))
    return f'<img {_PICTURE} src="{escape(str(url))}">' if known else ""


def _short(text: object) -> str:
    said = str(text or "")
    return escape(said if len(said) <= MAX_CHARS else said[:MAX_CHARS] + " …")


def _used(answer: Mapping[str, Any]) -> Iterator[str]:
    if answer.get("model"):
        yield str(answer["model"])
    usage = answer.get("usage") or {}
    names = (
        ("prompt_tokens", "completion_tokens")
        if "prompt_tokens" in usage
        else ("input_tokens", "output_tokens")
    )
    counts = [usage[name] for name in names if usage.get(name) is not None]
    if counts:
        yield " + ".join(str(count) for count in counts) + " tokens"


def _objects(value: object) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, list):
        yield from (each for each in value if isinstance(each, dict))
