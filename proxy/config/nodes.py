"""YAML's node tree: walking it, and where in which file a node stands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from yaml import Mark
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from proxy.config.paths import KeyPath

MERGE = "tag:yaml.org,2002:merge"


class Visit(NamedTuple):
    path: KeyPath
    node: Node
    loops: bool
    """True: the node is an alias of a node that it stands in."""


def walk(root: Node) -> Iterator[Visit]:
    """Every node once, however many aliases it has."""
    return _walk(root, (), (), set())


def _walk(node: Node, path: KeyPath, above: tuple[Node, ...], seen: set[Node]) -> Iterator[Visit]:
    if node in above:
        yield Visit(path, node, loops=True)
    if node in seen:
        return
    seen.add(node)
    yield Visit(path, node, loops=False)
    for step, child in children(node):
        yield from _walk(child, (*path, step), (*above, node), seen)


def children(node: Node) -> Iterator[tuple[str | int, Node]]:
    """The values right below, by key or place."""
    if isinstance(node, SequenceNode):
        yield from enumerate(node.value)
    elif isinstance(node, MappingNode):
        yield from ((str(key.value), value) for key, value in node.value)


def place(node: Node) -> str:
    """`file:line`"""
    return mark_place(node.start_mark)


def mark_place(mark: Mark) -> str:
    return f"{mark.name}:{mark.line + 1}"


def locate(root: Node, path: KeyPath) -> str:
    """`file:line` of the key at `path`, or of the nearest thing above it that is in the file."""
    here = node = root
    for step in path:
        found = _child(node, step)
        if found is None:
            break
        here, node = found
    return place(here)


def find(root: Node, path: KeyPath) -> Node | None:
    """The node of the value at `path`; None: the file has none."""
    node = root
    for step in path:
        found = _child(node, step)
        if found is None:
            return None
        node = found[1]
    return node


def _child(node: Node, step: str | int) -> tuple[Node, Node] | None:
    """(the key's or item's node, its value's node)"""
    if isinstance(node, SequenceNode):
        inside = isinstance(step, int) and step < len(node.value)
        return (node.value[step], node.value[step]) if inside else None
    if not isinstance(node, MappingNode):
        return None
    pairs = (pair for pair in reversed(node.value) if _is_key(pair[0], step))
    return next(pairs, None) or next(filter(None, _merged(node, step)), None)


def _merged(node: MappingNode, step: str | int) -> Iterator[tuple[Node, Node] | None]:
    """What `<<: *anchor` brings; of a list of anchors the first wins."""
    for key, value in node.value:
        if key.tag == MERGE:
            sources = value.value if isinstance(value, SequenceNode) else [value]
            yield from (_child(source, step) for source in sources)


def _is_key(node: Node, step: str | int) -> bool:
    return isinstance(node, ScalarNode) and node.value == step
