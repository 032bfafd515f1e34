from __future__ import annotations

import errno
import os
import select
import threading
from pathlib import Path

import pytest

from proxy.accounting.writer import FdSink, Writer


def test_pieces_are_written_in_order_by_another_thread() -> None:
    written: list[tuple[bytes, int]] = []
    writer = Writer(lambda lines: written.append((lines, threading.get_ident())))
    for piece in (b"a\n", b"b\n", b"c\n"):
        writer.write(piece)
        assert writer.wait_idle(5)
    assert [lines for lines, _ in written] == [b"a\n", b"b\n", b"c\n"]
    assert threading.get_ident() not in {ident for _, ident in written}


def test_a_blocked_sink_leaves_the_writer_busy_and_the_caller_free() -> None:
    gate = threading.Event()
    writer = Writer(lambda _: gate.wait(5))
    writer.write(b"a\n")
    assert writer.busy
    assert not writer.wait_idle(0.001)
    gate.set()
    assert writer.wait_idle(5)
    assert not writer.busy


def test_lines_that_cannot_be_written_are_counted_and_the_next_are_tried() -> None:
    written: list[bytes] = []

    def full_then_free(lines: bytes) -> None:
        if not writer.lost_lines:
            raise OSError(errno.ENOSPC, "no space")
        written.append(lines)

    writer = Writer(full_then_free)
    writer.write(b"a\nb\n")
    assert writer.wait_idle(5)
    writer.write(b"c\n")
    assert writer.wait_idle(5)
    assert (writer.lost_lines, written) == (2, [b"c\n"])


def test_a_file_gets_one_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    write = os.write
    lines = b"".join(b"%05d\n" % number for number in range(10_000))
    with (tmp_path / "log").open("wb") as file:
        sink = FdSink(file.fileno())
        monkeypatch.setattr(os, "write", lambda fd, data: sizes.append(len(data)) or write(fd, data))
        sink(lines)
    assert (tmp_path / "log").read_bytes() == lines
    assert sizes == [len(lines)]


def test_a_pipe_gets_whole_lines_in_atomic_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    pieces: list[bytes] = []
    reader, writer = os.pipe()
    monkeypatch.setattr(os, "write", lambda _, data: pieces.append(bytes(data)) or len(data))
    lines = b"".join(b"x" * (length % 900) + b"\n" for length in range(300)) + b"y" * 9000 + b"\nlast\n"
    FdSink(writer)(lines)
    os.close(reader)
    os.close(writer)
    assert b"".join(pieces) == lines
    assert all(piece.endswith(b"\n") for piece in pieces)
    assert all(len(piece) <= select.PIPE_BUF or piece.count(b"\n") == 1 for piece in pieces)


def test_a_pipe_set_non_blocking_by_others_still_gets_every_byte() -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    lines = b"x" * 99 + b"\n"
    lines *= 5000  # 500 KB: well beyond what a pipe holds
    received = bytearray()

    def drain() -> None:
        while data := os.read(reader, 65536):
            received.extend(data)

    thread = threading.Thread(target=drain)
    thread.start()
    FdSink(writer)(lines)
    os.close(writer)
    thread.join(5)
    os.close(reader)
    assert bytes(received) == lines


def test_a_pipe_without_a_reader_is_an_os_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with pytest.raises(BrokenPipeError):
        FdSink(writer)(b"a\n")
    os.close(writer)
