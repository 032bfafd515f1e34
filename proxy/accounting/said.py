"""Answers and events, as far as they tell what was used, and by which model.

What may be of another type elsewhere (`delta` is a text in one API, an object in another) is kept raw, and read only
where it speaks of usage.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

from proxy.accounting.shapes import CohereMeta, GeminiUsage, Groq, UsageFields
from proxy.errors import UNREADABLE
from proxy.types import Usage

NOTHING = msgspec.Raw(b"")
_T = TypeVar("_T")


class Answered(msgspec.Struct, gc=False):
    """One JSON answer, of any provider's."""

    model: str | None = None
    object: str | None = None
    usage: UsageFields | None = None
    service_tier: str | None = None
    x_groq: Groq | None = None
    meta: msgspec.Raw = NOTHING
    """Of Cohere's."""
    task: str | None = None
    duration: msgspec.Raw = NOTHING
    """Seconds, of a transcription that tells all; some write it as a text."""
    usageMetadata: GeminiUsage | None = None  # noqa: N815 - Gemini's names
    modelVersion: str | None = None  # noqa: N815

    def used(self) -> Usage | None:
        """HOT."""
        fields = self.usage
        return fields.usage(self.service_tier) if fields is not None else self._elsewhere()

    def _elsewhere(self) -> Usage | None:
        if self.usageMetadata is not None:
            return self.usageMetadata.usage()
        if self.x_groq is not None and self.x_groq.usage is not None:
            return self.x_groq.usage.usage(self.service_tier)
        if self.task in _HEARD:
            heard = _seconds(self.duration)
            return None if heard is None else Usage(seconds=heard)
        meta = _read(self.meta, CohereMeta) if b"billed_units" in bytes(self.meta) else None
        return meta.billed_units.usage() if meta and meta.billed_units else None


_HEARD = frozenset(("transcribe", "translate"))


def _seconds(raw: msgspec.Raw) -> float | None:
    try:
        seconds = float(bytes(raw).strip(b'"'))
    except ValueError:
        return None
    return seconds if 0 <= seconds < 1e9 else None


class Inner(msgspec.Struct, gc=False):
    """A response within its event, an Anthropic message within its first."""

    model: str | None = None
    usage: UsageFields | None = None
    service_tier: str | None = None


NOBODY = Inner()


class Event(Answered, gc=False):
    """The data of one event of a stream."""

    type: str | None = None
    response: msgspec.Raw = NOTHING
    message: msgspec.Raw = NOTHING
    """Of Anthropic's first event."""
    delta: msgspec.Raw = NOTHING
    """Of Cohere's last one."""

    def inner(self) -> Inner:
        for raw in (self.response, self.message, self.delta):
            if (text := bytes(raw)) and text.startswith(b"{") and (b'"usage"' in text or b'"model"' in text):
                return _read(raw, Inner) or NOBODY
        return NOBODY


def _read(raw: msgspec.Raw, kind: type[_T]) -> _T | None:
    try:
        return msgspec.json.decode(raw, type=kind)
    except UNREADABLE:
        return None
