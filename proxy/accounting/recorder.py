"""Takes the records off the hot path and writes them in batches; a slow log costs records, never requests."""

from __future__ import annotations

import time
from collections import deque
from functools import partial
from typing import Literal, NoReturn, Protocol, TypeAlias

import trio

from proxy.accounting.lines import dropped_json_line, dropped_text_line, json_lines, text_lines
from proxy.accounting.record import Record
from proxy.accounting.writer import FdSink, Sink, Writer

LogFormat: TypeAlias = Literal["json", "text", "off"]

DEFAULT_FLUSH_S = 0.2
"""Soon enough to watch, seldom enough that a batch is one write."""
DEFAULT_QUEUE_LIMIT = 50_000
"""Records: ten seconds of a worker's best rate, in about 25 MB."""
DEFAULT_PATIENCE_S = 2.0
"""How long the shutdown waits for a log that does not take its last batch."""
BATCH_RECORDS = 256
"""So many are written without waiting for more: they are still in the processor's cache then."""
_WRITING_S = 0.005
"""How often it is looked whether the last batch is written; a file takes less, a pipe waits for its reader."""
_LINES_PER_TURN = 100
"""Formatted before other tasks get their turn: about 0.3 ms."""


class Records(Protocol):
    """Where the record of each request goes."""

    def record(self, record: Record) -> None: ...
    async def run(self) -> None:
        """The one task that they need; it may end."""

    def flush(self) -> None:
        """Once that task has ended."""


class Recorder:
    """`record()` on the hot path; `run()` is the one task; `flush()` once that task has ended."""

    def __init__(
        self,
        sink: Sink | int,
        log_format: LogFormat,
        *,
        colour: bool = False,
        flush_s: float = DEFAULT_FLUSH_S,
        queue_limit: int = DEFAULT_QUEUE_LIMIT,
    ) -> None:
        """`sink`: a file descriptor or a function. `colour`: of the text format, for a terminal."""
        self._writer = Writer(FdSink(sink) if isinstance(sink, int) else sink)
        self._on = log_format != "off"
        as_text = log_format == "text"
        self._format_lines = partial(text_lines, colour=colour) if as_text else json_lines
        self._dropped_line = dropped_text_line if as_text else dropped_json_line
        self._flush_s = flush_s
        self._queue: deque[Record] = deque(maxlen=queue_limit)
        self._queue_limit = queue_limit
        self._enough = trio.Event()
        """A batch has come."""
        self._lines: list[bytes] = []
        self._dropped = 0
        self._told_dropped = 0

    @property
    def dropped(self) -> int:
        """Records that were not and will not be written, since the start."""
        return self._dropped + self._writer.lost_lines

    def record(self, record: Record) -> None:
        """Takes the record; beyond `queue_limit` the oldest one waiting is dropped, and counted."""
        if not self._on:
            return
        if len(self._queue) == self._queue_limit:
            self._dropped += 1
        self._queue.append(record)
        if len(self._queue) == BATCH_RECORDS:
            self._enough.set()

    async def run(self) -> NoReturn:
        """Writes what has come, every `flush_s` and batch by batch, until cancelled."""
        while True:
            full = len(self._queue) >= BATCH_RECORDS  # the writer was busy
            with trio.move_on_after(_WRITING_S if full else self._flush_s):
                await self._enough.wait()
            self._enough = trio.Event()
            if self._writer.busy:
                continue
            for _ in range(0, len(self._queue), _LINES_PER_TURN):
                self._format(_LINES_PER_TURN)
                await trio.lowlevel.checkpoint()
            self._hand_over()

    def flush(self, patience_s: float = DEFAULT_PATIENCE_S) -> None:
        """Writes what is left. Blocks; a log that stalls for `patience_s` loses the rest."""
        if not self._writer.wait_idle(patience_s):
            return
        self._format(len(self._queue))
        self._hand_over()
        self._writer.wait_idle(patience_s)

    def _format(self, limit: int) -> None:
        records = [self._queue.popleft() for _ in range(min(limit, len(self._queue)))]
        if not records:
            return
        try:
            self._lines.append(self._format_lines(records))
        except UnicodeEncodeError:
            self._format_each(records)

    def _format_each(self, records: list[Record]) -> None:
        """One that has no UTF-8 form is lost, the others are not."""
        for record in records:
            try:
                self._lines.append(self._format_lines([record]))
            except UnicodeEncodeError:
                self._dropped += 1

    def _hand_over(self) -> None:
        dropped = self.dropped
        if dropped > self._told_dropped:
            self._lines.append(self._dropped_line(dropped - self._told_dropped, time.time()))
            self._told_dropped = dropped
        if self._lines:
            self._writer.write(b"".join(self._lines))
            self._lines.clear()
