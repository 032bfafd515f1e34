"""The items of a response's output, and the events that each of them is told by.

https://platform.openai.com/docs/api-reference/responses-streaming
"""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec
from msgspec import Raw

from proxy.providers.translation.citations import annotation_of
from proxy.providers.translation.coding import UNREADABLE, decode_any, decode_fields
from proxy.providers.translation.events import CALL, CUSTOM, FOREIGN, REDACTED, THINKING, Cited, Opened
from proxy.providers.translation.thoughts import sealed

Json = dict[str, object]
KINDS = frozenset(("text", "refusal", CALL, CUSTOM, THINKING, REDACTED))
_NOT_IN_IDS = re.compile(r"[^a-zA-Z0-9]")
_decode_list = msgspec.json.Decoder(list[Raw]).decode


class Item:
    """One, while it is being said."""

    prefix = ""

    def __init__(self, index: int, call_id: str) -> None:
        self.index = index
        self.id = f"{self.prefix}_{_NOT_IN_IDS.sub('', call_id)}{index}"
        self.over = False
        self.texts: list[str] = []

    @property
    def status(self) -> str:
        return "completed" if self.over else "in_progress"

    @property
    def text(self) -> str:
        return "".join(self.texts)

    def json(self) -> Json:
        raise NotImplementedError

    def began(self) -> list[Json]:
        return [{"type": "response.output_item.added", "output_index": self.index, "item": self.json()}]

    def said(self, text: str, logprobs: Raw | None) -> list[Json]:
        raise NotImplementedError

    def cited(self, event: Cited) -> list[Json]:
        return []

    def signed(self, signature: str) -> None:
        """Only thoughts are."""

    def part_ended(self) -> list[Json]:
        """Most items have one part."""
        return self.ended()

    def ended(self) -> list[Json]:
        self.over = True
        return [{"type": "response.output_item.done", "output_index": self.index, "item": self.json()}]

    def at(self, kind: str, **more: object) -> Json:
        return {"type": kind, "item_id": self.id, "output_index": self.index, **more}


class Message(Item):
    """Texts and refusals that follow one another."""

    prefix = "msg"

    def __init__(self, index: int, call_id: str) -> None:
        super().__init__(index, call_id)
        self._parts: list[Json] = []
        self._logprobs: list[Raw] = []

    def json(self) -> Json:
        content = [dict(part) for part in self._parts]
        return {
            "id": self.id,
            "type": "message",
            "status": self.status,
            "role": "assistant",
            "content": content,
        }

    def part_began(self, kind: str) -> list[Json]:
        refusal: Json = {"type": "refusal", "refusal": ""}
        text: Json = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
        self._parts.append(refusal if kind == "refusal" else text)
        self.texts, self._logprobs = [], []
        return [self._at("response.content_part.added", part=dict(self._parts[-1]))]

    def said(self, text: str, logprobs: Raw | None) -> list[Json]:
        """HOT."""
        self.texts.append(text)
        if self._parts[-1]["type"] == "refusal":
            return [self._at("response.refusal.delta", delta=text)]
        tokens = [] if logprobs is None else _decode_list(logprobs)
        self._logprobs += tokens
        return [self._at("response.output_text.delta", delta=text, logprobs=tokens)]

    def cited(self, event: Cited) -> list[Json]:
        found = event.raw if event.url else annotation_of(event.raw, (0, sum(map(len, self.texts))))
        if found is None:
            return []
        fields = decode_fields(found)
        annotation: Json = {"type": "url_citation", **decode_fields(fields.get("url_citation", Raw(b"{}")))}
        held = self._parts[-1].setdefault("annotations", [])
        assert isinstance(held, list)
        held.append(annotation)
        number = len(held) - 1
        kind = "response.output_text.annotation.added"
        return [self._at(kind, annotation_index=number, annotation=annotation)]

    def part_ended(self) -> list[Json]:
        part, text = self._parts[-1], self.text
        if part["type"] == "refusal":
            part["refusal"] = text
            done = self._at("response.refusal.done", refusal=text)
        else:
            part["text"], part["logprobs"] = text, self._logprobs
            done = self._at("response.output_text.done", text=text, logprobs=self._logprobs)
        return [done, self._at("response.content_part.done", part=dict(part))]

    def _at(self, kind: str, **more: object) -> Json:
        return self.at(kind, content_index=len(self._parts) - 1, **more)


class Reasoning(Item):
    """A thought: what is said of it, and, sealed, what its provider wants back."""

    prefix = "rs"

    def __init__(self, index: int, call_id: str, block: Raw | None = None) -> None:
        super().__init__(index, call_id)
        self._signature = ""
        self._block = block

    def json(self) -> Json:
        summary = [{"type": "summary_text", "text": self.text}] if self.texts else []
        item: Json = {"id": self.id, "type": "reasoning", "summary": summary}
        if self.over and self._block is not None:
            item["encrypted_content"] = sealed([self._block])
        elif self.over and self._signature:
            thought = {"type": "thinking", "thinking": self.text, "signature": self._signature}
            item["encrypted_content"] = sealed([thought])
        return item

    def said(self, text: str, logprobs: Raw | None) -> list[Json]:
        """HOT."""
        first = [] if self.texts else [self._at("part.added", part={"type": "summary_text", "text": ""})]
        self.texts.append(text)
        return [*first, self._at("text.delta", delta=text)]

    def signed(self, signature: str) -> None:
        self._signature = signature

    def ended(self) -> list[Json]:
        if not self.texts:
            return super().ended()
        part = {"type": "summary_text", "text": self.text}
        done = [self._at("text.done", text=self.text), self._at("part.done", part=part)]
        return [*done, *super().ended()]

    def _at(self, what: str, **more: object) -> Json:
        return self.at(f"response.reasoning_summary_{what}", summary_index=0, **more)


class FunctionCall(Item):
    prefix = "fc"
    kind = "function_call"
    field = "arguments"
    delta = "response.function_call_arguments"

    def __init__(self, index: int, call_id: str, opened: Opened) -> None:
        super().__init__(index, call_id)
        self._opened = opened

    def json(self) -> Json:
        known: Json = {
            "id": self.id,
            "type": self.kind,
            "call_id": self._opened.id,
            "name": self._opened.name,
        }
        return {**known, self.field: self._said(), "status": self.status}

    def said(self, text: str, logprobs: Raw | None) -> list[Json]:
        """HOT."""
        if not text:
            return []
        self.texts.append(text)
        return [self.at(f"{self.delta}.delta", delta=text)]

    def ended(self) -> list[Json]:
        self.over = True
        more: Json = {"name": self._opened.name, self.field: self._said()}
        return [self.at(f"{self.delta}.done", **more), *super().ended()]

    def _said(self) -> str:
        """A call without arguments has an empty object."""
        return self.text or ("{}" if self.over else "")


class CustomCall(FunctionCall):
    prefix = "ctc"
    kind = "custom_tool_call"
    field = "input"
    delta = "response.custom_tool_call_input"

    def _said(self) -> str:
        return self.text


class WebSearch(Item):
    """Of Anthropic's own tool."""

    prefix = "ws"

    def __init__(self, index: int, call_id: str, opened: Opened) -> None:
        super().__init__(index, call_id)
        self._given = bytes(decode_fields(opened.raw).get("input", b"{}")).decode()
        """Of a whole answer; in a stream it follows."""

    def json(self) -> Json:
        action = {"type": "search", "query": _query(self.text or self._given)}
        return {"id": self.id, "type": "web_search_call", "status": self.status, "action": action}

    def said(self, text: str, logprobs: Raw | None) -> list[Json]:
        self.texts.append(text)
        return []


def item_of(opened: Opened, index: int, call_id: str) -> Item | None:
    """None: /responses has no item of its kind."""
    make = _ITEMS.get(opened.kind)
    return None if make is None else make(opened, index, call_id)


def _foreign(opened: Opened, index: int, call_id: str) -> Item | None:
    return WebSearch(index, call_id, opened) if opened.name == "web_search" else None


_ITEMS: dict[str, Callable[[Opened, int, str], Item | None]] = {
    CALL: lambda opened, index, call_id: FunctionCall(index, call_id, opened),
    CUSTOM: lambda opened, index, call_id: CustomCall(index, call_id, opened),
    THINKING: lambda opened, index, call_id: Reasoning(index, call_id),
    REDACTED: lambda opened, index, call_id: Reasoning(index, call_id, opened.raw),
    FOREIGN: _foreign,
}


def _query(arguments: str) -> str:
    try:
        found = decode_any(arguments or "{}")
    except UNREADABLE:
        return ""
    query = found.get("query") if isinstance(found, dict) else None
    return query if isinstance(query, str) else ""
