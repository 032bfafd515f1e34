"""A configuration without its wrong values: what is left of it is looked at too, so that one pass tells all."""

from __future__ import annotations

from collections.abc import Collection

from proxy.config.lacking import UNKNOWN
from proxy.config.paths import KeyPath

_ENTRIES = "model_list"
_TOLD = {"key": (), "text": ""}
"""The flaw of an entry of which something is wrong: that has been told."""


def pruned(value: object, wrong: Collection[KeyPath]) -> object:
    """A copy; entries of `model_list` stay in their places, with stand-ins for what they lack."""
    left = _without(value, (), frozenset(wrong))
    if not isinstance(left, dict):
        return {}
    entries = left.get(_ENTRIES)
    if isinstance(entries, list):
        hurt = {path[1] for path in wrong if path[:1] == (_ENTRIES,) and len(path) > 1}
        left[_ENTRIES] = [_stand_in(entry) if index in hurt else entry for index, entry in enumerate(entries)]
    return left


def _without(value: object, path: KeyPath, wrong: frozenset[KeyPath]) -> object:
    if isinstance(value, dict):
        items = ((name, (*path, str(name)), item) for name, item in value.items())
        return {name: _without(item, below, wrong) for name, below, item in items if below not in wrong}
    if isinstance(value, list):
        places = (((*path, index), item) for index, item in enumerate(value))
        return [
            _without(item, below, wrong)
            for below, item in places
            if below not in wrong or path == (_ENTRIES,)
        ]
    return value


def _stand_in(entry: object) -> dict[str, object]:
    known = entry if isinstance(entry, dict) else {}
    params = known.get("litellm_params")
    named = params if isinstance(params, dict) else {}
    return {
        **known,
        "model_name": known.get("model_name", UNKNOWN),
        "litellm_params": {"model": UNKNOWN, **named},
        "flaw": known.get("flaw", _TOLD),
    }
