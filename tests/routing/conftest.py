from __future__ import annotations

from collections.abc import Callable

import pytest

from proxy.types import Deployment, Secret
from tests.deployments import changed


@pytest.fixture(scope="session")
def deployment() -> Callable[..., Deployment]:
    """A deployment of group `gpt`, with a host, a key and a scope of its own unless told."""
    plain = Deployment(
        id="",
        group="gpt",
        provider="openai",
        model="gpt-4o",
        api_base="https://api.openai.com/v1",
        api_key=Secret("sk-very-secret"),
        object_scope="",
    )

    def make(id: str, **fields: object) -> Deployment:  # noqa: A002
        own = {
            "api_base": f"https://{id.replace(' ', '-').lower()}.example.com/v1",
            "api_key": Secret(f"sk-very-secret-{id}"),
            "object_scope": f"scope-{id}",
        }
        return changed(plain, **{"id": id, **own, **fields})

    return make
