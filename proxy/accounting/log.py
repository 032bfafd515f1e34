"""The log: a consumer that writes a line for each record."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from typing import Literal, TypeAlias

import trio

from proxy.accounting.lines import dropped_json_line, dropped_text_line, json_lines, text_lines
from proxy.accounting.record import Record
from proxy.accounting.writer import FdSink, Sink, Writer

LogFormat: TypeAlias = Literal["json", "text"]

QUEUE_LIMIT = 50_000
"""Records: ten seconds of a worker's best rate, in about 25 MB."""
DEFAULT_PATIENCE_S = 2.0
"""How long the shutdown waits for a log that does not take its last batch."""
_WRITING_S = 0.005
"""How often it is looked whether the last batch is written; a file takes less, a pipe waits for its reader."""
_LINES_PER_TURN = 100
"""Formatted before other tasks get their turn: about 0.3 ms."""


class Log:
    """An `accounting.bus.Consumer`."""

    name = "log"
    linger_s = 0.0

    def __init__(
        self,
        sink: Sink | int,
        log_format: LogFormat,
        *,
        colour: bool = False,
        queue_limit: int = QUEUE_LIMIT,
        patience_s: float = DEFAULT_PATIENCE_S,
    ) -> None:
        """`sink`: a file descriptor or a function. `colour`: of the text format, for a terminal."""
        self.limit = queue_limit
        self.batch = QUEUE_LIMIT
        self._writer = Writer(FdSink(sink) if isinstance(sink, int) else sink)
        as_text = log_format == "text"
        self._format_lines = partial(text_lines, colour=colour) if as_text else json_lines
        self._dropped_line = dropped_text_line if as_text else dropped_json_line
        self._patience_s = patience_s
        self._unwritable = 0
        """Records that have no UTF-8 form."""
        self._told = 0

    @property
    def lost(self) -> int:
        """Records that it took and that are not written, since the start."""
        return self._unwritable + self._writer.lost_lines

    async def take(self, records: Sequence[Record], dropped: int) -> None:
        while self._writer.busy:  # noqa: ASYNC110 - a thread ends it
            await trio.sleep(_WRITING_S)
        lines: list[bytes] = []
        for start in range(0, len(records), _LINES_PER_TURN):
            lines.append(self._format(records[start : start + _LINES_PER_TURN]))
            await trio.lowlevel.checkpoint()
        self._hand_over(lines, dropped)

    def finish(self, records: Sequence[Record], dropped: int) -> None:
        """A log that stalls for the patience loses the rest."""
        if self._writer.wait_idle(self._patience_s):
            self._hand_over([self._format(records)], dropped)
            self._writer.wait_idle(self._patience_s)

    def _format(self, records: Sequence[Record]) -> bytes:
        try:
            return self._format_lines(records)
        except UnicodeEncodeError:
            return b"".join(map(self._format_alone, records))

    def _format_alone(self, record: Record) -> bytes:
        """One that has no UTF-8 form is lost, the others are not."""
        try:
            return self._format_lines([record])
        except UnicodeEncodeError:
            self._unwritable += 1
            return b""

    def _hand_over(self, lines: list[bytes], dropped: int) -> None:
        lost = self.lost
        if dropped or lost > self._told:
            lines.append(self._dropped_line(dropped + lost - self._told, time.time()))
            self._told = lost
        if text := b"".join(lines):
            self._writer.write(text)
