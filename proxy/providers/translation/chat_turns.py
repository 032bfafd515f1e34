"""A chat's messages as Anthropic's: `system`, and turns of blocks.

https://platform.claude.com/docs/en/build-with-claude/working-with-messages
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from msgspec import Raw

from proxy.providers.translation.chat_request import Message, Part, Specific, ToolCall
from proxy.providers.translation.coding import UNREADABLE, decode_fields, encode
from proxy.providers.translation.media import PDF, Media, media_of
from proxy.providers.translation.messages_writer import arguments_of
from proxy.providers.translation.refusing import Telling, refused, wrong
from proxy.providers.translation.tool_names import ToolNames

Block = dict[str, object]
Turn = dict[str, object]
_SYSTEM = ("system", "developer")
_ROLES = (*_SYSTEM, "user", "assistant", "tool", "function")
_TTL = {"30m": "1h", "12h": "1h"}
_FINE = ("auto", "high", "original")
"""Anthropic looks at a picture as it is."""


_decode_specific = msgspec.json.Decoder(Specific | None).decode
_decode_block = msgspec.json.Decoder(dict[str, Raw]).decode


class Turns:
    """Of one request."""

    def __init__(self, telling: Telling, names: ToolNames) -> None:
        self.system: list[Block] = []
        self.turns: list[Turn] = []
        self.signed = True
        """Every call of the last turn follows a thought, where it has to: a model that thinks wants it back."""
        self._telling = telling
        self._names = names
        self._calls: dict[str, str] = {}
        """Ids of calls in the form before tools, by the function's name."""

    def add_all(self, messages: list[Message]) -> None:
        """Raises GatewayError 400."""
        for number, message in enumerate(messages):
            where = f"messages[{number}]"
            if message.role not in _ROLES:
                raise wrong(f"{where}.role", f"there is no role `{message.role}`")
            self._add(where, message)
        if not self.turns:
            raise wrong(
                "messages", "expected at least one message of a user or an assistant that says something"
            )
        self._trim()

    def _add(self, where: str, message: Message) -> None:
        role = message.role
        if message.name is not None and role not in ("tool", "function"):
            self._telling.refuse(f"{where}.name")
        if role in _SYSTEM:
            self.system += self._content(where, message)
        elif role == "assistant":
            self._say("assistant", self._assistant(where, message))
        elif role in ("tool", "function"):
            self._say("user", [self._result(where, message)])
        else:
            self._say("user", self._content(where, message))

    def _say(self, role: str, blocks: list[Block]) -> None:
        """Turns of one role are one: results of parallel calls belong together."""
        if not blocks:
            return
        if self.turns and self.turns[-1]["role"] == role:
            held = self.turns[-1]["content"]
            assert isinstance(held, list)
            held += blocks
        else:
            self.turns.append({"role": role, "content": blocks})

    def _content(self, where: str, message: Message) -> list[Block]:
        content = message.content
        if isinstance(content, str):
            blocks: list[Block] = [{"type": "text", "text": content}] if content.strip() else []
        else:
            parts = enumerate(content or ())
            found = (self._part(f"{where}.content[{number}]", part) for number, part in parts)
            blocks = [block for block in found if block is not None]
        if blocks and _is_there(message.cache_control):
            blocks[-1]["cache_control"] = message.cache_control
        return blocks

    def _part(self, where: str, part: Part) -> Block | None:
        """None: it says nothing."""
        block = self._block(where, part)
        if block is None:
            return None
        if _is_there(part.cache_control):
            block["cache_control"] = part.cache_control
        elif part.prompt_cache_breakpoint is not None:
            ttl = _TTL.get(part.prompt_cache_breakpoint.ttl or "")
            block["cache_control"] = {"type": "ephemeral", **({"ttl": ttl} if ttl else {})}
        if _is_there(part.citations):
            block["citations"] = part.citations
        return block

    def _block(self, where: str, part: Part) -> Block | None:
        if part.type == "text":
            return {"type": "text", "text": part.text} if part.text and part.text.strip() else None
        if part.type == "refusal":
            return {"type": "text", "text": part.refusal} if part.refusal else None
        if part.type == "image_url" and part.image_url is not None:
            return self._image(where, part)
        if part.type == "file" and part.file is not None:
            return self._file(where, part)
        if part.type == "thinking" and part.thinking is not None:
            return {"type": "thinking", "thinking": part.thinking, "signature": part.signature or ""}
        self._telling.refuse(f"{where}.type", f"`{part.type}`")
        return None

    def _image(self, where: str, part: Part) -> Block:
        image = part.image_url
        assert image is not None
        url, detail, media_type = (
            (image, None, None) if isinstance(image, str) else (image.url, image.detail, image.format)
        )
        if detail is not None and detail not in _FINE:
            self._telling.refuse(f"{where}.image_url.detail", f"`{detail}`")
        media = media_of(url, media_type or "")
        if media is None:
            raise wrong(f"{where}.image_url.url", "expected an http(s) URL, or a data URI in base64")
        self._check_fetched(f"{where}.image_url.url", media)
        kind = "document" if media.media_type == PDF else "image"
        return {"type": kind, "source": media.source}

    def _check_fetched(self, field: str, media: Media) -> None:
        """Raises GatewayError 400."""
        terms = self._telling.terms
        if not terms.fetches and media.source["type"] == "url":
            raise refused(field, terms.provider, "it takes no addresses; send the data itself, as a data URI")

    def _file(self, where: str, part: Part) -> Block:
        """A PDF, a text, or what was uploaded to the provider."""
        file = part.file
        assert file is not None
        title = {} if file.filename is None else {"title": file.filename}
        if file.file_id is not None:
            return {"type": "document", "source": _of_id(file.file_id), **title}
        media = media_of(file.file_data or "", file.format or PDF)
        if media is None and file.file_data:  # OpenAI takes bare base64 as well
            media = Media(file.format or PDF, file.file_data)
        if media is None:
            raise wrong(f"{where}.file", "expected file_data or file_id")
        self._check_fetched(f"{where}.file.file_data", media)
        if media.media_type.startswith("image/"):
            return {"type": "image", "source": media.source}
        return {"type": "document", "source": media.source, **title}

    def _assistant(self, where: str, message: Message) -> list[Block]:
        if _is_there(message.audio):
            self._telling.refuse(f"{where}.audio")
        thoughts = [_thought(raw) for raw in message.thinking_blocks or ()]
        blocks = [block for block in thoughts if block is not None]
        thought = bool(blocks)
        blocks += self._own_blocks(message)
        blocks += self._content(where, message)
        if message.refusal:
            blocks.append({"type": "text", "text": message.refusal})
        calls = message.tool_calls or []
        blocks += [self._call(f"{where}.tool_calls[{number}]", call) for number, call in enumerate(calls)]
        if message.function_call is not None:
            name = message.function_call.name
            self._calls[name] = f"call_{len(self._calls)}_{self._names.sent(name)}"
            blocks.append(self._use(self._calls[name], name, message.function_call.arguments))
        self.signed = thought or not (calls or message.function_call)
        return blocks

    def _own_blocks(self, message: Message) -> list[Block]:
        """What Anthropic's own tools found, as this gateway gave it out."""
        try:
            specific = _decode_specific(message.provider_specific_fields or b"null")
        except UNREADABLE:
            return []
        blocks = specific.blocks if specific is not None else None
        return [
            {name: value for name, value in decode_fields(raw).items() if name != "index"}
            for raw in blocks or ()
        ]

    def _call(self, where: str, call: ToolCall) -> Block:
        if call.function is not None:
            block = self._use(call.id, call.function.name, call.function.arguments)
        elif call.custom is not None:
            block = self._use(call.id, call.custom.name, encode({"input": call.custom.input}).decode())
        else:
            raise wrong(where, "expected a function")
        if _is_there(call.provider_specific_fields):
            block |= decode_fields(call.provider_specific_fields)
        if _is_there(call.cache_control):
            block["cache_control"] = call.cache_control
        return block

    def _use(self, call_id: str, name: str, arguments: str) -> Block:
        return {
            "type": "tool_use",
            "id": call_id,
            "name": self._names.sent(name),
            "input": arguments_of(arguments),
        }

    def _result(self, where: str, message: Message) -> Block:
        call_id = message.tool_call_id or self._calls.get(message.name or "")
        if call_id is None:
            raise wrong(f"{where}.tool_call_id", "expected the id of the call that this is the result of")
        content = self._content(where, message)
        block: Block = {"type": "tool_result", "tool_use_id": call_id}
        cache = content[-1].pop("cache_control", None) if content else None
        if content:
            block["content"] = content
        if cache is not None:
            block["cache_control"] = cache
        if message.is_error is not None:
            block["is_error"] = message.is_error
        return block

    def _trim(self) -> None:
        """The beginning of the answer, where the client gives it: it may not end in blanks."""
        last = self.turns[-1]
        blocks = last["content"]
        assert isinstance(blocks, list)
        if last["role"] == "assistant" and blocks[-1].get("type") == "text":
            blocks[-1]["text"] = str(blocks[-1]["text"]).rstrip()


def _thought(raw: Raw) -> Block | None:
    """One that is not signed is another model's: Anthropic takes none but its own."""
    fields = _decode_block(raw)
    fields.pop("index", None)
    signed = bytes(fields.get("signature", b"")) not in (b"", b'""', b"null")
    return dict(fields) if signed or "data" in fields else None


def _of_id(file_id: str) -> Block:
    return {"type": "file", "file_id": file_id}


def _is_there(value: Raw) -> bool:
    return bytes(value) not in (b"", b"null")


def names_of(messages: list[Message]) -> Iterator[str]:
    """Of functions that the messages tell of."""
    for message in messages:
        for call in message.tool_calls or ():
            named = call.function or call.custom
            if named is not None:
                yield named.name
