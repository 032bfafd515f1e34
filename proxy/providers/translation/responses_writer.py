"""Events as those of /responses, in their order, each numbered; or one response.

https://platform.openai.com/docs/api-reference/responses-streaming
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from proxy.errors import UpstreamFailure
from proxy.providers.translation import responses_words
from proxy.providers.translation.coding import encode, sse
from proxy.providers.translation.events import (
    END_TURN,
    FOREIGN,
    Began,
    Cited,
    Closed,
    Ended,
    Event,
    Failed,
    Finished,
    Opened,
    Said,
    Signed,
    Spent,
    Used,
)
from proxy.providers.translation.responses_output import KINDS, Item, Json, Message, item_of
from proxy.providers.translation.responses_words import DEFAULTS, INCOMPLETE, Asked
from proxy.types import ResultKind

HELD_BYTES = 16 * 1024 * 1024
"""Of an answer: its end repeats all of it."""
Keep: TypeAlias = Callable[[str, list[Json]], None]
"""Told of a whole answer: its id and its items."""


class ResponsesWriter:
    """One stream's."""

    def __init__(self, asked: Asked = Asked(), keep: Keep | None = None) -> None:  # noqa: B008 - frozen
        self.output: list[Item] = []
        self.response: Json = {}
        """As it was in the end."""
        self._asked = asked
        self._keep = keep
        self._number = 0
        self._items: dict[int, Item] = {}
        """By part."""
        self._message: Message | None = None
        """The one that texts go into; it ends where something else begins."""
        self._held_bytes = 0
        self._began = Began()
        self._spent: Spent | None = None
        self._ended: Ended | None = None

    def write(self, event: Event) -> bytes:
        """HOT. Raises UpstreamFailure for an answer that is too long to be held."""
        if isinstance(event, Said):
            item = self._items.get(event.part)
            self._held_bytes += len(event.text)
            if self._held_bytes > HELD_BYTES:
                raise UpstreamFailure(ResultKind.BROKEN, f"an answer of more than {HELD_BYTES} bytes")
            return b"" if item is None else self._say(item.said(event.text, event.logprobs))
        if isinstance(event, Opened):
            return self._opened(event)
        if isinstance(event, Closed):
            return self._closed(event)
        if isinstance(event, Cited):
            item = self._items.get(event.part)
            return b"" if item is None else self._say(item.cited(event))
        if isinstance(event, Signed):
            item = self._items.get(event.part)
            if item is not None:
                item.signed(event.signature)
            return b""
        return self._about_all(event)

    def _about_all(self, event: Event) -> bytes:
        if isinstance(event, Began):
            self._began, self._spent = event, event.spent
            begun = self._response("in_progress")
            kinds = ("response.created", "response.in_progress")
            return self._say([{"type": kind, "response": begun} for kind in kinds])
        if isinstance(event, Ended):
            if not event.choice:
                self._ended = event
            return self._end_message() if not event.choice else b""
        if isinstance(event, Used):
            self._spent = event.spent
            return b""
        if isinstance(event, Finished):
            return self._finish()
        return self._fail(event) if isinstance(event, Failed) else b""

    def _opened(self, event: Opened) -> bytes:
        if event.choice or (event.kind not in KINDS and event.kind != FOREIGN):
            return b""
        said = b""
        if event.kind not in ("text", "refusal"):
            said = self._end_message()
            item = item_of(event, len(self.output), self._asked.call_id)
            if item is None:
                return said
            self.output.append(item)
            self._items[event.part] = item
            return said + self._say(item.began())
        if self._message is None:
            self._message = Message(len(self.output), self._asked.call_id)
            self.output.append(self._message)
            said = self._say(self._message.began())
        self._items[event.part] = self._message
        return said + self._say(self._message.part_began(event.kind))

    def _closed(self, event: Closed) -> bytes:
        item = self._items.pop(event.part, None)
        return b"" if item is None else self._say(item.part_ended())

    def _end_message(self) -> bytes:
        message, self._message = self._message, None
        return b"" if message is None else self._say(message.ended())

    def _finish(self) -> bytes:
        said = self._end_message()
        reason = END_TURN if self._ended is None else self._ended.reason
        status = "incomplete" if reason in INCOMPLETE else "completed"
        self.response = self._response(status, reason)
        if self._keep is not None:
            self._keep(self._asked.response_id, [item.json() for item in self.output])
        return said + self._say([{"type": f"response.{status}", "response": self.response}])

    def _fail(self, failed: Failed) -> bytes:
        response = {**self._response("failed"), "error": responses_words.error(failed)}
        return self._say([{"type": "response.failed", "response": response}])

    def _response(self, status: str, reason: str = "") -> Json:
        asked, began = self._asked, self._began
        known: Json = {
            "id": asked.response_id,
            "object": "response",
            "created_at": began.created or asked.created,
            "status": status,
            "model": began.model,
            "output": [item.json() for item in self.output],
            "usage": None,
        }
        if status in ("completed", "incomplete"):
            known["usage"] = responses_words.usage(self._spent or Spent())
        why = {"incomplete_details": {"reason": INCOMPLETE[reason]}} if reason in INCOMPLETE else {}
        extra = {} if self._ended is None else self._ended.extra
        return {**began.extra, **extra, **DEFAULTS, **asked.echo, **known, **why}

    def _say(self, events: Iterable[Json]) -> bytes:
        """HOT."""
        said = b""
        for event in events:
            event["sequence_number"] = self._number
            self._number += 1
            said += sse(str(event["type"]), encode(event))
        return said


def whole(events: Iterable[Event], asked: Asked, keep: Keep | None = None) -> bytes:
    """The same events as one response; an error as one error."""
    writer = ResponsesWriter(asked, keep)
    for event in events:
        if isinstance(event, Failed):
            return encode({"error": responses_words.error(event)})
        writer.write(event)
    return encode(writer.response)
