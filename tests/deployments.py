"""Deployments for tests: any field by its own name, in whichever of their parts it stands."""

from __future__ import annotations

from typing import Any

import msgspec

from proxy.types import Abilities, Deployment, Price, Secret, Share, Streaming, Trying

PARTS = {"streaming": Streaming, "share": Share, "trying": Trying, "price": Price, "abilities": Abilities}
_PART_OF = {field: part for part, struct in PARTS.items() for field in struct.__struct_fields__}
"""`mode` is the model\'s; a stream\'s stands in `streaming`."""


def made(id_: str = "d", **fields: Any) -> Deployment:
    """Of group and model `m`, with a key, on a host and in a scope of its own."""
    plain = Deployment(
        id=id_,
        group="m",
        provider="openai",
        model="m",
        api_base=f"http://{id_}.test:9/v1",
        api_key=Secret("sk-upstream"),
        object_scope=f"scope-{id_}",
    )
    return changed(plain, **fields)


def changed(deployment: Deployment, **fields: Any) -> Deployment:
    own = {name: value for name, value in fields.items() if name not in _PART_OF}
    for part in {_PART_OF[name] for name in fields.keys() & _PART_OF.keys()}:
        new = {name: value for name, value in fields.items() if _PART_OF.get(name) == part}
        own[part] = msgspec.structs.replace(getattr(deployment, part), **new)
    return msgspec.structs.replace(deployment, **own)
