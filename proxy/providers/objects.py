"""Which objects (files, threads, responses ...) a request names and an answer made: they live at one upstream only.

Ids are told by where they stand, not by their prefix: every family has its own, and new ones come each month.
https://platform.openai.com/docs/api-reference
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain, islice
from urllib.parse import unquote, unquote_plus

import msgspec

from proxy.errors import UNREADABLE
from proxy.providers.sse import SseReader

MAX_ID_CHARS = 256
"""OpenAI's have 20 to 60."""
MAX_NAMES = 64
"""Candidates of one request; each costs one look-up."""
MAX_SEGMENTS = 32
"""Of a path; the longest known one has seven."""

FAMILY_WORDS = frozenset(
    {
        "admin_api_keys", "api_keys", "audio_speeches", "audio_transcriptions", "audit_logs", "client_secrets",
        "code_interpreter_sessions", "content_provenance_checks", "data_retention", "external_keys",
        "external_storage", "file_batches", "file_search_calls", "fine_tuning", "hosted_tool_permissions",
        "input_items", "input_tokens", "model_permissions", "output_items", "rate_limits", "service_accounts",
        "service_tier_settings", "spend_alerts", "spend_limit", "submit_tool_outputs", "transcription_sessions",
        "vector_stores", "voice_consents", "web_search_calls", "webhook_endpoints", "webhook_event_types",
        "workload_identity_providers",
    }
)  # fmt: skip
"""The words of OpenAI's paths that look like ids."""


def could_be_id(text: str) -> bool:
    """`file-abc`, `thread_abc`, `ft:gpt-4o:org::abc`, or long: no version number and no word of a path."""
    if len(text) > MAX_ID_CHARS or text in FAMILY_WORDS:
        return False
    return "_" in text or "-" in text or len(text) >= 16


def names_in_path(path: bytes) -> list[str]:
    """The segments that could be ids, percent-decoded, in their order."""
    segments = path.decode("latin-1").split("/", MAX_SEGMENTS)[:MAX_SEGMENTS]
    names = [unquote(segment) if "%" in segment else segment for segment in segments]
    return [name for name in names if could_be_id(name)]


_QUERY_NAME = re.compile(rb"(?:^|&)(?:after|before|id|\w{1,64}_id)(?:%5[Bb]%5[Dd]|\[\])?=([^&]{1,768})")
"""A percent-encoded id is at most three times as long."""


def names_in_query(query: bytes) -> list[str]:
    """The ids of `after`, `before` (a list's cursors are ids) and of keys that end in `_id`."""
    values = (unquote_plus(found[1].decode("latin-1")) for found in _QUERY_NAME.finditer(query))
    return list(islice(filter(could_be_id, values), MAX_NAMES))


_BODY_NAME = re.compile(
    rb'"(?:id|\w{0,64}_ids?|conversation|container|file|input_file|training_file|validation_file|video|files)"'
    rb'\s{0,8}:\s{0,8}(?:"([^"\\]{1,256})"|\[([^\]\[{}]{0,16384}))'
)
"""A key and its text, or its list of texts. Every repetition is bounded and no match is tried twice on one byte."""
_TEXT = re.compile(rb'"([^"\\]{1,256})"')


def names_in_body(body: bytes, limit_bytes: int) -> list[str]:
    """The ids under the keys that hold ids, in the first `limit_bytes` of a JSON body, wherever they are nested.

    A text inside a JSON string is not mistaken for a key: its quotes are escaped.
    """
    found = _BODY_NAME.finditer(body, 0, limit_bytes)
    texts = chain.from_iterable(
        _TEXT.findall(match[2]) if match[1] is None else (match[1],) for match in found
    )
    names = (text.decode("utf-8", "replace") for text in texts)
    return list(islice(filter(could_be_id, names), MAX_NAMES))


def _with_and_without_v1(*paths: bytes) -> frozenset[bytes]:
    return frozenset(prefix + path for path in paths for prefix in (b"/", b"/v1/"))


_CHAT = _with_and_without_v1(b"chat/completions")
_RESPONSES = _with_and_without_v1(b"responses")
_STATELESS_POSTS = _with_and_without_v1(
    b"audio/speech",
    b"audio/transcriptions",
    b"audio/translations",
    b"completions",
    b"embeddings",
    b"images/edits",
    b"images/generations",
    b"images/variations",
    b"moderations",
    b"realtime/client_secrets",
    b"realtime/sessions",
    b"realtime/transcription_sessions",
    b"realtime/translations/client_secrets",
    b"responses/input_tokens",
)
_MODELS = (b"/models", b"/v1/models")


def stateful(method: bytes, path: bytes, store: bool | None) -> bool:  # noqa: FBT001 - the body's own field
    """Does the request make or use an object that its upstream keeps? Unknown endpoints are taken to.

    `store` is the body's: responses are kept unless it is false, chat completions only when it is true.
    """
    if method == b"POST":
        if path in _CHAT:
            return store is True
        if path in _RESPONSES:
            return store is not False
        return path not in _STATELESS_POSTS
    if method in (b"GET", b"HEAD"):
        return not path.startswith(_MODELS)
    return True


def forgotten(method: bytes, path: bytes, status: int) -> str | None:
    """The object that a successful `DELETE /family/{id}` removed.

    Below another object a DELETE may only take it out of there: a vector store's file is still a file.
    """
    if method != b"DELETE" or not 200 <= status < 300:
        return None
    names = names_in_path(path)
    last = unquote(path.rpartition(b"/")[2].decode("latin-1"))
    return last if names == [last] else None


MAX_LOOK_BYTES = 256 * 1024
"""Of an answer; a longer one is known by the id it begins with."""
MAX_LOOK_EVENTS = 16
"""Of a stream: its first events name what it made (a run with its thread, first step and message needs 9)."""
MAX_LISTED = 100
"""Objects of a list: a page of OpenAI's."""
MAX_LEARNED = 512
"""Ids of one answer: a page of runs names thread, assistant and run in each."""
_FIRST_BYTES = 4096
_MAX_DEPTH = 4
"""Event, response, output, item."""
_ID_KEYS = ("_id", "_ids", "result_files")
_PARTS = frozenset({"container", "conversation", "data", "file", "item", "output", "response"})
"""The fields that hold objects of the upstream's own making. Not `metadata`: clients write what they like there."""

_decode_parts = msgspec.json.Decoder(
    dict[str, msgspec.Raw] | list[msgspec.Raw] | str | float | bool | None
).decode
_decode_texts = msgspec.json.Decoder(list[str] | str | None).decode
_COLLECTIONS = (
    "files|cachedContents|tunedModels|operations|batches|corpora|fileSearchStores|batchPredictionJobs"
)
RESOURCE = rf"(?<![\w-])(?:{_COLLECTIONS})/[\w-]{{4,128}}"
"""Google's names: https://ai.google.dev/api/files, and what they are part of."""
_NAME = re.compile(RESOURCE)
_FIRST_ID = re.compile(rb'"id"\s{0,8}:\s{0,8}"([^"\\]{1,256})"')


class IdTap:
    """Learns the ids that an answer names, as its bytes pass in any split. Never raises."""

    __slots__ = ("_bytes_left", "_events", "_events_left", "_first", "_ids", "_pieces")

    def __init__(self, content_type: bytes) -> None:
        media_type = content_type.partition(b";")[0].strip().lower()
        self._events = SseReader() if media_type == b"text/event-stream" else None
        self._events_left = MAX_LOOK_EVENTS
        readable = self._events is not None or media_type == b"application/json"
        self._bytes_left = MAX_LOOK_BYTES if readable else 0
        self._pieces: list[bytes] = []
        self._first = b""
        self._ids: dict[str, None] = {}
        """In their order, each once."""

    def feed(self, payload: bytes) -> None:
        if self._bytes_left <= 0:
            return
        piece = payload[: self._bytes_left]
        self._bytes_left -= len(payload)
        if len(self._first) < _FIRST_BYTES:
            self._first += piece[:_FIRST_BYTES]
        if self._events is None:
            self._pieces.append(piece)
        else:
            self._read_events(self._events.feed(piece))

    def ids(self) -> tuple[str, ...]:
        """All that was learned so far: of a stream at any time, of a JSON answer at its end."""
        if self._pieces:
            self._learn(b"".join(self._pieces))
        if not self._ids and self._bytes_left <= 0 < self._events_left:
            self._learn_first()
        return tuple(self._ids)

    def _learn_first(self) -> None:
        found = _FIRST_ID.search(self._first)
        if found is not None:
            self._add(found[1].decode("utf-8", "replace"))

    def _read_events(self, events: list[bytes]) -> None:
        for event in events[: self._events_left]:
            self._learn(event)
        self._events_left -= len(events)
        if self._events_left <= 0:
            self._bytes_left = 0

    def _learn(self, text: bytes) -> None:
        try:
            for object_id in _ids_in(text, _MAX_DEPTH):
                self._add(object_id)
        except UNREADABLE:
            return

    def _add(self, object_id: str) -> None:
        if len(self._ids) < MAX_LEARNED and could_be_id(object_id):
            self._ids[object_id] = None


def _ids_in(text: bytes | msgspec.Raw, depth: int) -> Iterator[str]:
    """The ids of one JSON object, or of a list of them. Raises what msgspec does for unreadable text."""
    value = _decode_parts(text)
    if not depth:
        return
    if isinstance(value, list):
        for item in value[:MAX_LISTED]:
            yield from _ids_in(item, depth - 1)
    elif isinstance(value, dict):
        for key, part in value.items():
            if key == "id" or key.endswith(_ID_KEYS):
                yield from _texts(part)
            elif key == "name":
                yield from (found[0] for text in _texts(part) for found in _NAME.finditer(text))
            elif key in _PARTS:
                yield from _ids_in(part, depth - 1)


def _texts(raw: msgspec.Raw) -> list[str]:
    try:
        value = _decode_texts(raw)
    except msgspec.ValidationError:
        return []
    return [value] if isinstance(value, str) else value or []
