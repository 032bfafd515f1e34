"""Identities, and directories that know them."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from proxy.access.directory import Directory, Row, place_of
from proxy.access.identity import Entity, VirtualKey, key_name, token_of

Know = Callable[..., Directory]
MakeKey = Callable[..., VirtualKey]


@pytest.fixture
def a_key() -> MakeKey:
    """`a_key("sk-secret", models=(...))`"""

    def make(secret: str = "sk-some-secret-abcd", **fields: object) -> VirtualKey:
        token = token_of(secret.encode())
        plain: dict[str, object] = {"id": token, "token": token, "key_name": key_name(secret)}
        return VirtualKey(**{**plain, **fields})  # type: ignore[arg-type]

    return make


@pytest.fixture
def know() -> Know:
    """`know(key, team, directory=...)`: one that has learned them."""

    def make(*entities: Entity, directory: Directory | None = None) -> Directory:
        directory = directory or Directory()
        for entity in entities:
            kind, id_ = place_of(entity)
            directory.learn([Row(directory.seq + 1, kind, id_, msgspec.json.encode(entity).decode())])
        return directory

    return make
