from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trio

from proxy.accounting.record import Record
from proxy.config.errors import ConfigError
from proxy.sinks.litellm_names import MODULES
from proxy.sinks.python import Python, load
from proxy.sinks.sink import Away
from proxy.types import Cost, Outcome, Usage

MakeRecord = Callable[..., Record]
USERS = """
import asyncio
from litellm.integrations.custom_logger import CustomLogger

class MyLogger(CustomLogger):
    def __init__(self):
        self.heard = []

    def log_success_event(self, kwargs, response_obj, start_time, end_time):
        self.heard.append(("success", kwargs["model"], kwargs["response_cost"], response_obj["usage"]["total_tokens"]))

    async def async_log_success_event(self, kwargs, response_obj, start_time, end_time):
        await asyncio.sleep(0)
        took = (end_time - start_time).total_seconds()
        self.heard.append(("async success", kwargs["litellm_params"]["metadata"]["user_api_key_alias"], took))

    async def async_log_failure_event(self, kwargs, response_obj, start_time, end_time):
        self.heard.append(("async failure", kwargs["exception"], response_obj))

handler = MyLogger()

def plain(kwargs, response, start, end):
    handler.heard.append(("plain", kwargs["standard_logging_object"]["record"]["outcome"]))

broken = 1 / 0 if False else None
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Of a user's file; nothing of it stays in this process."""
    (tmp_path / "users_callbacks.py").write_text(USERS)
    (tmp_path / "users_broken.py").write_text("raise RuntimeError('at import')")
    path, modules = [*sys.path], {*sys.modules}
    yield tmp_path
    sys.path[:] = path
    for name in {*sys.modules} - modules:
        if name in MODULES or name.startswith("users_"):
            del sys.modules[name]


async def test_a_litellm_users_class_is_told_as_it_expects(folder: Path, make_record: MakeRecord) -> None:
    handler = load("users_callbacks.handler", folder)
    sink = Python("users_callbacks.handler", handler)
    with trio.fail_after(10):
        await sink.send(
            [
                make_record(usage=Usage(1, 2, 3), cost=Cost(2_000_000_000), key_alias="ci"),
                make_record(outcome=Outcome.UPSTREAM_ERROR, error="rate_limit_exceeded"),
            ]
        )
    assert handler.heard == [  # type: ignore[attr-defined]
        ("success", "gpt-4o-2024-08-06", 2.0, 3),
        ("async success", "ci", 1.5),
        ("async failure", "rate_limit_exceeded", None),
    ]


async def test_a_class_is_made_and_a_function_is_called(folder: Path, make_record: MakeRecord) -> None:
    made = Python("users_callbacks.MyLogger", load("users_callbacks.MyLogger", folder))
    plain = Python("users_callbacks.plain", load("users_callbacks.plain", folder))
    with trio.fail_after(10):
        await made.send([make_record(usage=Usage(1, 2, 3))])
        await plain.send([make_record(), make_record(outcome=Outcome.TRUNCATED)])
    heard = load("users_callbacks.handler", folder).heard  # type: ignore[attr-defined]
    assert heard == [("plain", "ok"), ("plain", "truncated")]


async def test_what_it_raises_ends_nothing(make_record: MakeRecord, caplog: pytest.LogCaptureFixture) -> None:
    heard: list[object] = []

    class Raising:
        def log_success_event(self, *_: object) -> None:
            heard.append(1)
            raise ValueError("no")

        async def async_log_success_event(self, *_: object) -> None:
            heard.append(2)
            raise KeyError("neither")

    sink = Python("x.y", Raising())
    with trio.fail_after(10):
        await sink.send([make_record()] * 3)
    assert (heard, sink.errors) == ([1, 2] * 3, 6)
    assert caplog.text.count("sink x.y raised") == 2


async def test_one_that_hangs_is_not_called_again_before_it_has_ended(make_record: MakeRecord) -> None:
    go_on, heard = threading.Event(), []

    def slow(*_: object) -> None:
        heard.append(1)
        go_on.wait(10)

    sink = Python("x.slow", slow)
    with trio.move_on_after(0.1) as scope:
        await sink.send([make_record()])
    assert scope.cancelled_caught
    with pytest.raises(Away):
        await sink.send([make_record()])
    assert heard == [1]
    go_on.set()
    with trio.fail_after(10):
        while True:
            try:
                await sink.send([make_record()])
                break
            except Away:
                await trio.sleep(0.001)
    assert heard == [1, 1]


async def test_asyncio_is_there(make_record: MakeRecord) -> None:
    loops: set[int] = set()

    async def in_a_loop(*_: object) -> None:
        loops.add(id(asyncio.get_running_loop()))

    sink = Python("x.y", in_a_loop)
    with trio.fail_after(10):
        await sink.send([make_record()])
        await sink.send([make_record()])
    assert len(loops) == 1  # sessions of aiohttp's live as long as their loop


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("users_callbacks.nobody", "AttributeError"),
        ("users_missing.x", "ModuleNotFoundError"),
        ("users_broken.x", "RuntimeError: at import"),
        ("nothing", "Python path"),
    ],
)
def test_what_cannot_be_loaded_says_why(folder: Path, path: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load(path, folder)
