"""What tests of several rooms share: the gateway as a process, and hypothesis without a stopwatch."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings

from loadtest.gateway_process import GatewayProcess, running_gateway

settings.register_profile("sluice", deadline=None)  # a loaded machine is not a failure
settings.load_profile("sluice")


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
