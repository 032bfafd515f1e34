"""The matrix as OpenAI's own SDK meets it: a whole answer, or an error; never a short answer taken for a whole one."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import openai
import pytest
import trio

from loadtest.answers import chat
from loadtest.certificates import make_certificates
from loadtest.fault_matrix.table import Cell, Seen, Topology, cells, expected
from loadtest.gateway_within import GatewayWithin
from tests.faults.matrix_run import KEY, SIDE_BY_SIDE, side_by_side, stage
from tests.faults.staging import WHOLE

CELLS = [cell for cell in cells() if cell.topology is not Topology.FALLBACK]
GOOD_TEXT = "".join(map(str, range(64)))
SLOW_TEXT = "".join(map(str, range(100, 104)))
STATUSES = {Seen.FAILED: 502, Seen.TIMEOUT: 504}
FAILED = (openai.OpenAIError, httpx.HTTPError, ValueError)
"""What programs that use the SDK catch; ValueError: JSON that ends too early."""


def read(client: openai.OpenAI, cell: Cell) -> str | Exception:
    """The answer's text without the mock's blanks, or what was raised."""
    try:
        return "".join(text(client, cell).split())
    except FAILED as error:
        return error


def text(client: openai.OpenAI, cell: Cell) -> str:
    if not cell.mode.streams:
        whole = client.chat.completions.create(model=cell.name, messages=[])
        return whole.choices[0].message.content or ""
    stream = client.chat.completions.create(
        model=cell.name,
        messages=[],
        stream=True,
        extra_headers={"x-litellm-stream-mode": cell.mode.name.lower()},
    )
    return "".join([chunk.choices[0].delta.content or "" for chunk in stream])


async def test_the_sdk_gets_a_whole_answer_or_raises(tmp_path: Path) -> None:
    """In threads: under trio the SDK leaves its generators to the collector, which trio warns of."""
    tls = make_certificates(tmp_path).server_context()
    async with stage(CELLS, tmp_path, tls) as staged:
        url = f"http://127.0.0.1:{staged.gateway.port}/v1"
        threads = trio.CapacityLimiter(SIDE_BY_SIDE)
        with openai.OpenAI(base_url=url, api_key=KEY, max_retries=0) as client:

            async def ask(_gateway: GatewayWithin, cell: Cell) -> str | Exception:
                return await trio.to_thread.run_sync(read, client, cell, limiter=threads)

            found = await side_by_side(staged.gateway, CELLS, ask)
    wrong = {cell.name: found[cell.name] for cell in CELLS if not is_right(cell, found[cell.name])}
    assert wrong == {}


def is_right(cell: Cell, found: str | Exception) -> bool:
    wanted = expected(cell).seen
    if wanted in (Seen.ANSWER, Seen.ELSEWHERE):
        return found == whole_text(cell, wanted)
    if wanted in STATUSES:
        return isinstance(found, openai.APIStatusError) and found.status_code == STATUSES[wanted]
    if wanted is Seen.AS_CAME and cell.mode.streams and cell.fault.name != "error-event":
        return isinstance(found, str)  # the upstream's own end
    return isinstance(found, Exception)


def whole_text(cell: Cell, wanted: Seen) -> str:
    if cell.mode.streams:
        return GOOD_TEXT if wanted is Seen.ELSEWHERE else SLOW_TEXT
    body = json.loads((chat() if wanted is Seen.ELSEWHERE else WHOLE).body)
    return str(body["choices"][0]["message"]["content"])


@pytest.mark.parametrize("wanted", Seen)
def test_every_outcome_is_met(wanted: Seen) -> None:
    assert any(expected(cell).seen is wanted for cell in CELLS)
