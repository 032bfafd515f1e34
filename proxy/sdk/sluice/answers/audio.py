"""Speech and its text: https://platform.openai.com/docs/api-reference/audio"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from sluice.answers.beside import Beside, Told
from sluice.answers.chat import Answer, Usage
from sluice.answers.fields import Fields, Typed

PIECE_BYTES = 64 * 1024
"""Of `iter_bytes` where it is not said."""


class TranscriptionWord(Typed):
    __slots__ = ()
    word: str
    start: float
    """Seconds from the beginning; `end` too."""
    end: float


class TranscriptionSegment(Typed):
    __slots__ = ()
    id: int
    start: float
    """Seconds from the beginning; `end` too."""
    end: float
    text: str
    type: str | None
    speaker: str | None
    seek: int | None
    tokens: list[int] | None
    temperature: float | None
    avg_logprob: float | None
    compression_ratio: float | None
    no_speech_prob: float | None


class TranscriptionResponse(
    Answer, below={"words": TranscriptionWord, "segments": TranscriptionSegment, "usage": Usage}
):
    """With `response_format` `text`, `srt` or `vtt` all of the answer is `text`."""

    __slots__ = ()
    text: str
    task: str | None
    language: str | None
    languages: list[Fields] | None
    logprobs: list[Fields] | None
    duration: float | None
    """Seconds."""
    words: list[TranscriptionWord] | None
    segments: list[TranscriptionSegment] | None
    usage: Usage | None


class HttpxBinaryResponseContent(Told):
    """Bytes that were made: `speech`'s answer."""

    __slots__ = ("_beside", "content")

    def __init__(self, content: bytes, beside: Beside | None = None) -> None:
        self.content = content
        if beside is not None:
            self._beside = beside

    def read(self) -> bytes:
        return self.content

    async def aread(self) -> bytes:
        return self.content

    def iter_bytes(self, chunk_size: int | None = None) -> Iterator[bytes]:
        """`chunk_size`: bytes."""
        size = chunk_size or PIECE_BYTES
        for at in range(0, len(self.content), size):
            yield self.content[at : at + size]

    async def aiter_bytes(self, chunk_size: int | None = None) -> AsyncIterator[bytes]:
        for piece in self.iter_bytes(chunk_size):
            yield piece

    def write_to_file(self, file: str | os.PathLike[str]) -> None:
        """Raises OSError."""
        Path(file).write_bytes(self.content)

    stream_to_file = write_to_file

    def __repr__(self) -> str:
        return f"HttpxBinaryResponseContent({len(self.content)} bytes)"
