"""OPENAI_API_KEY beside a configuration with keys of its own: objects meet all the same, with one worker and with four.

The simulator keeps separate objects for each key and answers 404 to the others.
"""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
import trio

from loadtest.gateway_process import GatewayProcess, running_gateway
from tests.e2e import flows
from tests.e2e.flows import Flow

pytestmark = pytest.mark.filterwarnings("ignore:(The Assistants API is )?deprecated:DeprecationWarning")
CONFIG = """
model_list:
  - model_name: gpt-4o
    litellm_params: {{model: openai/gpt-4o, api_base: "{url}", api_key: sk-sim-1}}
    model_info: {{id: one/gpt-4o}}
  - model_name: gpt-4o
    litellm_params: {{model: openai/gpt-4o, api_base: "{url}", api_key: sk-sim-2}}
    model_info: {{id: two/gpt-4o}}
  - model_name: "*"
    litellm_params: {{model: "openai/*", api_base: "{url}", api_key: sk-sim-1}}
    model_info: {{id: one/any}}
  - model_name: "*"
    litellm_params: {{model: "openai/*", api_base: "{url}", api_key: sk-sim-2}}
    model_info: {{id: two/any}}
{more}"""
FIRST = "sluice_settings: {environment_key_first: true}\n"
AT_ONCE = 8
_fresh = itertools.count()


@pytest.fixture(scope="module")
def simulator() -> Iterator[str]:
    command = [sys.executable, "-m", "proxy.simulator", "--port", "0", "--pace_ms", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().split()[-1]
        process.terminate()


@pytest.fixture(
    scope="module", params=itertools.product((None, "sk-sim-1", "sk-sim-2", "sk-sim-3"), (1, 4)), ids=str
)
def beside(
    request: pytest.FixtureRequest, simulator: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GatewayProcess]:
    key, workers = request.param
    environ = {"OPENAI_API_KEY": key, "OPENAI_BASE_URL": simulator} if key else {}
    config, arguments = CONFIG.format(url=simulator, more=""), ["--num_workers", str(workers)]
    with running_gateway(
        tmp_path_factory.mktemp("e"), config=config, environ=environ, arguments=arguments
    ) as running:
        yield running


@pytest.mark.parametrize(
    "work", [flows.assistants, flows.files_and_batches, flows.vector_stores, flows.responses]
)
async def test_objects_meet(work: Callable[[Flow], object], beside: GatewayProcess) -> None:
    assert beside.key is not None
    url, fresh = f"{beside.url}/openai/v1", [f"s{next(_fresh)}" for _ in range(AT_ONCE)]
    made = [Flow(url, beside.key, session, reconnects=True) for session in fresh]
    async with trio.open_nursery() as nursery:
        for flow in made:
            nursery.start_soon(work, flow)
    assert [len(set(flow.keys)) for flow in made] == [1] * AT_ONCE
    assert {flow.keys[0] for flow in made} <= {"one", "two"}
    for flow in made:
        await flow.sdk.close()


@pytest.mark.parametrize(("key", "expected"), [("sk-sim-2", "two"), ("sk-sim-3", "env")])
async def test_the_operator_may_say_that_it_comes_first(
    key: str, expected: str, simulator: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    environ, config = (
        {"OPENAI_API_KEY": key, "OPENAI_BASE_URL": simulator},
        CONFIG.format(url=simulator, more=FIRST),
    )
    with running_gateway(tmp_path_factory.mktemp("e"), config=config, environ=environ) as running:
        assert running.key is not None
        for session in ("a", "b", "c", "d"):
            flow = Flow(f"{running.url}/v1", running.key, session)
            await flows.files_and_batches(flow)
            await flows.vector_stores(flow)
            assert set(flow.keys) == {expected}
            if expected == "two":
                await flows.assistants(flow)
                assert set(flow.keys) == {expected}
            await flow.sdk.close()
