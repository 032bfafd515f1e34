"""Whether a stream has begun to say something: until it has, nobody misses it when another upstream starts over."""

from __future__ import annotations

import enum

import msgspec

from proxy.errors import UNREADABLE
from proxy.providers.hidden import Hidden, in_answer
from proxy.providers.sse import SseReader


class Beginning(enum.Enum):
    NOTHING = "nothing"
    """Roles, ids, comments: what comes before the first token."""
    CONTENT = "content"
    """Something that a client waits for, or the stream's own end."""
    ERROR = "error"
    """The upstream's own error event, in place of content."""


class _Delta(msgspec.Struct):
    content: msgspec.Raw = msgspec.Raw()
    reasoning_content: msgspec.Raw = msgspec.Raw()
    reasoning: msgspec.Raw = msgspec.Raw()
    refusal: msgspec.Raw = msgspec.Raw()
    tool_calls: msgspec.Raw = msgspec.Raw()
    function_call: msgspec.Raw = msgspec.Raw()
    audio: msgspec.Raw = msgspec.Raw()


class _Choice(msgspec.Struct):
    delta: _Delta | None = None
    text: str = ""
    finish_reason: str | None = None


class _Event(msgspec.Struct):
    type: str | None = None
    object: str | None = None
    choices: list[_Choice] | None = None


_decode = msgspec.json.Decoder(_Event).decode
_EMPTY = frozenset((b"", b"null", b'""', b"[]", b"{}"))
_PREPARING = frozenset((
    "keepalive", "response.created", "response.queued", "response.in_progress", "response.output_item.added",
    "response.content_part.added", "response.reasoning_summary_part.added",
    "message_start", "ping", "content_block_start",
))  # fmt: skip
"""Events of the responses API, and of Anthropic's, before the first delta.

https://platform.openai.com/docs/api-reference/responses-streaming
https://platform.claude.com/docs/en/build-with-claude/streaming
"""
_PREPARING_OBJECTS = frozenset(("thread", "thread.run", "thread.run.step", "thread.message"))
"""What an assistant's stream tells of before its first delta.

https://platform.openai.com/docs/api-reference/assistants-streaming/events
"""


class FirstContent:
    """Fed with a stream's payload, in any split."""

    def __init__(self) -> None:
        self._reader = SseReader()
        self.error: Hidden | None = None
        """With ERROR."""

    def feed(self, payload: bytes) -> Beginning:
        """What came so far. After CONTENT or ERROR there is no need to ask again. Raises UpstreamFailure."""
        for data in self._reader.feed(payload):
            self.error = in_answer(data)
            said = Beginning.ERROR if self.error is not None else _said(data)
            if said is not Beginning.NOTHING:
                return said
        return Beginning.NOTHING


def _said(data: bytes) -> Beginning:
    if data.strip() == b"[DONE]":
        return Beginning.CONTENT
    try:
        event = _decode(data)
    except UNREADABLE:
        return Beginning.CONTENT  # not OpenAI's: nothing is known of it, so nothing is held back
    if event.choices is not None:
        return Beginning.CONTENT if any(map(_has_content, event.choices)) else Beginning.NOTHING
    preparing = event.type in _PREPARING or event.object in _PREPARING_OBJECTS
    return Beginning.NOTHING if preparing else Beginning.CONTENT


def _has_content(choice: _Choice) -> bool:
    if choice.finish_reason is not None or choice.text:
        return True
    delta = choice.delta
    return delta is not None and any(bytes(value) not in _EMPTY for value in msgspec.structs.astuple(delta))
