"""How a configuration's words lead to a row: by prefix, by the host of a base, by a well-known model's own name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from proxy.config.slips import distance
from proxy.providers.compatible.provider import Provider
from proxy.providers.compatible.rows import ROWS

BY_NAME: Mapping[str, Provider] = {row.name: row for row in ROWS}
_ALIASES = {
    "ai21": "ai21_chat",
    "together": "together_ai",
    "fireworks": "fireworks_ai",
    "google_ai_studio": "gemini",
}
_SHORT = 5
"""Names of fewer letters are near too many others."""
NEAR = 2
"""Letters by which a name may be off and still be meant."""

_BARE = (
    (re.compile(r"claude-"), "anthropic"),
    (re.compile(r"gemini-"), "gemini"),
    (re.compile(r"(command-(r|a|light|nightly)|embed-(english|multilingual))"), "cohere"),
    (re.compile(r"(mistral|codestral|ministral|pixtral|magistral|devstral)-"), "mistral"),
    (re.compile(r"deepseek-"), "deepseek"),
    (re.compile(r"grok-"), "xai"),
    (re.compile(r"sonar(-|$)"), "perplexity"),
    (re.compile(r"qwen"), "dashscope"),
)
"""Whose models names without a provider are, besides OpenAI's: https://docs.litellm.ai/docs/providers"""
_OPEN = re.compile(r"(llama-?\d|gemma|phi-?\d)")
"""Open models: many providers have them, and none has the name."""


def named(name: str) -> Provider | None:
    return BY_NAME.get(_ALIASES.get(name, name))


def _hosts() -> dict[str, Provider]:
    found: dict[str, Provider] = {}
    for row in ROWS:
        host = urlsplit(row.base or "").hostname
        for each in (*((host,) if host else ()), *row.hosts):
            if each not in ("localhost", "127.0.0.1"):
                found.setdefault(each, row)
    return found


BY_HOST: Mapping[str, Provider] = _hosts()


def of_base(api_base: str) -> Provider | None:
    """Whose host it is."""
    try:
        host = urlsplit(api_base).hostname
    except ValueError:
        return None
    return BY_HOST.get(host or "")


def vendor_of(model: str) -> str | None:
    """Of a model without a provider; None: OpenAI's, or a name that says nothing."""
    return next((vendor for pattern, vendor in _BARE if pattern.match(model.lower())), None)


def is_open(model: str) -> bool:
    """Its name says whose model it is, and not who serves it."""
    return _OPEN.match(model.lower()) is not None


def nearest(name: str, others: tuple[str, ...]) -> list[str]:
    """What may have been meant, nearest first; at most three. `others`: names that are in no row."""
    allowed = 1 if len(name) < _SHORT else NEAR
    known = (*others, *BY_NAME)
    near = sorted((distance(name, each), each) for each in known if abs(len(each) - len(name)) <= allowed)
    return [each for letters, each in near if letters <= allowed][:3]


def base_variables(row: Provider) -> tuple[str, ...]:
    """As written in its row, else as its key's: `GROQ_API_BASE` beside `GROQ_API_KEY`."""
    if row.bases or not row.keys:
        return row.bases
    first = row.keys[0]
    return (f"{first.removesuffix('_API_KEY')}_API_BASE",) if first.endswith("_API_KEY") else ()
