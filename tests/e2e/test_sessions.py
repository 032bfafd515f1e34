"""A conversation stays with one project: each of two mocks is one. Others take turns."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import trio

from loadtest.client import Client
from loadtest.gateway_within import gateway_within
from loadtest.mock_upstream import MockUpstream, mock_upstream

CONFIG = """
model_list:
  - model_name: m
    litellm_params: {{model: openai/gpt-4o, api_base: "{one}/v1", api_key: sk-1}}
  - model_name: m
    litellm_params: {{model: openai/gpt-4o, api_base: "{other}/v1", api_key: sk-2}}
general_settings: {{master_key: sk-master}}
router_settings: {settings}
"""
SYSTEM = {"role": "system", "content": "You are helpful."}
Ask = Callable[..., Awaitable[int]]


def turn(number: int, turns: int = 1) -> list[dict[str, str]]:
    """What a conversation says in its n-th turn."""
    said = [SYSTEM, {"role": "user", "content": f"Question {number}"}]
    for again in range(1, turns):
        said += [{"role": "assistant", "content": "Yes"}, {"role": "user", "content": f"And {again}?"}]
    return said


class Served:
    """A gateway before two mocks; `ask` says which of them it was."""

    def __init__(self, port: int, mocks: list[MockUpstream]) -> None:
        self._port = port
        self._mocks = mocks

    async def ask(self, messages: list[dict[str, str]], lines: bytes = b"", **fields: object) -> int:
        before = [len(mock.requests) for mock in self._mocks]
        body = json.dumps({"model": "m", "messages": messages, **fields}).encode()
        async with await trio.open_tcp_stream("127.0.0.1", self._port) as stream:
            client = Client(stream, "sk-master")
            await client.send(body, lines=lines)
            assert (await client.read()).whole
        (asked,) = [at for at, mock in enumerate(self._mocks) if len(mock.requests) > before[at]]
        return asked


async def _with(tmp_path: Path, settings: str, use: Callable[[Served], Awaitable[None]]) -> None:
    config = tmp_path / "config.yaml"
    with trio.fail_after(30):
        async with mock_upstream() as one, mock_upstream() as other:
            config.write_text(CONFIG.format(one=one.url, other=other.url, settings=settings))
            async with gateway_within(config) as gateway:
                await use(Served(gateway.port, [one, other]))


async def _stays(served: Served, turns: int = 4, **asked: object) -> int:
    (place,) = {await served.ask(turn(1, at + 1), **asked) for at in range(turns)}  # type: ignore[arg-type]
    return place


@pytest.mark.parametrize("settings", ["{}", "{session_affinity: auto}", "{session_affinity: header}"])
async def test_what_is_named_stays(tmp_path: Path, settings: str) -> None:
    async def use(served: Served) -> None:
        headers = {await _stays(served, lines=b"session-id: %d\r\n" % number) for number in range(12)}
        bodies = {await _stays(served, prompt_cache_key=f"key {number}") for number in range(12)}
        assert (headers, bodies) == ({0, 1}, {0, 1}), "and each project has some"

    await _with(tmp_path, settings, use)


@pytest.mark.parametrize(
    "settings", ["{session_affinity: auto}", "{optional_pre_call_checks: [prompt_caching]}"]
)
async def test_what_begins_alike_stays_where_it_is_asked_for(tmp_path: Path, settings: str) -> None:
    async def use(served: Served) -> None:
        for number in range(6):
            assert len({await served.ask(turn(number, at + 1)) for at in range(4)}) == 1
        assert {await served.ask(turn(number)) for number in range(6, 18)} == {0, 1}

    await _with(tmp_path, settings, use)


@pytest.mark.parametrize("settings", ["{}", "{session_affinity: header}", "{session_affinity: off}"])
async def test_without_a_name_everybody_takes_turns(tmp_path: Path, settings: str) -> None:
    async def use(served: Served) -> None:
        assert sorted([await served.ask(turn(1)) for _ in range(4)]) == [0, 0, 1, 1]

    await _with(tmp_path, settings, use)


async def test_off_heeds_no_name(tmp_path: Path) -> None:
    async def use(served: Served) -> None:
        asked = [await served.ask(turn(1), lines=b"session-id: 1\r\n") for _ in range(4)]
        assert sorted(asked) == [0, 0, 1, 1]

    await _with(tmp_path, '{session_affinity: "off"}', use)
