"""What answers say, in no dialect: each dialect has one reader that makes these and one writer that says them.

A whole answer is the same events, all at once. `part` numbers the parts of an answer (a text, a thought, a call of a
tool) over all its choices, in the order in which they begin.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import msgspec
from msgspec import Raw

NO_EXTRA: Mapping[str, Raw] = {}

TEXT = "text"
REFUSAL = "refusal"
THINKING = "thinking"
REDACTED = "redacted"
"""A thought that only its own provider can read: `raw` is the block."""
CALL = "call"
"""Of one of the client's functions."""
CUSTOM = "custom"
"""Of one of the client's tools that take text."""
FOREIGN = "foreign"
"""A block that one dialect alone has, whole in `raw`; `id` is its type."""

END_TURN = "end_turn"
STOP_SEQUENCE = "stop_sequence"
MAX_TOKENS = "max_tokens"
CONTEXT_FULL = "model_context_window_exceeded"
TOOL_USE = "tool_use"
PAUSED = "pause_turn"
REFUSED = "refusal"


class Spent(msgspec.Struct, frozen=True, gc=False):
    """Tokens. None: not said."""

    prompt: int | None = None
    """All of them: those of the cache included."""
    output: int | None = None
    cached: int | None = None
    cache_write: int | None = None
    reasoning: int | None = None
    extra: Mapping[str, Raw] = NO_EXTRA
    """What the dialect alone counts, under its own names."""
    prompt_extra: Mapping[str, Raw] = NO_EXTRA
    output_extra: Mapping[str, Raw] = NO_EXTRA


class Began(msgspec.Struct, frozen=True):
    id: str = ""
    model: str = ""
    created: int = 0
    """Seconds since 1970; 0: not said."""
    spent: Spent | None = None
    extra: Mapping[str, Raw] = NO_EXTRA


class Opened(msgspec.Struct, frozen=True):
    part: int
    kind: str
    id: str = ""
    name: str = ""
    raw: Raw = Raw()
    choice: int = 0
    extra: Mapping[str, Raw] = NO_EXTRA


class Said(msgspec.Struct, frozen=True, gc=False):
    """More of a part: text of a text, thinking of a thought, arguments of a call."""

    part: int
    text: str
    logprobs: Raw | None = None
    """A list of tokens in chat's form."""


class Signed(msgspec.Struct, frozen=True):
    """A thought's signature, which its provider wants back."""

    part: int
    signature: str


class Cited(msgspec.Struct, frozen=True):
    """Where a text is from: a citation in the words of its dialect, and whose words these are."""

    part: int
    raw: Raw
    url: bool = False
    """In chat's form (`url_citation`)."""


class Closed(msgspec.Struct, frozen=True):
    part: int


class Ended(msgspec.Struct, frozen=True):
    """Why a choice ends. `reason` is one of the words above, or a dialect's own."""

    reason: str
    choice: int = 0
    stop_sequence: str | None = None
    extra: Mapping[str, Raw] = NO_EXTRA


class Used(msgspec.Struct, frozen=True):
    """Of the whole answer: what is said last counts."""

    spent: Spent


class Finished(msgspec.Struct, frozen=True):
    """The stream's own last word."""


class Failed(msgspec.Struct, frozen=True):
    """The upstream's own error, in place of what was to come."""

    kind: str
    message: str
    code: str | None = None
    param: str | None = None
    extra: Mapping[str, Raw] = NO_EXTRA


Event: TypeAlias = Began | Opened | Said | Signed | Cited | Closed | Ended | Used | Finished | Failed
FINISHED = Finished()
