"""What tests of several rooms share: the gateway as a process, a record, and hypothesis without a stopwatch."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import settings

from loadtest.gateway_process import GatewayProcess, running_gateway
from proxy import BUILD
from proxy.accounting.record import Record
from proxy.loading import Build
from proxy.types import Outcome, Usage

settings.register_profile("sluice", deadline=None)  # a loaded machine is not a failure
settings.load_profile("sluice")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--compiled", action="store_true", help="fail unless the compiled modules are tested")


def pytest_report_header() -> str:
    return f"sluice: {BUILD.value}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests that put something in a function's or a class's place: what is compiled has bound it before."""
    if BUILD is not Build.COMPILED:
        if config.getoption("--compiled"):
            raise pytest.UsageError(f"the build is {BUILD.value}: make compile")
        return
    for item in items:
        if item.get_closest_marker("pure") is not None:
            item.add_marker(pytest.mark.skip(reason="puts something in the place of what is compiled"))


def _open_state_files() -> set[str]:
    found = set()
    for link in Path("/proc/self/fd").iterdir() if Path("/proc/self/fd").exists() else ():
        with suppress(OSError):
            target = str(link.readlink())
            if target.endswith((".db", ".db-wal", ".db-shm")):
                found.add(f"{link.name} {target}")
    return found


@pytest.fixture(autouse=True)
def closes_state_files() -> Iterator[None]:
    """Each is three descriptors and some megabytes, for as long as the session runs."""
    before = _open_state_files()
    yield
    left = _open_state_files() - before
    assert not left, "a test leaves state files open"


@pytest.fixture
def cycles_collected() -> Iterator[None]:
    """For tests of what fails: an error's traceback may hold what was at work, in a circle."""
    yield
    gc.collect()


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """A gateway over the embedded simulator, as `make run` starts it."""
    with running_gateway(tmp_path_factory.mktemp("gateway")) as running:
        yield running


@pytest.fixture(scope="session")
def gateway_url(gateway: GatewayProcess) -> str:
    return gateway.url


@pytest.fixture(scope="session")
def gateway_key(gateway: GatewayProcess) -> str:
    assert gateway.key is not None
    return gateway.key


@pytest.fixture
def make_record() -> Callable[..., Record]:
    def make(**changes: object) -> Record:
        fields: dict[str, object] = {
            "call_id": "6d0c4f0e-6c5f-4b9e-9a55-3f1e8c1f2a01",
            "started_unix_s": 1_700_000_000.25,
            "method": "POST",
            "route": "/v1/chat/completions",
            "model_asked": "gpt-4o",
            "model_served": "gpt-4o-2024-08-06",
            "deployment_id": "key-1",
            "status": 200,
            "outcome": Outcome.OK,
            "attempts": 1,
            "first_byte_s": 0.25,
            "duration_s": 1.5,
            "usage": Usage(input_tokens=12, output_tokens=34),
        }
        return Record(**{**fields, **changes})  # type: ignore[arg-type]

    return make
