from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from proxy.types import Deployment, Secret
from tests.deployments import made


@pytest.fixture
def a_deployment() -> Callable[..., Deployment]:
    def make(**more: Any) -> Deployment:
        return made(**{"api_base": "http://up/v1", "api_key": Secret("k"), "object_scope": "s", **more})

    return make
