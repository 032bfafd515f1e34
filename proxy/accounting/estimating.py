"""What an answer used that did not say so, guessed from bytes: better for each model with every answer that does say.

A guess is always marked as one. Absent is not zero.
"""

from __future__ import annotations

import re

from proxy.types import Usage

MAX_MODELS = 1000
"""Whose ratios are remembered, in some 200 KiB: clients may make up names. The oldest goes first."""
LEARNS_EACH = 16
"""Of the answers that say their usage, one in so many is learned from: a conversation's are much alike."""
PROMPT_BYTES = 4.5
"""Per token, of a request's JSON: English has four letters in one, and JSON is around them."""
WHOLE_BYTES = 6.0
"""Per token, of an answer that came in one piece."""
EVENT_BYTES = 230.0
"""Per token, of a stream: one event of a token each, as most send them."""
_WEIGHT = 0.2
"""Of the newest answer in a model's ratio."""
_FILE = re.compile(rb'"(?:data:[a-z]+/[^"]{200,}|[A-Za-z0-9+/=]{2000,})"')
"""Pictures and the like among the text of a request."""
FILE_TOKENS = 1000
"""Of one picture: between OpenAI's 85 for a small one and Anthropic's 1,600."""


class _Ratio:
    """Bytes per token."""

    __slots__ = ("event", "prompt", "whole")

    def __init__(self) -> None:
        self.prompt, self.whole, self.event = PROMPT_BYTES, WHOLE_BYTES, EVENT_BYTES


class Ratios:
    """One worker's memory."""

    def __init__(self) -> None:
        self._models: dict[str, _Ratio] = {}
        self._seen = 0

    def learn(self, model: str, request: bytes, answer_bytes: int, usage: Usage, *, stream: bool) -> None:
        """HOT. From an answer that says what it used."""
        self._seen += 1
        if self._seen % LEARNS_EACH and model in self._models:
            return
        ratio = self._models.get(model)
        if ratio is None:
            if len(self._models) >= MAX_MODELS:
                del self._models[next(iter(self._models))]
            ratio = self._models[model] = _Ratio()
        text_bytes, files = _measured(request)
        if usage.input_tokens and text_bytes and not files:
            ratio.prompt += _WEIGHT * (text_bytes / usage.input_tokens - ratio.prompt)
        if not usage.output_tokens or not answer_bytes:
            return
        found = answer_bytes / usage.output_tokens
        if stream:
            ratio.event += _WEIGHT * (found - ratio.event)
        else:
            ratio.whole += _WEIGHT * (found - ratio.whole)

    def guess(
        self, model: str, request: bytes, answer_bytes: int, *, stream: bool, makes: bool = True
    ) -> Usage:
        """`makes`: the answer is made of tokens; embeddings are not."""
        ratio = self._models.get(model) or _Ratio()
        text_bytes, files = _measured(request)
        sent = max(1, round(text_bytes / ratio.prompt)) + FILE_TOKENS * files
        if not makes:
            return Usage(sent, None, sent)
        per_token = ratio.event if stream else ratio.whole
        made = max(1, round(answer_bytes / per_token)) if answer_bytes else 0  # who has had some had a token
        return Usage(sent, made, sent + made)


def _measured(request: bytes) -> tuple[int, int]:
    """Bytes of its text, and how many files are within."""
    if request.find(b";base64,") < 0 and len(request) < 64 * 1024:
        return len(request), 0
    files = [found.end() - found.start() for found in _FILE.finditer(request)]
    return len(request) - sum(files), len(files)
