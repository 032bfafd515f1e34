"""The input of /responses as a chat's messages.

https://platform.openai.com/docs/guides/migrate-to-responses
"""

from __future__ import annotations

import msgspec
from msgspec import Raw

from proxy.providers.translation.refusing import Telling, read, wrong
from proxy.providers.translation.responses_request import Item, ItemKind, Part
from proxy.providers.translation.thoughts import unsealed

Message = dict[str, object]
_ROLES = ("user", "assistant", "system", "developer")
_SEEN_BELOW = "(See the picture or file below.)"
"""In the result of a tool, which has text only in chat."""

_decode_kind = msgspec.json.Decoder(ItemKind).decode
_decode_item = msgspec.json.Decoder(Item).decode


class Items:
    """Of one request."""

    def __init__(self, telling: Telling) -> None:
        self.said: list[Message] = []
        self._telling = telling
        self._thoughts: list[Raw] = []
        self._thought = ""
        self._shown: list[Message] = []
        """What results of tools show, to be said after the last of them."""

    def add_all(self, items: list[Raw]) -> None:
        """Raises GatewayError 400."""
        for number, raw in enumerate(items):
            where = f"input[{number}]"
            kind = read(where, raw, _decode_kind, self._telling.terms.provider).type
            add = _ADDERS.get(kind)
            if add is None:
                self._telling.refuse(f"{where}.type", f"`{kind}`")
                continue
            add(self, where, read(where, raw, _decode_item, self._telling.terms.provider))
        self._show()

    def message(self, where: str, item: Item) -> None:
        self._show()
        role = item.role
        if role not in _ROLES:
            raise wrong(f"{where}.role", f"there is no role `{role}`")
        parts = self._content(f"{where}.content", item.content)
        content: object = parts
        if role == "assistant":
            content = "".join(str(part.get("text", "")) for part in parts)
            self.said.append(self._assistant({"content": content}))
            return
        if len(parts) == 1 and parts[0]["type"] == "text" and "prompt_cache_breakpoint" not in parts[0]:
            content = parts[0]["text"]
        self.said.append({"role": role, "content": content})

    def function_call(self, where: str, item: Item) -> None:
        if item.name is None or item.call_id is None:
            raise wrong(where, "expected a name and a call_id")
        function = {"name": item.name, "arguments": item.arguments or "{}"}
        self._call({"id": item.call_id, "type": "function", "function": function})

    def custom_call(self, where: str, item: Item) -> None:
        if item.name is None or item.call_id is None:
            raise wrong(where, "expected a name and a call_id")
        custom = {"name": item.name, "input": item.input or ""}
        self._call({"id": item.call_id, "type": "custom", "custom": custom})

    def output(self, where: str, item: Item) -> None:
        if item.call_id is None:
            raise wrong(f"{where}.call_id", "expected the id of the call that this is the result of")
        parts = self._content(f"{where}.output", item.output)
        texts = [str(part["text"]) for part in parts if part["type"] == "text"]
        self._shown += [part for part in parts if part["type"] != "text"]
        text = "\n".join(texts) or (_SEEN_BELOW if parts else "")
        self.said.append({"role": "tool", "tool_call_id": item.call_id, "content": text})

    def reasoning(self, where: str, item: Item) -> None:
        """For the message or the calls that follow; what another provider has sealed is for that alone."""
        self._thoughts += unsealed(item.encrypted_content)
        if not isinstance(item.content, list):
            told = [each.text for each in item.summary or ()]
        else:
            told = [part.text or "" for part in item.content]
        self._thought += "".join(told)

    def _call(self, call: Message) -> None:
        """Calls that follow one another, or a text, are one message's."""
        last = self.said[-1] if self.said else {}
        if last.get("role") != "assistant" or self._thoughts or self._thought:
            last = self._assistant({"content": None})
            self.said.append(last)
        calls = last.setdefault("tool_calls", [])
        assert isinstance(calls, list)
        calls.append(call)

    def _assistant(self, message: Message) -> Message:
        found: Message = {"role": "assistant", **message}
        if self._thoughts:
            found["thinking_blocks"] = self._thoughts
        elif self._thought:
            found["reasoning_content"] = self._thought
        self._thoughts, self._thought = [], ""
        return found

    def _show(self) -> None:
        if self._shown:
            self.said.append({"role": "user", "content": self._shown})
            self._shown = []

    def _content(self, where: str, content: str | list[Part] | None) -> list[Message]:
        if content is None or isinstance(content, str):
            return [{"type": "text", "text": content}] if content else []
        found = (self._part(f"{where}[{number}]", part) for number, part in enumerate(content))
        return [part for part in found if part is not None]

    def _part(self, where: str, part: Part) -> Message | None:
        said = self._said(where, part)
        if said is not None and part.prompt_cache_breakpoint is not None:
            said["prompt_cache_breakpoint"] = part.prompt_cache_breakpoint
        return said

    def _said(self, where: str, part: Part) -> Message | None:
        if part.type in ("input_text", "output_text", "text"):
            return {"type": "text", "text": part.text or ""}
        if part.type == "refusal":
            return {"type": "text", "text": part.refusal or ""}
        if part.type == "input_image" and part.image_url is not None:
            detail = {} if part.detail in (None, "auto") else {"detail": part.detail}
            return {"type": "image_url", "image_url": {"url": part.image_url, **detail}}
        if part.type == "input_file" and part.detail == "low":
            self._telling.refuse(f"{where}.detail", "`low`")
        if part.type == "input_file" and part.file_url is None:
            names = ("file_data", "file_id", "filename")
            file = {name: value for name in names if (value := getattr(part, name)) is not None}
            return {"type": "file", "file": file}
        at = "file_url" if part.file_url is not None else "file_id" if part.file_id is not None else "type"
        self._telling.refuse(f"{where}.{at}", f"`{part.type}`")
        return None


_ADDERS = {
    "message": Items.message,
    "function_call": Items.function_call,
    "function_call_output": Items.output,
    "custom_tool_call": Items.custom_call,
    "custom_tool_call_output": Items.output,
    "reasoning": Items.reasoning,
}
"""By type; other items are of tools that /responses alone has."""
