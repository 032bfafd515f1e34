"""The environment: the process's, a `.env` file's, the config's own; and `os.environ/NAME` in the file."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from yaml.nodes import Node, ScalarNode

from proxy.config.env_file import parse_env
from proxy.config.nodes import walk
from proxy.config.notices import Findings
from proxy.config.paths import KeyPath
from proxy.config.unset import Unset, empty, not_set, unfilled

PREFIX = "os.environ/"
_EMBEDDED = re.compile(r"os\.environ/([A-Za-z_][A-Za-z0-9_]*)")
_MAY_EMBED = frozenset({"headers", "extra_headers"})
"""Mappings whose values may hold `os.environ/NAME` inside other text: `Bearer os.environ/NAME`."""
_NEVER_TEMPLATES = _MAY_EMBED | {
    "api_base",
    "api_key",
    "base_url",
    "master_key",
    "model",
    "organization",
    "target",
}
UNSET = "tag:sluice,2026:unset"
_ENV_FILE_LIMIT_BYTES = 1 << 20


def read_env_file(path: Path, findings: Findings) -> dict[str, str]:
    """The `.env` at `path`; nothing when there is none."""
    try:
        if not path.is_file():
            return {}
        with path.open("rb") as file:
            text = file.read(_ENV_FILE_LIMIT_BYTES).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        findings.error_at(str(path), f"cannot be read: {error.__class__.__name__}")
        return {}
    return parse_env(text, _told(str(path), findings))


def _told(source: str, findings: Findings) -> Callable[[int], None]:
    text = "is not read: write NAME=value, with a name of letters, digits and _"
    return lambda number: findings.warn_at(f"{source}:{number}", text, ())


class Resolved(NamedTuple):
    """What became of the nodes that ask for the environment."""

    variables: dict[Node, str]
    """Which variable a node's value came from."""
    unset: dict[Node, Unset]
    """Nodes whose value is not there; their tag is `UNSET`."""


def resolve(root: Node, environ: Mapping[str, str]) -> Resolved:
    """Puts the environment's values in place of `os.environ/NAME`, in the nodes below `root`."""
    resolved = Resolved({}, {})
    for visit in walk(root):
        node = visit.node
        if not isinstance(node, ScalarNode):
            continue
        if PREFIX in node.value:  # in quotes, blanks around it are part of it
            node.value = node.value.strip()
        names = _names(node.value, visit.path) if PREFIX in node.value else []
        unset = _missing(names, environ, visit.path) or _unfilled(node.value, visit.path)
        unset = unset or next(filter(None, (_held_by(name, environ, visit.path) for name in names)), None)
        if unset is not None:
            node.tag = UNSET
            resolved.unset[node] = unset
            continue
        for name in names:
            node.value = node.value.replace(PREFIX + name, environ[name], 1)
            resolved.variables[node] = name
    return resolved


def _missing(names: list[str], environ: Mapping[str, str], path: KeyPath) -> Unset | None:
    missing = [name for name in names if name not in environ]
    if missing:
        return not_set(missing)
    return next(
        (empty(name, key=path[-1:] == ("api_key",)) for name in names if not environ[name].strip()), None
    )


def _unfilled(value: str, path: KeyPath) -> Unset | None:
    """Only where such a value makes no sense as it stands."""
    return None if _NEVER_TEMPLATES.isdisjoint(path) else unfilled(value)


def _held_by(name: str, environ: Mapping[str, str], path: KeyPath) -> Unset | None:
    """`.env` files expand nothing here, and what a shell did not expand is no value."""
    held = _unfilled(environ[name], path)
    return (
        None
        if held is None
        else Unset(f"the environment variable {name} holds what was not expanded: {held.text}")
    )


def _names(value: str, path: KeyPath) -> list[str]:
    """The variables that a value refers to."""
    if not _MAY_EMBED.isdisjoint(path):
        return _EMBEDDED.findall(value)
    return [value.removeprefix(PREFIX)] if value.startswith(PREFIX) else []
