from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from proxy.types import Deployment, Secret


@pytest.fixture
def a_deployment() -> Callable[..., Deployment]:
    def made(**more: Any) -> Deployment:
        settings = {
            "id": "d", "group": "m", "provider": "openai", "model": "m", "api_base": "http://up/v1",
            "api_key": Secret("k"), "object_scope": "s", **more,
        }  # fmt: skip
        return Deployment(**settings)

    return made
