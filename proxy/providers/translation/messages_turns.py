"""Anthropic's turns as a chat's messages.

https://platform.openai.com/docs/api-reference/chat/create#chat-create-messages
"""

from __future__ import annotations

from collections.abc import Iterator

from proxy.providers.translation.media import PDF, Media
from proxy.providers.translation.messages_request import Block, Citations, Source, Turn
from proxy.providers.translation.refusing import Telling, wrong
from proxy.providers.translation.tool_names import ToolNames

Message = dict[str, object]
Part = dict[str, object]
_THOUGHTS = ("thinking", "redacted_thinking")
_SEEN_BELOW = "(See the picture or document below.)"
"""In the result of a tool, which has text only in chat."""


class Messages:
    """Of one request."""

    def __init__(self, telling: Telling, names: ToolNames) -> None:
        self.said: list[Message] = []
        self._telling = telling
        self._names = names

    def add_system(self, system: str | list[Block]) -> None:
        """Raises GatewayError 400."""
        parts = self._parts("system", _blocks(system))
        if parts:
            self.said.append({"role": "system", "content": _content(parts)})

    def add_all(self, turns: list[Turn]) -> None:
        """Raises GatewayError 400."""
        for number, turn in enumerate(turns):
            where = f"messages[{number}]"
            if turn.role == "assistant":
                self._assistant(f"{where}.content", _blocks(turn.content))
            elif turn.role == "user":
                self._user(f"{where}.content", _blocks(turn.content))
            elif turn.role == "system":
                parts = self._parts(f"{where}.content", _blocks(turn.content))
                self.said.append({"role": "system", "content": _content(parts)})
            else:
                raise wrong(f"{where}.role", f"there is no role `{turn.role}`")

    def _user(self, where: str, blocks: list[Block]) -> None:
        """Results of tools are messages of their own, and come first; what they show follows them all."""
        shown: list[Part] = []
        for number, block in enumerate(blocks):
            if block.type == "tool_result":
                self._result(f"{where}[{number}]", block, shown)
        rest = [*shown, *self._parts(where, blocks, left_out=("tool_result",))]
        if rest:
            self.said.append({"role": "user", "content": _content(rest)})

    def _result(self, where: str, block: Block, shown: list[Part]) -> None:
        content = block.content
        if isinstance(content, dict) or block.tool_use_id is None:
            raise wrong(where, "expected a tool_use_id, and content that is a text or a list of blocks")
        parts = self._parts(f"{where}.content", _blocks(content or ""))
        texts = [str(part["text"]) for part in parts if part["type"] == "text"]
        other = [part for part in parts if part["type"] != "text"]
        shown += other
        text = "\n\n".join(texts) or (_SEEN_BELOW if other else "")
        if block.is_error and not text[:16].lower().lstrip("<[({ ").startswith(("error", "tool_use_error")):
            text = f"Error: {text}"
        self.said.append({"role": "tool", "tool_call_id": block.tool_use_id, "content": text})

    def _assistant(self, where: str, blocks: list[Block]) -> None:
        calls = [
            self._call(f"{where}[{number}]", block) for number, block in enumerate(blocks) if _is_call(block)
        ]
        parts = self._parts(where, blocks, left_out=("tool_use", *_THOUGHTS))
        message: Message = {"role": "assistant", "content": _content(parts) if parts else None}
        thought = "".join(
            block.thinking or "" for block in blocks if block.type == "thinking" and not block.signature
        )
        if thought:  # of a model that has it back so; a signed one is Anthropic's alone
            message["reasoning_content"] = thought
        if calls:
            message["tool_calls"] = calls
        if calls or parts or thought:
            self.said.append(message)

    def _call(self, where: str, block: Block) -> Message:
        if block.name is None or block.id is None:
            raise wrong(where, "expected an id and a name")
        arguments = bytes(block.input).decode() or "{}"
        function = {"name": self._names.sent(block.name), "arguments": arguments}
        return {"id": block.id, "type": "function", "function": function}

    def _parts(self, where: str, blocks: list[Block], left_out: tuple[str, ...] = ()) -> list[Part]:
        numbered = ((number, block) for number, block in enumerate(blocks) if block.type not in left_out)
        return [part for number, block in numbered for part in self._part(f"{where}[{number}]", block)]

    def _part(self, where: str, block: Block) -> Iterator[Part]:
        if bytes(block.transformations) not in (b"", b"null"):
            self._telling.refuse(f"{where}.transformations")
        if isinstance(block.citations, Citations) and block.citations.enabled:
            self._telling.refuse(f"{where}.citations", "chat has none of documents")
        if block.type == "text":
            yield {"type": "text", "text": block.text or ""}
        elif block.type == "image" and isinstance(block.source, Source):
            yield from self._image(where, block.source)
        elif block.type == "document" and isinstance(block.source, Source):
            if block.context:
                yield {"type": "text", "text": block.context}
            yield from self._document(where, block.source, block.title)
        elif block.type == "search_result" and isinstance(block.content, list):
            yield {"type": "text", "text": f"{block.title or ''}\n{block.source}".strip()}
            yield from self._parts(f"{where}.content", block.content)
        elif block.type == "tool_reference" and block.tool_name:
            yield {"type": "text", "text": block.tool_name}
        else:
            self._telling.refuse(f"{where}.type", f"`{block.type}`")

    def _image(self, where: str, source: Source) -> Iterator[Part]:
        media = _media(source)
        if media is None:
            self._telling.refuse(f"{where}.source.type", f"a picture as `{source.type}`")
        else:
            yield {"type": "image_url", "image_url": {"url": media.uri}}

    def _document(self, where: str, source: Source, title: str | None) -> Iterator[Part]:
        if source.type == "text":
            yield {"type": "text", "text": f"{title}\n\n{source.data or ''}" if title else source.data or ""}
        elif source.type == "content" and source.content is not None:
            yield from self._parts(f"{where}.source.content", _blocks(source.content))
        elif source.type == "file" and source.file_id is not None:
            yield {"type": "file", "file": {"file_id": source.file_id}}
        elif source.type == "base64":
            media = Media(source.media_type or PDF, source.data or "")
            yield {"type": "file", "file": {"filename": title or "document.pdf", "file_data": media.uri}}
        else:
            self._telling.refuse(f"{where}.source.type", f"a document as `{source.type}`")


def _blocks(content: str | list[Block]) -> list[Block]:
    if isinstance(content, list):
        return content
    return [Block("text", text=content)] if content else []


def _content(parts: list[Part]) -> object:
    """One text is a text: not every server reads lists."""
    return parts[0]["text"] if len(parts) == 1 and parts[0]["type"] == "text" else parts


def _is_call(block: Block) -> bool:
    return block.type == "tool_use"


def _media(source: Source) -> Media | None:
    if source.type == "url" and source.url is not None:
        return Media(url=source.url)
    if source.type == "base64" and source.data is not None:
        return Media(source.media_type or "image/png", source.data)
    return None
