"""Which entry is which, in the words of who wrote the file: the line, and the variable that the key came from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from yaml.nodes import Node, ScalarNode

from proxy.config.nodes import find, locate
from proxy.config.paths import KeyPath

_KEY = ("litellm_params", "api_key")
_SHARED_KEY = ("router_settings", "default_litellm_params", "api_key")


def origin(root: Node, variables: Mapping[Node, str], index: int) -> dict[str, str | None]:
    """Of `model_list[index]`, as `models.Origin` has it. `variables`: by the nodes whose values came from them."""
    file, _, line = locate(root, ("model_list", index)).rpartition(":")
    nodes = (find(root, path) for path in _paths(root, index))
    named = next((variables.get(node) for node in nodes if node is not None), None)
    return {"where": f"{Path(file).name}:{line}", "variable": named}


def _paths(root: Node, index: int) -> tuple[KeyPath, ...]:
    """Where an entry's key may stand: the first place that has one counts."""
    own: KeyPath = ("model_list", index, *_KEY)
    name = find(root, ("model_list", index, "litellm_params", "litellm_credential_name"))
    if not isinstance(name, ScalarNode):
        return own, _SHARED_KEY
    return own, *_of_credential(root, name.value), _SHARED_KEY


def _of_credential(root: Node, name: str) -> tuple[KeyPath, ...]:
    listed = find(root, ("credential_list",))
    for place in range(len(listed.value) if listed is not None else 0):
        named = find(root, ("credential_list", place, "credential_name"))
        if named is not None and named.value == name:
            return (("credential_list", place, "credential_values", "api_key"),)
    return ()
