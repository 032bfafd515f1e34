"""What a deployment is called and whose objects it sees: stable over reloads, the same in every process."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import msgspec

from proxy.types import Secret

DIGEST_CHARS = 16
"""Of SHA-256 in hex: 64 bits, no collisions among thousands of deployments."""


def deployment_id(group: str, model: str, api_base: str, organization: str | None, api_key: Secret) -> str:
    return _digest(group, model, api_base, organization, _key_digest(api_key))


def object_scope(api_base: str, organization: str | None, api_key: Secret) -> str:
    """Files, threads and the like belong to a key's project at one upstream."""
    return _digest(api_base, organization, _key_digest(api_key))


def unique(ids: Iterable[str]) -> list[str]:
    """The ids in their order; one that is taken gets the first free suffix `-2`, `-3` ..."""
    found: dict[str, None] = {}
    for wanted in ids:
        name, number = wanted, 1
        while name in found:
            number += 1
            name = f"{wanted}-{number}"
        found[name] = None
    return list(found)


def _key_digest(api_key: Secret) -> str:
    return hashlib.sha256(api_key.reveal().encode()).hexdigest()


def _digest(*parts: str | None) -> str:
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:DIGEST_CHARS]
