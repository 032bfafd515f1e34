"""How records are written: one line of JSON each for machines, one line of text for a terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import TypeAlias

import msgspec

from proxy.accounting.record import Record
from proxy.types import Outcome, Usage

FormatLines: TypeAlias = Callable[[Sequence[Record]], bytes]
"""Records as lines, each with its newline."""

_LEVELS = {
    Outcome.CLIENT_ERROR: b"info",
    Outcome.CLIENT_GONE: b"info",
    Outcome.UPSTREAM_ERROR: b"warning",
    Outcome.TRUNCATED: b"warning",
    Outcome.GATEWAY_ERROR: b"error",
}
_OK = Outcome.OK
_HEAD = b'{"ts":"%b.%03dZ","level":"%b","event":"request"'
_COMMA = ord(",")
_encode_into = msgspec.json.Encoder().encode_into


def json_lines(records: Sequence[Record]) -> bytes:
    """All fields of each, behind when it ended, how bad that is, and what it is. Raises UnicodeEncodeError for a text
    that has no UTF-8 form."""
    lines = bytearray()
    for record in records:
        level = b"info" if record.outcome is _OK else _LEVELS[record.outcome]
        second, millisecond = divmod(int((record.started_unix_s + record.duration_s) * 1000), 1000)
        lines += _HEAD % (_utc_second(second), millisecond, level)
        brace = len(lines)
        _encode_into(record, lines, -1)
        lines[brace] = _COMMA
        lines += b"\n"
    return bytes(lines)


def text_lines(records: Sequence[Record], *, colour: bool) -> bytes:
    return b"".join([text_line(record, colour=colour) for record in records])


def dropped_json_line(count: int, now_unix_s: float) -> bytes:
    ts = _utc(now_unix_s)
    return b'{"ts":"%s","level":"warning","event":"records_dropped","count":%d}\n' % (ts.encode(), count)


def dropped_text_line(count: int, now_unix_s: float) -> bytes:
    return f"{_clock(now_unix_s)} {count} records dropped: the log's reader is too slow or gone\n".encode()


def _utc(unix_s: float) -> str:
    second, millisecond = divmod(int(unix_s * 1000), 1000)
    return f"{_utc_second(second).decode()}.{millisecond:03d}Z"


def _clock(unix_s: float) -> str:
    return _utc(unix_s)[len("2000-01-01T") : -1]


@lru_cache(maxsize=4)
def _utc_second(unix_s: int) -> bytes:
    """Cached: the records of one batch share a second or two."""
    return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%dT%H:%M:%S").encode()


_RESET = "\x1b[0m"
_STATUS_COLOURS = {2: "\x1b[32m", 3: "\x1b[36m", 4: "\x1b[33m", 5: "\x1b[31m"}
"""By the status's first digit: green, cyan, yellow, red."""
_MAX_TEXT_CHARS = 80
"""Of one field on a terminal: a line should stay a line."""


def text_line(record: Record, *, colour: bool) -> bytes:
    """`12:00:00.000 200 POST /chat/completions m -> key-1 (config.yaml:4 KEY_1) 12+34 tokens 0.210s/1.500s`, in UTC."""
    parts = [
        _clock(record.started_unix_s + record.duration_s),
        _status(record.status, colour=colour),
        _printable(record.method),
        _printable(record.route),
        _where(record),
        _tokens(record.usage),
        _times(record),
        f"{record.attempts} attempts" if record.attempts > 1 else "",
        _ending(record),
    ]
    return " ".join(filter(None, parts)).encode("utf-8", "replace") + b"\n"


def _status(status: int, *, colour: bool) -> str:
    text = f"{status:03d}" if status else "---"
    return f"{_STATUS_COLOURS.get(status // 100, '')}{text}{_RESET}" if colour else text


def _where(record: Record) -> str:
    model = _printable(record.model_asked or "")
    if not record.deployment_id:
        return model
    origin = f" ({_printable(record.origin)})" if record.origin else ""
    return f"{model} -> {_printable(record.deployment_id)}{origin}".lstrip()


def _tokens(usage: Usage | None) -> str:
    if usage is None:
        return ""
    sides = ("?" if side is None else str(side) for side in (usage.input_tokens, usage.output_tokens))
    return "+".join(sides) + " tokens"


def _times(record: Record) -> str:
    first = "-" if record.first_byte_s is None else f"{record.first_byte_s:.3f}s"
    return f"{first}/{record.duration_s:.3f}s"


def _ending(record: Record) -> str:
    if record.outcome is _OK:
        return ""
    return f"{record.outcome.value}: {_printable(record.error)}" if record.error else record.outcome.value


def _printable(text: str) -> str:
    """What a client or an upstream chose, safe to show: an escape sequence would drive the terminal."""
    text = text[:_MAX_TEXT_CHARS]
    return text if text.isprintable() else "".join(char if char.isprintable() else "?" for char in text)
