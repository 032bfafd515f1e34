"""Every Python example of two pages of LiteLLM's documentation runs, its import of litellm apart, as it is written.

The pages lie in tests/data as they are. Placeholders that stand for an address ("your-openai-proxy-url") get one; a
block that goes on from an earlier one, as `messages=messages` does, finds its names.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from loadtest.gateway_process import GatewayProcess, running_gateway
from tests.sdk.simulated import Seen, Simulated, simulated_openai

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "tests/data/litellm/docs"
VENDORS = Path(__file__).parent / "vendors"
LIBRARY, TO_GATEWAY = ROOT / "docs/library.md", ROOT / "docs/library-to-gateway.md"
RUN_S = 120
"""Some import openai's package, on a loaded machine."""
_BLOCK = re.compile(r"^ *```python\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
BEFORE = """
import sluice as litellm
from sluice import completion
messages = [{"role": "user", "content": "Hello, how are you?"}]
"""
"""What earlier blocks of the page have defined."""
AFTER = """
import asyncio, inspect
if inspect.iscoroutine(globals().get("response")):
    response = asyncio.run(response)
if "response" in globals():
    print("RESPONSE", type(response).__module__.partition(".")[0], type(response).__name__)
"""


def blocks(page: str) -> list[str]:
    return [textwrap.dedent(found) for found in _BLOCK.findall((PAGES / f"{page}.mdx").read_text())]


def with_our_import(block: str) -> str:
    block = re.sub(r"^import litellm\b", "import sluice as litellm", block, flags=re.MULTILINE)
    return re.sub(r"^from litellm import", "from sluice import", block, flags=re.MULTILINE)


@dataclass(frozen=True)
class Shown:
    """What a block brings about."""

    begins: str
    """How the block begins, so that the table cannot slip."""
    path: str | None = "/v1/chat/completions"
    """None: it asks nobody."""
    model: str = "gpt-3.5-turbo"
    requests: int = 1
    headers: dict[str, str] = field(default_factory=dict)
    prints: str = ""
    answer: str | None = "sluice ModelResponse"


_OPENAI, _COMPATIBLE = "openai", "openai_compatible"
_KEY = {"authorization": "Bearer your-api-key"}
_MADE = "simulated answer"
SHOWN: dict[tuple[str, int], Shown] = {
    (_OPENAI, 0): Shown("import os", None, answer=None),
    (_OPENAI, 1): Shown("import os", model="gpt-4o", headers=_KEY),
    (_OPENAI, 2): Shown("import openai", prints=_MADE, answer="openai ChatCompletion"),
    (_OPENAI, 3): Shown("from langchain", prints=_MADE, answer="langchain AIMessage"),
    (_OPENAI, 4): Shown("import os", None, answer=None),
    (_OPENAI, 5): Shown("import os", model="gpt-4-vision-preview", headers=_KEY),
    (_OPENAI, 6): Shown(
        "litellm.return_response_headers", model="gpt-4o-mini", prints="'openai-version': '2020-10-01'"
    ),
    (_OPENAI, 7): Shown(
        "litellm.return_response_headers", model="gpt-4o-mini",
        prints="'content-type': 'text/event-stream", answer="sluice Stream",
    ),
    (_OPENAI, 8): Shown(
        "litellm.return_response_headers", "/v1/embeddings", "text-embedding-ada-002",
        prints="'openai-organization': 'org-simulated'", answer=None,
    ),
    (_OPENAI, 9): Shown("import litellm", model="gpt-3.5-turbo-1106", prints="get_current_weather"),
    (_OPENAI, 10): Shown("import os", headers={**_KEY, "ai-resource-group": "ishaan-resource"}),
    (_OPENAI, 11): Shown("import os", headers={**_KEY, "openai-organization": "your-org-id"}),
    (_OPENAI, 12): Shown("import litellm, httpx", requests=2),
    (_OPENAI, 13): Shown(
        "import os", headers={"helicone-auth": "Bearer sk-helicone", "helicone-cache-enabled": "true"}
    ),
    (_OPENAI, 14): Shown("import os", model="your-model-name"),
    (_OPENAI, 15): Shown("from openai", headers={"openai-organization": "my-special-org"}, answer=None),
    (_COMPATIBLE, 0): Shown("import litellm", model="mistral", prints=_MADE),
    (_COMPATIBLE, 1): Shown(
        "import litellm", "/v1/embeddings", "GPT-J", prints="embedding", answer="sluice EmbeddingResponse"
    ),
    (_COMPATIBLE, 2): Shown("import openai", model="gpt-4o", prints=_MADE, answer="openai ChatCompletion"),
}  # fmt: skip
CONFIG = """
model_list:
  - {model_name: my-model, litellm_params: {model: openai/gpt-4o}}
  - {model_name: "*", litellm_params: {model: openai/*}}
general_settings:
  forward_openai_org_id: true
"""
"""The proxy that the pages' clients ask, without a key of its own."""


@pytest.fixture(scope="module")
def openai() -> Iterator[Simulated]:
    with simulated_openai() as running:
        yield running


@pytest.fixture(scope="module")
def gateway(openai: Simulated, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    keys = {"OPENAI_API_KEY": "sk-upstream", "OPENAI_API_BASE": openai.base}
    with running_gateway(
        tmp_path_factory.mktemp("gateway"), config=CONFIG, key=None, environ=keys
    ) as running:
        yield running


def run(block: str, openai: Simulated, gateway: GatewayProcess) -> str:
    """What it prints."""
    addresses = {
        "http://0.0.0.0:4000": gateway.url,
        "https://oai.hconeai.com/v1": openai.base,
        "your-openai-proxy-url": openai.base,
    }
    program = BEFORE + with_our_import(block) + AFTER
    for said, meant in addresses.items():
        program = program.replace(said, meant)
    environ = {name: value for name, value in os.environ.items() if not name.startswith("OPENAI_")} | {
        "OPENAI_API_KEY": "sk-environment",
        "OPENAI_BASE_URL": openai.base,
        "HELICONE_API_KEY": "sk-helicone",
        "PYTHONPATH": str(VENDORS),
    }
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env=environ, capture_output=True, text=True, timeout=RUN_S, check=False,
    )  # fmt: skip
    assert (done.returncode, _unlogged(done.stderr)) == (0, "")
    return done.stdout


def _unlogged(said: str) -> str:
    """Without the library's own warnings: a header whose name has a blank."""
    return re.sub(r"^the header `.*\n", "", said, flags=re.MULTILINE)


def test_the_table_has_every_block_of_the_pages() -> None:
    found = {(page.stem, number) for page in PAGES.iterdir() for number in range(len(blocks(page.stem)))}
    assert found == set(SHOWN)
    assert all(blocks(page)[number].startswith(shown.begins) for (page, number), shown in SHOWN.items())


@pytest.mark.parametrize(("page", "number"), SHOWN, ids=lambda value: str(value))
def test_a_block_runs_as_it_is_written(
    page: str, number: int, openai: Simulated, gateway: GatewayProcess
) -> None:
    shown, before = SHOWN[page, number], len(openai.seen)
    printed = run(blocks(page)[number], openai, gateway)
    seen = openai.seen[before:]
    assert shown.prints in printed
    assert ("RESPONSE" in printed) == (shown.answer is not None)
    assert shown.answer is None or f"RESPONSE {shown.answer}" in printed
    _judge(shown, seen)


def _judge(shown: Shown, seen: list[Seen]) -> None:
    if shown.path is None:
        assert seen == []
        return
    assert [each.path for each in seen] == [shown.path] * shown.requests
    for each in seen:
        assert each.json["model"] == shown.model
        assert {name: each.headers.get(name) for name in shown.headers} == shown.headers


# -- our own pages


_MISREAD = {"â€™": "\N{RIGHT SINGLE QUOTATION MARK}"}
"""The pages were once decoded as what they are not."""


def _as_here(page: str, number: int) -> str:
    """A block as our pages have it."""
    block = with_our_import(blocks(page)[number])
    for misread, meant in _MISREAD.items():
        block = block.replace(misread, meant)
    return block


def _own_blocks() -> list[str]:
    """Of the library's page, what is on neither of LiteLLM's."""
    theirs = {_as_here(page, number) for page, number in SHOWN}
    return [block for block in _BLOCK.findall(LIBRARY.read_text()) if block not in theirs]


@pytest.mark.parametrize(("page", "number"), SHOWN, ids=lambda value: str(value))
def test_the_documentation_has_every_block_as_it_is_but_for_the_import(page: str, number: int) -> None:
    assert f"```python\n{_as_here(page, number)}```" in LIBRARY.read_text() + TO_GATEWAY.read_text()


def test_the_librarys_page_has_examples_of_its_own() -> None:
    assert len(_own_blocks()) >= 4


@pytest.mark.parametrize("block", _own_blocks(), ids=lambda block: str(block.count("\n")))
def test_an_example_of_the_librarys_page_runs(block: str, openai: Simulated, gateway: GatewayProcess) -> None:
    run(block, openai, gateway)
