"""System messages for models that know only users and assistants: their text joins the next user message.

LiteLLM's `map_system_message_pt` does so too, but leaves a run of system messages as several user messages, and gives
an assistant the text before it. Here users and assistants go on taking turns, as templates like Gemma's demand.
"""

from __future__ import annotations

import msgspec
from msgspec import Raw

from proxy.providers.splice import replace_field

SYSTEM_ROLES = frozenset({"system", "developer"})
USER = "user"
BETWEEN = " "
"""What LiteLLM puts between two texts."""

_encode = msgspec.json.Encoder().encode


class _Message(msgspec.Struct):
    role: str = ""
    content: Raw = Raw()


class _Part(msgspec.Struct):
    type: str
    text: str


_NOBODY = _Message()
_decode_message = msgspec.json.Decoder(_Message).decode
_decode_content = msgspec.json.Decoder(str | list[Raw] | None).decode
_decode_part = msgspec.json.Decoder(_Part).decode


def without_system_messages(messages: list[Raw]) -> list[Raw]:
    """The same list where there are none. What is no message, or no text, is left to the upstream's own words."""
    if not any(_read(message).role in SYSTEM_ROLES for message in messages):
        return messages
    merged: list[Raw] = []
    said: list[str] = []
    """By systems, since the last message of somebody else."""
    for message in messages:
        text = _system_text(message)
        if text is None:
            merged.append(_told(said, _as_user(message), merged))
            said = []
        else:
            said.append(text)
    _append(said, merged)
    return merged


def _told(said: list[str], message: Raw, merged: list[Raw]) -> Raw:
    """The message with what was said before it; where it is no user's, that goes to the user before it."""
    text = _joined(said)
    if not text:
        return message
    told = _with_text(message, text, in_front=True)
    if told is None:
        _append(said, merged)
    return told or message


def _append(said: list[str], merged: list[Raw]) -> None:
    """To the last message where it is a user's, else as one of its own."""
    text = _joined(said)
    if not text and (merged or not said):
        return
    told = _with_text(merged[-1], text, in_front=False) if merged else None
    if told is None:
        merged.append(Raw(_encode({"role": USER, "content": text})))
    else:
        merged[-1] = told


def _with_text(message: Raw, text: str, *, in_front: bool) -> Raw | None:
    """None: it is no user's, or its content is neither text nor parts."""
    read = _read(message)
    if read.role != USER:
        return None
    try:
        content = _decode_content(read.content) if read.content else None
    except msgspec.DecodeError:
        return None
    if isinstance(content, list):
        part = Raw(_encode({"type": "text", "text": text}))
        new = _encode([part, *content] if in_front else [*content, part])
    else:
        new = _encode(_joined([text, content or ""] if in_front else [content or "", text]))
    return Raw(replace_field(bytes(message), "content", new))


def _joined(texts: list[str]) -> str:
    return BETWEEN.join(text for text in texts if text)


def _system_text(message: Raw) -> str | None:
    """None: not a system's, or not only text."""
    read = _read(message)
    if read.role not in SYSTEM_ROLES:
        return None
    try:
        content = _decode_content(read.content) if read.content else None
        parts = [_decode_part(part) for part in content] if isinstance(content, list) else []
    except msgspec.DecodeError:
        return None
    if isinstance(content, list):
        return _joined([part.text for part in parts]) if all(part.type == "text" for part in parts) else None
    return content or ""


def _as_user(message: Raw) -> Raw:
    """A system message that holds more than text keeps it."""
    if _read(message).role not in SYSTEM_ROLES:
        return message
    return Raw(replace_field(bytes(message), "role", _encode(USER)))


def _read(message: Raw) -> _Message:
    try:
        return _decode_message(message)
    except msgspec.ValidationError:
        return _NOBODY
