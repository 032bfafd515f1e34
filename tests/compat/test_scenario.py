"""One scenario by the clients that people have, with a model in their own language and with one in the other: a chat,
a stream, tools over three turns, an answer that keeps to a schema."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trio

from loadtest.answers import Answer, RawRequest
from loadtest.anthropic_answers import anthropic_answer
from loadtest.chat_answers import chat_answer
from loadtest.gateway_process import GatewayProcess, running_gateway
from loadtest.mock_upstream import mock_upstream

HERE = Path(__file__).parent
PYTHON = HERE.parents[1] / ".venv-compat/bin/python"
CLAUDE_CODE = HERE / "node_modules/.bin/claude"
KEY = "sk-compat"
CONFIG = """
model_list:
  - {model_name: gpt, litellm_params: {model: openai/gpt-5.1, api_base: UPSTREAM/v1, api_key: k}}
  - {model_name: claude, litellm_params: {model: anthropic/claude-sonnet-4-5, api_base: UPSTREAM, api_key: k}}
"""
CHATS = {"gpt": "Hello from a chat.", "claude": "Hello from Claude."}
CLIENTS = {
    "scenario_langchain.py": PYTHON,
    "scenario_langchain_anthropic.py": PYTHON,
    "scenario_openai.mjs": Path("node"),
    "scenario_anthropic.mjs": Path("node"),
    "scenario_vercel.mjs": Path("node"),
}
Records = Callable[[], list[dict[str, object]]]


def upstreams(request: RawRequest) -> Answer | None:
    target = request.target
    if b"/chat/completions" in target:
        return chat_answer(request)
    return anthropic_answer(request) if b"/messages" in target else None


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    """Of an upstream that speaks both languages."""
    ready, urls, stop = threading.Event(), list[str](), list[Callable[[], None]]()

    async def run() -> None:
        async with mock_upstream(keep=False) as mock:
            mock.script(upstreams)
            urls.append(mock.url)
            over, token = trio.Event(), trio.lowlevel.current_trio_token()
            stop.append(lambda: token.run_sync_soon(over.set))
            ready.set()
            await over.wait()

    thread = threading.Thread(target=trio.run, args=(run,))
    thread.start()
    assert ready.wait(15)
    yield urls[0]
    stop[0]()
    thread.join(15)


@pytest.fixture
def house(tmp_path: Path, origin: str) -> Iterator[GatewayProcess]:
    with running_gateway(tmp_path, config=CONFIG.replace("UPSTREAM", origin), key=KEY) as gateway:
        yield gateway


@pytest.mark.parametrize("model", CHATS)
@pytest.mark.parametrize("client", CLIENTS)
def test_a_scenario(run: Callable[..., str], records: Records, client: str, model: str) -> None:
    said = json.loads(run(CLIENTS[client], HERE / "clients" / client, model).splitlines()[-1])
    assert said["chat"] == said["stream"] == CHATS[model]
    assert said["tools"] == ["The tool says: icy in Berlin."] * 3
    assert said["json"] == {"city": "Berlin"}
    seen = records()
    assert {(record["status"], record["outcome"]) for record in seen} == {(200, "ok")}
    assert all(record["usage"] and not record.get("estimated") for record in seen)


@pytest.mark.parametrize("model", CHATS)
def test_claude_code_with_tools(
    run: Callable[..., str], records: Records, house: GatewayProcess, tmp_path: Path, model: str
) -> None:
    """It is called with arguments that its tool does not take, says so to the model, and goes on."""
    environ = {
        "ANTHROPIC_BASE_URL": house.url, "ANTHROPIC_AUTH_TOKEN": KEY, "ANTHROPIC_MODEL": model,
        "ANTHROPIC_SMALL_FAST_MODEL": model, "HOME": str(tmp_path), "DISABLE_AUTOUPDATER": "1",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    }  # fmt: skip
    said = run(CLAUDE_CODE, "-p", "Say hello", "--tools", "Read", environ=environ, cwd=tmp_path)
    assert "The tool says:" in said
    asked = [record for record in records() if record["route"] == "/messages"]
    assert len(asked) >= 2
    assert {(record["status"], record["outcome"]) for record in asked} == {(200, "ok")}
