"""Both doors are what the pipeline asks for."""

from __future__ import annotations

import inspect

import pytest

from proxy.edge.asgi import AsgiExchange
from proxy.edge.exchange import FastExchange
from proxy.gateway.exchange import Exchange

METHODS = [name for name, value in vars(Exchange).items() if inspect.iscoroutinefunction(value)]


@pytest.mark.pure  # a compiled coroutine tells no signature
@pytest.mark.parametrize("door", [FastExchange, AsgiExchange])
@pytest.mark.parametrize("name", ["take_whole", "send_to", *METHODS])
def test_a_door_offers_every_method_with_the_same_parameters(door: type, name: str) -> None:
    asked = inspect.signature(getattr(Exchange, name)).parameters
    assert list(inspect.signature(getattr(door, name)).parameters) == list(asked)
