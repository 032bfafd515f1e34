"""Whatever one connection says, through either door: it costs no more than itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from loadtest.gateway_process import GatewayProcess, running_gateway
from loadtest.hostile.attack import answers, attack
from loadtest.hostile.cases import CASES


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """One worker, which is the first process: when it dies, so does all."""
    with running_gateway(tmp_path_factory.mktemp("hostile"), key="sk-gateway") as made:
        yield made


@pytest.mark.parametrize("name", CASES)
def test_a_hostile_connection_costs_only_itself(gateway: GatewayProcess, name: str) -> None:
    attack(gateway.port, CASES[name])
    assert answers(gateway.port)
    assert gateway.process.poll() is None
