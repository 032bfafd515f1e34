"""Chat and completions streams as OpenAI sends them: asked for their usage, and not asked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

TEXTS = (
    "Hello",
    ',"usage":null}\n\n',
    '"usage":null',
    "\\",
    '\\",\\"usage\\":null}',
    ",",
    "é\u2028",
    "data: [DONE]",
)
"""What a model may say; some of it looks like what is taken out."""


def stream(
    *,
    asked: bool,
    end: str = "\n",
    obfuscated: bool = False,
    spaced: bool = False,
    kind: str = "chat",
    comments: bool = False,
    middle: bool = False,
) -> bytes:
    """As OpenAI answers: nulls and one more chunk where usage was asked for."""
    separators = (", ", ": ") if spaced else (",", ":")
    head = {
        "id": "chatcmpl-1",
        "object": f"{kind}.chunk",
        "created": 1,
        "model": "m",
        "service_tier": "default",
    }
    null: dict[str, Any] = {"usage": None} if asked else {}
    lines: list[str] = []
    for text in TEXTS:
        choice: dict[str, Any] = {
            "index": 0,
            "delta": {"content": text},
            "logprobs": None,
            "finish_reason": None,
        }
        if kind != "chat":
            choice = {"index": 0, "text": text, "logprobs": None}
        chunk: dict[str, Any] = {
            **head,
            **(null if middle else {}),
            "choices": [choice],
            **({} if middle else null),
        }
        if obfuscated:
            chunk["obfuscation"] = "aB3" * len(text)
        lines.append("data: " + json.dumps(chunk, separators=separators, ensure_ascii=False))
        if comments:
            lines.append(": keep-alive")
    if asked:
        usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
        last: dict[str, Any] = {**head, "choices": [], "usage": usage}
        if obfuscated:
            last["obfuscation"] = "xyz"
        lines.append("data: " + json.dumps(last, separators=separators))
    lines.append("data: [DONE]")
    return "".join(line + end + end for line in lines).encode()


KINDS: Mapping[str, Mapping[str, Any]] = {
    "chat": {},
    "chat, obfuscated": {"obfuscated": True},
    "completions": {"kind": "text_completion"},
    "blanks in the JSON": {"spaced": True},
    "CRLF": {"end": "\r\n"},
    "CRLF, obfuscated": {"end": "\r\n", "obfuscated": True},
    "CR": {"end": "\r"},
    "comments": {"comments": True},
    "the null before the choices": {"middle": True},
    "all at once": {"middle": True, "spaced": True, "end": "\r\n", "obfuscated": True, "comments": True},
}
