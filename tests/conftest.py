"""What tests of several rooms share: the gateway as a process, and hypothesis without a stopwatch."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings

from loadtest.gateway_process import GatewayProcess, running_gateway
from proxy import BUILD
from proxy.loading import Build

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
