"""Errors that hide behind a good status: where each kind of answer may hold one, and what status it would have had.

Compatible servers and routers answer 200 with an error for a body, a `finish_reason` that says so, or a page of HTML;
streams say 200 before anything can fail. Shapes that are not known here pass as they are.

https://openrouter.ai/docs/api/reference/errors-and-debugging
https://platform.openai.com/docs/api-reference/responses-streaming (`response.failed`, `error`)
https://platform.openai.com/docs/api-reference/assistants-streaming/events (`thread.run.failed`, `error`)
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from proxy.errors import UNREADABLE
from proxy.providers.outcome import refusal_of
from proxy.providers.said import said_in
from proxy.providers.words import CLIENTS, NO_MODEL, WRONG_KEY, Meaning, clean, meaning_of, meaning_of_message
from proxy.types import ResultKind

HTML = (b"text/html", b"application/xhtml")
_GENERATING = frozenset(
    prefix + path
    for prefix in (b"/", b"/v1/")
    for path in (
        b"chat/completions", b"completions", b"responses", b"embeddings", b"moderations", b"images/generations",
        b"images/edits", b"images/variations", b"audio/speech", b"audio/transcriptions", b"audio/translations",
        b"messages",
    )
)  # fmt: skip
"""Whose answers are made for the request, and have an `error` only where that failed.

Other objects tell of errors of their own: a batch, a job or a video that failed was fetched well.
"""


class Hidden(msgspec.Struct, frozen=True):
    status: int
    """What it would have been answered with."""
    body: bytes
    """In the shape of an error's own body."""
    whole: bool = False
    """The answer is nothing but this error."""
    word: str = ""
    """Its own name, cleaned."""


def looked_into(method: bytes, path: bytes) -> bool:
    """`path`: as OpenAI has it, with or without `/v1`."""
    return method == b"POST" and (path in _GENERATING or _runs_assistants(path))


def _runs_assistants(path: bytes) -> bool:
    return path.endswith((b"/runs", b"/submit_tool_outputs")) and b"/threads" in path


def fits(content_type: bytes) -> bool:
    """Whether this may be what a generating endpoint was asked for: no page is."""
    return not content_type.startswith(HTML)


class _Choice(msgspec.Struct):
    finish_reason: str | None = None
    error: msgspec.Raw = msgspec.Raw()


class _Failed(msgspec.Struct):
    """A response, a run, or the event that brings one."""

    status: str | None = None
    error: msgspec.Raw = msgspec.Raw()
    last_error: msgspec.Raw = msgspec.Raw()


class _Answer(msgspec.Struct):
    type: str | None = None
    object: str | None = None
    status: str | int | None = None
    error: msgspec.Raw = msgspec.Raw()
    last_error: msgspec.Raw = msgspec.Raw()
    choices: list[_Choice] | None = None
    response: _Failed | None = None


_decode = msgspec.json.Decoder(_Answer).decode
_NOTHING = frozenset((b"", b"null", b'""', b"[]", b"{}", b"false"))
_FAILED = "failed"


def among(texts: Iterable[bytes]) -> Hidden | None:
    """The first; each text a whole answer, or an event's data."""
    return next(filter(None, map(in_answer, texts)), None)


def in_answer(text: bytes) -> Hidden | None:
    """`text`: a whole answer, or an event's data."""
    try:
        found = _decode(text)
    except UNREADABLE:
        return None
    if found.object == "error" or found.type == "error":
        return _hidden(text, whole=True)
    if found.type == "response.failed" or (found.response is not None and found.response.status == _FAILED):
        error = bytes(found.response.error) if found.response is not None else b""
        return _hidden(b'{"error":%b}' % (error or b"null"))
    if found.status == _FAILED and found.object in ("response", "thread.run"):
        error = bytes(found.last_error if found.object == "thread.run" else found.error)
        return _hidden(b'{"error":%b}' % (error or b"null"))
    if found.object is None and found.choices is None and _said(found.error):
        return _hidden(text, whole=True)
    if found.choices is not None:
        return _in_choices(found)
    return None


def _in_choices(found: _Answer) -> Hidden | None:
    for choice in found.choices or ():
        if choice.finish_reason == "error" or _said(choice.error):
            error = next(filter(_said, (choice.error, found.error)), b"null")
            return _hidden(b'{"error":%b}' % bytes(error))
    return _hidden(b'{"error":%b}' % bytes(found.error)) if _said(found.error) else None


def _said(value: bytes | msgspec.Raw) -> bool:
    return bytes(value) not in _NOTHING


def _hidden(body: bytes, *, whole: bool = False) -> Hidden:
    return Hidden(status_of(body), body, whole, clean(said_in(body).names) or "hidden_error")


_BY_KIND = {ResultKind.AUTH: 403, ResultKind.RATE_LIMITED: 429, ResultKind.SERVER_ERROR: 503}
_BY_MEANING: dict[Meaning, int] = {WRONG_KEY: 401, NO_MODEL: 404, CLIENTS: 400}
_CLIENTS = ("invalid_", "image_", "content_", "unsupported_", "empty_image", "context_length", "string_above",
            "failed_to_download_image", "moderation", "bad_request", "BadRequest", "cyber_policy")  # fmt: skip
"""How codes begin that are about what the client sent.

https://platform.openai.com/docs/api-reference/responses/object (`error.code`)
"""
_UNKNOWN = 502


def status_of(body: bytes) -> int:
    """The status that an error says itself, or that its words would have come with."""
    said = said_in(body)
    for name in said.names:
        if name.isdigit() and 400 <= int(name) <= 599:
            return int(name)
    if refusal_of(400, body) is not None:
        return 400
    meaning = meaning_of(said.names) or meaning_of_message(said.message)
    if meaning is not None:
        return _BY_MEANING.get(meaning) or _BY_KIND.get(meaning.kind, _UNKNOWN)
    return 400 if any(name.startswith(_CLIENTS) for name in said.names) else _UNKNOWN
