"""Whose model a name without a provider is: LiteLLM goes to that vendor, and so it is not OpenAI's here.

https://docs.litellm.ai/docs/providers
"""

from __future__ import annotations

import re

_VENDORS = (
    (re.compile(r"claude-"), "anthropic"),
    (re.compile(r"gemini-"), "gemini"),
    (re.compile(r"(command-(r|a|light|nightly)|embed-(english|multilingual))"), "cohere"),
    (re.compile(r"(mistral|codestral|ministral|pixtral|magistral|devstral)-"), "mistral"),
    (re.compile(r"deepseek-"), "deepseek"),
    (re.compile(r"grok-"), "xai"),
    (re.compile(r"sonar(-|$)"), "perplexity"),
    (re.compile(r"qwen"), "dashscope"),
    (re.compile(r"(llama-?\d|gemma|phi-?\d)"), "ollama"),
)


def vendor_of(model: str) -> str | None:
    """None: OpenAI's, or a name that says nothing."""
    return next((vendor for pattern, vendor in _VENDORS if pattern.match(model.lower())), None)
