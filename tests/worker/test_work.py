"""One worker: what it tells its overseer, and how it logs."""

from __future__ import annotations

import gc
import os
import signal
import socket
from collections.abc import Iterator

import pytest

from proxy.config.schema import Config
from proxy.config.settings import LitellmSettings
from proxy.config.sluice import SluiceSettings
from proxy.process.edition import Edition, News
from proxy.process.orders import Order
from proxy.worker.work import _log_format, work

FIRST = Edition(1, Config(), {})


class Overseer:
    """Ends its worker after so many signs of life."""

    facts = None
    counted = None
    numbers = None
    limits = None

    def __init__(self, beats: int) -> None:
        self.heard: list[str] = []
        self.lifeline, self._held = os.pipe()
        self._beats = beats

    def ready(self) -> None:
        self.heard.append("ready")
        self._end_when(self._beats == 0)

    def alive(self) -> None:
        self.heard.append("alive")
        self._end_when(self.heard.count("alive") == self._beats)

    def stopping(self) -> None:
        self.heard.append("stopping")

    def reloading(self) -> None:
        self.heard.append("reloading")

    def reloaded(self, edition: Edition | None) -> None:
        self.heard.append("reloaded")

    def pass_on(self, order: Order) -> bool:
        raise AssertionError("nobody said anything")

    def _end_when(self, enough: bool) -> None:
        if enough:
            os.close(self._held)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """With the process's signals and garbage collector put back afterwards."""
    handlers = {
        number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP)
    }
    thresholds = gc.get_threshold()
    with socket.create_server(("127.0.0.1", 0)) as sock:
        sock.setblocking(False)
        yield sock
    gc.unfreeze()
    gc.set_threshold(*thresholds)
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(
    ("watchdog_s", "beats", "heard"),
    [
        (None, 0, ["reloading", "reloaded", "ready", "stopping"]),
        (0.03, 3, ["reloading", "reloaded", "ready", "alive", "alive", "alive", "stopping"]),
    ],
)
def test_it_serves_until_its_lifeline_ends(
    listener: socket.socket, watchdog_s: float | None, beats: int, heard: list[str]
) -> None:
    overseer = Overseer(beats)
    before = signal.getsignal(signal.SIGINT)
    assert work(FIRST, listener, watchdog_s, overseer, News, overseer.lifeline) == 0
    assert overseer.heard == heard
    assert signal.getsignal(signal.SIGINT) == before, "Ctrl-C is its parent's business"
    os.close(overseer.lifeline)


@pytest.mark.parametrize("wanted", ["json", "text", "off"])
def test_the_log_format_is_as_configured(wanted: str) -> None:
    assert _log_format(Config(sluice_settings=SluiceSettings(access_log=wanted))) == wanted


@pytest.mark.parametrize(
    ("terminal", "json_logs", "format_"),
    [(True, False, "text"), (True, True, "json"), (False, False, "json")],
)
def test_people_get_text_and_machines_json(
    terminal: bool, json_logs: bool, format_: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: terminal)
    assert _log_format(Config(litellm_settings=LitellmSettings(json_logs=json_logs))) == format_
