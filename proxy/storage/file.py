"""The state file of one process: read, written and posted to in threads, so that no disk holds a request up.

Reads and writes have a connection each, one of a kind at a time. Between processes SQLite's own lock holds. What cannot
be written now waits, and is written when it can be: exactly once, since each batch has a number written with it.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TypeAlias, TypeVar

import msgspec
import trio

from proxy.storage.opening import Opened, connect_to_read, is_the_same, open_file
from proxy.storage.problems import Problem, StateError, problem_of
from proxy.storage.status import StateStatus
from proxy.wire.walls import Wall

log = logging.getLogger("sluice")
T = TypeVar("T")
Statements: TypeAlias = Callable[[sqlite3.Connection], T]
"""What is done in one transaction, in a thread: it may be called again when the file could not be written."""

BUSY_S = 2.0
"""While serving: what another process locks for longer is tried again later."""
RETRY_S = 1.0
"""Between two trials to use a file that could not be used."""
REPORT_S = 30.0
"""A report takes at most: what it reads keeps the log from being shortened."""
REPORTS = 2
"""At once; further ones take turns."""
_STEPS = 10_000
"""SQLite's, between two looks at the clock: less than a millisecond."""
MOST_AT_ONCE = 1_000
"""Posted writes in one transaction."""
_KEEPS_CONNECTION = frozenset({Problem.LOCKED, Problem.FULL})
"""What ends by itself for a connection that stays open."""


class StateLimits(msgspec.Struct, frozen=True):
    flush_s: float = 0.2
    queue: int = 10_000
    """Posted writes that wait."""


class Stream:
    """Batches of one origin, numbered: one that may have been written before its commit failed is not written twice."""

    __slots__ = ("id", "number")

    def __init__(self) -> None:
        self.id = os.urandom(8)
        self.number = 0

    def begin(self) -> None:
        """The next batch. Its number stays while it is tried again."""
        self.number += 1

    def is_new(self, connection: sqlite3.Connection) -> bool:
        """Whether this batch is not in the file yet; from here on it is."""
        done = connection.execute(
            "INSERT INTO writers VALUES (?, ?, unixepoch()) ON CONFLICT DO UPDATE"
            " SET batch = excluded.batch, seen_s = excluded.seen_s WHERE batch < excluded.batch",
            (self.id, self.number),
        )
        return done.rowcount == 1


class StateFile:
    """Made in the process that uses it, after any fork. Opens nothing until it is used, or `open` is called."""

    def __init__(self, path: Path, limits: StateLimits | None = None) -> None:
        self.path = path
        self._limits = limits or StateLimits()
        self._writing, self._reading = trio.CapacityLimiter(1), trio.CapacityLimiter(1)
        self._reporting = trio.CapacityLimiter(REPORTS)
        self._write_lock, self._read_lock = threading.Lock(), threading.Lock()
        self._opened: Opened | None = None
        self._reader: sqlite3.Connection | None = None
        self._read_of: Opened | None = None
        self._queue: deque[Statements[object]] = deque()
        self._batch: list[Statements[object]] = []
        self._stream = Stream()
        self._come = trio.Event()
        self._wall = Wall("posted write")
        self._dropped = self._exchanged = 0
        self._trouble: StateError | None = None
        self._since_unix_s = time.time()
        self._try_after = 0.0

    # -- for the rooms above

    async def read(self, do: Statements[T]) -> T:
        """Of one state of the file. Quick ones: others wait meanwhile. Raises StateError, and whatever `do` raises."""
        return await trio.to_thread.run_sync(self._read, do, limiter=self._reading)

    async def write(self, do: Statements[T], stream: Stream | None = None) -> T | None:
        """All or nothing, and on the disk when it returns. Raises StateError, and whatever `do` raises.

        `stream`: None is returned when its batch is written already, and `do` not called.
        """
        return await trio.to_thread.run_sync(self.write_now, do, stream, limiter=self._writing)

    async def report(self, do: Statements[T], limit_s: float = REPORT_S) -> T:
        """A long read, on a connection of its own: nothing waits for it but other reports. Raises StateError."""
        return await trio.to_thread.run_sync(self._report, do, limit_s, limiter=self._reporting)

    def post(self, do: Statements[object]) -> bool:
        """To be written soon, in its turn, exactly once, with others in one transaction. False: too many wait; it is
        dropped, and counted. What `do` raises is logged, and undoes it alone."""
        if len(self._queue) >= self._limits.queue:
            self._dropped += 1
            return False
        self._queue.append(do)
        self._come.set()
        return True

    def status(self) -> StateStatus:
        trouble = self._trouble
        return StateStatus(
            path=str(self.path),
            problem=None if trouble is None else trouble.problem.value,
            said=None if trouble is None else str(trouble),
            since_unix_s=self._since_unix_s,
            waiting=len(self._queue) + len(self._batch),
            dropped=self._dropped,
            exchanged=self._exchanged,
        )

    async def run(self) -> None:
        """Writes what is posted, and looks after the file, until cancelled."""
        while True:
            with trio.move_on_after(RETRY_S):
                await self._come.wait()
                await trio.sleep(self._limits.flush_s)
            self._come = trio.Event()
            with suppress(StateError):  # told by `status`, and in the log
                await trio.to_thread.run_sync(self.flush, limiter=self._writing)
            if self._trouble is not None:
                await trio.sleep(RETRY_S)

    # -- in any thread

    def open(self) -> None:
        """Raises StateError."""
        with self._write_lock:
            self._usable()

    def write_now(self, do: Statements[T], stream: Stream | None = None) -> T | None:
        """As `write`; blocks."""
        with self._write_lock, self._file_errors():
            connection = self._usable()
            with _transaction(connection, "BEGIN IMMEDIATE"):
                result = do(connection) if stream is None or stream.is_new(connection) else None
            self._recovered()
            return result

    def flush(self) -> None:
        """Writes what is posted; without any, sees whether the file is well. Raises StateError; it is kept then."""
        if not self._batch:
            self._batch = [self._queue.popleft() for _ in range(min(MOST_AT_ONCE, len(self._queue)))]
            self._stream.begin()
        if self._batch:
            self.write_now(self._apply, self._stream)
            self._batch = []
        elif self._trouble is not None:
            self.write_now(_touch)
        else:
            self.open()

    def close(self) -> None:
        """Writes what is left, if it can be. Blocks for `BUSY_S` at most, and as long as the disk takes."""
        with suppress(StateError):
            while self._batch or self._queue:
                self.flush()
        with self._read_lock, self._write_lock:
            self._close_reader()
            self._let_go()

    # -- in the thread

    def _read(self, do: Statements[T]) -> T:
        with self._read_lock:
            try:
                with _transaction(self._readable(), "BEGIN"):
                    return do(self._readable())
            except sqlite3.Error as error:
                self._close_reader()
                problem = _problem(error)
                if problem is None:
                    raise
                raise StateError(problem, self.path, str(error)) from error

    def _report(self, do: Statements[T], limit_s: float) -> T:
        if self._opened is None:
            self.open()
        deadline = time.monotonic() + limit_s
        try:
            connection = connect_to_read(self.path, BUSY_S)
            try:
                connection.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS)
                with _transaction(connection, "BEGIN"):
                    return do(connection)
            finally:
                connection.close()
        except sqlite3.Error as error:
            problem = _problem(error)
            if problem is None:
                raise
            raise StateError(problem, self.path, str(error)) from error

    def _readable(self) -> sqlite3.Connection:
        """Of the same file as the writer's. Raises StateError, sqlite3.Error."""
        if self._reader is None or self._opened is None or self._read_of is not self._opened:
            self.open()
            self._close_reader()
            self._reader, self._read_of = connect_to_read(self.path, BUSY_S), self._opened
        return self._reader

    def _close_reader(self) -> None:
        if self._reader is not None:
            with suppress(sqlite3.Error):
                self._reader.close()
            self._reader = None

    def _usable(self) -> sqlite3.Connection:
        """The connection to the file that has the name now. Raises StateError."""
        opened = self._opened
        if opened is not None and is_the_same(self.path, opened):
            return opened.connection
        if self._trouble is not None and time.monotonic() < self._try_after:
            raise self._trouble
        try:
            now = open_file(self.path, BUSY_S, opened)
        except StateError as error:
            self._note(error)
            raise
        if opened is not None:
            log.warning("state file %s: deleted or exchanged; what is there now is used", self.path)
            self._exchanged += 1
            with suppress(sqlite3.Error):
                opened.connection.close()
        self._opened = now
        self._recovered()
        return now.connection

    def _apply(self, connection: sqlite3.Connection) -> None:
        for do in self._batch:
            connection.execute("SAVEPOINT one")
            good = self._alone(partial(do, connection))
            if not good:
                connection.execute("ROLLBACK TO one")
            connection.execute("RELEASE one")

    def _alone(self, do: Callable[[], object]) -> bool:
        """What is wrong with the file ends the transaction; what is wrong with one write ends that one."""
        of_file: list[sqlite3.Error] = []
        with self._wall.around(lambda: repr(do)):
            try:
                do()
            except sqlite3.Error as error:
                if _problem(error) is None:
                    raise
                of_file.append(error)
            else:
                return True
        if of_file:
            raise of_file[0]
        self._dropped += 1
        return False

    @contextmanager
    def _file_errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            problem = _problem(error)
            if problem is None:
                raise
            found = StateError(problem, self.path, str(error))
            self._note(found)
            raise found from error

    def _note(self, error: StateError) -> None:
        before, self._trouble = self._trouble, error
        self._try_after = time.monotonic() + RETRY_S
        if before is None or before.problem is not error.problem:
            self._since_unix_s = time.time()
            log.warning("%s Until then what is to be written waits, and requests go on.", error)
        if error.problem not in _KEEPS_CONNECTION:
            self._let_go()

    def _recovered(self) -> None:
        if self._trouble is not None:
            log.warning(
                "state file %s: usable again, after %.0f s", self.path, time.time() - self._since_unix_s
            )
            self._trouble, self._since_unix_s = None, time.time()

    def _let_go(self) -> None:
        """The reader sees by itself that it is another's."""
        if self._opened is not None:
            with suppress(sqlite3.Error):
                self._opened.connection.close()
            self._opened = None


def _problem(error: sqlite3.Error) -> Problem | None:
    return None if isinstance(error, sqlite3.IntegrityError) else problem_of(error)


def _touch(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE meta SET value = unixepoch() WHERE name = 'opened_s'")


@contextmanager
def _transaction(connection: sqlite3.Connection, begin: str) -> Iterator[None]:
    connection.execute(begin)
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
        raise
