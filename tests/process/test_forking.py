"""Children: they run, they end, and they follow their parent."""

from __future__ import annotations

import os
import select
import signal
import socket
from pathlib import Path

import pytest

from proxy.process.forking import Lifeline, fork


def _exit_code(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _until_cut(lifeline: Lifeline) -> None:
    """By poll(2): select(2) knows no descriptor beyond 1,023, and a session of tests may have as many."""
    waiting = select.poll()
    waiting.register(lifeline.fd, select.POLLIN)
    waiting.poll()


def _readable(sock: socket.socket) -> bool:
    looking = select.poll()
    looking.register(sock, select.POLLIN)
    return bool(looking.poll(0))


def test_a_child_runs_and_ends(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    assert _exit_code(fork(lambda: mark.write_text("here"), Lifeline())) == 0
    assert mark.read_text() == "here"


def test_a_child_that_fails_tells_so(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    assert _exit_code(fork(missing.read_text, Lifeline())) == 1


def test_a_cut_lifeline_ends_the_child() -> None:
    lifeline = Lifeline()
    pid = fork(lambda: _until_cut(lifeline), lifeline)
    assert os.waitpid(pid, os.WNOHANG) == (0, 0)
    lifeline.cut()
    lifeline.cut()
    assert _exit_code(pid) == 0


def test_ctrl_c_is_the_parents_business() -> None:
    lifeline = Lifeline()
    started, told = os.pipe()

    def run() -> None:
        os.write(told, b"x")
        _until_cut(lifeline)

    pid = fork(run, lifeline)
    os.read(started, 1)
    os.kill(pid, signal.SIGINT)
    lifeline.cut()
    assert _exit_code(pid) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT])
def test_other_signals_have_their_usual_effect(number: signal.Signals) -> None:
    def run() -> None:
        os.kill(os.getpid(), number)
        signal.pause()

    assert _exit_code(fork(run, Lifeline())) == -number


def test_news_kill_no_child_that_does_not_listen_yet() -> None:
    """A signal that comes before the child's own handlers must neither end it nor ring its parent's bell."""
    lifeline = Lifeline()
    mine, bell = socket.socketpair()
    bell.setblocking(False)
    before = signal.set_wakeup_fd(bell.fileno())
    handler = signal.signal(signal.SIGHUP, lambda *_: None)
    try:
        pids = [fork(lambda: _until_cut(lifeline), lifeline) for _ in range(5)]
        for pid in pids:
            for _ in range(20):
                os.kill(pid, signal.SIGHUP)
        lifeline.cut()
        assert [_exit_code(pid) for pid in pids] == [0] * 5
        assert not _readable(mine)
    finally:
        signal.set_wakeup_fd(before)
        signal.signal(signal.SIGHUP, handler)
        mine.close()
        bell.close()
