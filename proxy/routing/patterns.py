"""From the model a client names to the group that serves it: exact name, then alias, then best wildcard."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from proxy.config.errors import ConfigError

CACHE_LIMIT = 1024
"""Clients choose these names: a flood of them must not grow the process."""
CACHED_NAME_LIMIT_CHARS = 256
"""Fine-tuned names have about 80 characters; longer ones are looked up every time."""


class Found(msgspec.Struct, frozen=True):
    group: str
    wildcard: str = ""
    """What the `*` stood for; empty when the name is exact."""


class GroupLookup:
    """`find` costs the same for ten groups and a thousand."""

    __slots__ = ("_cache", "_exact", "_wildcards")

    def __init__(self, groups: Iterable[str], aliases: Mapping[str, str]) -> None:
        groups = tuple(dict.fromkeys(groups))
        self._cache: dict[str, Found | None] = {}
        self._wildcards = _Wildcards(group for group in groups if "*" in group)
        self._exact = {group: Found(group) for group in groups if "*" not in group}
        self._exact = self._resolve(aliases) | self._exact

    def exact(self) -> Iterator[tuple[str, str]]:
        """Names that stand for their group alone, and the group."""
        return ((name, found.group) for name, found in self._exact.items() if not found.wildcard)

    def find(self, model: str) -> Found | None:
        """HOT."""
        found = self._exact.get(model)
        return found if found is not None else self._find_wildcard(model)

    def _resolve(self, aliases: Mapping[str, str]) -> dict[str, Found]:
        """Aliases of nothing are left out. An alias names a group or what a wildcard matches, not an alias."""
        targets = {alias: self.find(target) for alias, target in aliases.items()}
        return {alias: found for alias, found in targets.items() if found is not None}

    def _find_wildcard(self, model: str) -> Found | None:
        if model in self._cache:
            return self._cache[model]
        found = self._wildcards.find(model)
        if len(model) <= CACHED_NAME_LIMIT_CHARS:
            if len(self._cache) >= CACHE_LIMIT:
                self._cache.clear()
            self._cache[model] = found
        return found


class _Wildcards:
    """Patterns of one `*`, filed under the lengths of what stands before and after it.

    A lookup tries each pair of lengths once, those with the most literal characters first (then the longer
    prefix), so it does not matter how many patterns share a shape.
    """

    __slots__ = ("_by_shape",)

    def __init__(self, patterns: Iterable[str]) -> None:
        shapes: dict[tuple[int, int], dict[tuple[str, str], str]] = {}
        for pattern in patterns:
            prefix, suffix = _split(pattern)
            shapes.setdefault((len(prefix), len(suffix)), {})[prefix, suffix] = pattern
        ranked = sorted(shapes.items(), key=lambda item: (sum(item[0]), item[0]), reverse=True)
        self._by_shape = tuple(ranked)

    def find(self, model: str) -> Found | None:
        for (before, after), patterns in self._by_shape:
            end = len(model) - after
            if before < end:  # the `*` stands for one character at least
                group = patterns.get((model[:before], model[end:]))
                if group is not None:
                    return Found(group, model[before:end])
        return None


def _split(pattern: str) -> tuple[str, str]:
    if pattern.count("*") != 1:
        raise ConfigError(
            f"model_list: model_name `{pattern}` holds more than one `*`; write one, as in `openai/*`"
        )
    prefix, _, suffix = pattern.partition("*")
    return prefix, suffix
