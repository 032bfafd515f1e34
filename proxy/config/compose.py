"""Files become one tree of YAML nodes, `include`d files merged in; every node knows its file and line."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import yaml
from yaml.constructor import SafeConstructor
from yaml.events import CollectionEndEvent, CollectionStartEvent
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from proxy.config.environ import UNSET
from proxy.config.nodes import MERGE, children, mark_place, place, walk
from proxy.config.notices import Findings
from proxy.config.paths import KeyPath
from proxy.config.unset import Unset
from proxy.config.yaml_errors import explained, reworded

try:
    from yaml import CSafeLoader as _SafeLoader
except ImportError:  # PyYAML without libyaml: the same, five times slower
    from yaml import SafeLoader as _SafeLoader  # type: ignore[assignment]

LIMIT_BYTES = 32 << 20
"""A model takes about 200 bytes: this is no configuration any more."""
LIMIT_DEPTH = 64
"""The deepest setting there is stands at 6; JSON schemas among the parameters are deeper."""
LIMIT_NODES = 2_000_000
"""Aliases of aliases multiply: ten lines can stand for more than fits any memory. A model takes about 10."""
_EMPTY = "empty: write at least `model_list:`, or start without a config file"
_NO_MAPPING = "not a mapping: write `model_list:` and the like at the left margin"
_TIMESTAMP = "tag:yaml.org,2002:timestamp"
NULL = "tag:yaml.org,2002:null"


class _Loader(_SafeLoader):
    """Dates stay text: API versions and model names look like dates."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own way to say it
        first: [pair for pair in pairs if pair[0] != _TIMESTAMP]
        for first, pairs in _SafeLoader.yaml_implicit_resolvers.items()
    }


def compose(path: Path, findings: Findings) -> MappingNode | None:
    """The file with everything it includes, or None when a file cannot be read (see `findings.errors`)."""
    composer = _Composer(findings)
    root = composer.compose(path, ())
    return root if composer.complete else None


class _Constructor(SafeConstructor):
    def __init__(self, unset: Mapping[Node, Unset]) -> None:
        super().__init__()
        self.unset = unset

    def construct_unset(self, node: Node) -> Unset:
        return self.unset[node]


_Constructor.yaml_constructors = {**SafeConstructor.yaml_constructors, UNSET: _Constructor.construct_unset}


def construct(root: MappingNode, unset: Mapping[Node, Unset], findings: Findings) -> dict[object, object]:
    """The nodes' values: dicts, lists, text, numbers, booleans, None, and Unset for those of `unset`."""
    try:
        value: object = _Constructor(unset).construct_document(root)
    except yaml.MarkedYAMLError as error:
        where = place(root) if error.problem_mark is None else mark_place(error.problem_mark)
        findings.error_at(where, reworded(f"{error.problem} {error.context or ''}".rstrip()))
        return {}
    except ValueError:  # its text may hold a secret
        findings.error((), "a value contradicts its own tag, such as `!!int x`")
        return {}
    return value if isinstance(value, dict) else {}


class _Named(io.BytesIO):
    name = ""


def _named(source: bytes, name: str) -> _Named:
    stream = _Named(source)
    stream.name = name  # what marks are told with
    return stream


def _too_deep(source: bytes, name: str) -> str | None:
    """`file:line` of what is nested too deep for the code that follows, which goes down by calling itself."""
    depth = 0
    for event in yaml.parse(_named(source, name), Loader=_Loader):
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        if depth > LIMIT_DEPTH:
            assert event.start_mark is not None, "every event that is read has one"
            return f"{name}:{event.start_mark.line + 1}"
    return None


class _Composer:
    def __init__(self, findings: Findings) -> None:
        self.complete = True
        """False: something could not be read, and what follows from its absence is not worth telling."""
        self._findings = findings
        self._composed: set[Path] = set()

    def compose(self, path: Path, above: tuple[Path, ...]) -> MappingNode | None:
        self._composed.add(path.resolve())
        root = self._parse(path)
        if root is None:
            return None
        for name in self._includes(root):
            included = self._included(path.parent / name.value, name, (*above, path.resolve()))
            if included is not None:
                self._merge(root, included, ())
        return root

    def _parse(self, path: Path) -> MappingNode | None:
        try:
            with path.open("rb") as file:
                source = file.read(LIMIT_BYTES + 1)
        except OSError as error:
            return self._refuse(str(path), f"cannot be read: {error.strerror}")
        if len(source) > LIMIT_BYTES:
            return self._refuse(str(path), f"larger than {LIMIT_BYTES >> 20} MiB: not a configuration")
        try:
            deep = _too_deep(source, str(path))
            if deep is not None:
                return self._refuse(deep, f"nested more than {LIMIT_DEPTH} deep: not a configuration")
            root = _Loader(_named(source, str(path))).get_single_node()
        except yaml.YAMLError as error:
            return self._refuse(*explained(error, source, str(path)))
        if not isinstance(root, MappingNode):
            return self._refuse(str(path), _EMPTY if root is None else _NO_MAPPING)
        return self._checked(root)

    def _checked(self, root: MappingNode) -> MappingNode | None:
        for visit in walk(root):
            if visit.loops:
                return self._refuse(place(visit.node), "an alias that holds itself: write it out", visit.path)
            if isinstance(visit.node, MappingNode):
                _report_twice(visit.node, visit.path, self._findings)
        if _written_out(root, {}) > LIMIT_NODES:
            return self._refuse(place(root), f"more than {LIMIT_NODES} values, its aliases written out")
        return root

    def _refuse(self, where: str, text: str, path: KeyPath = ()) -> MappingNode | None:
        """Always None: what the refusing function gives back."""
        self.complete = False
        self._findings.error_at(where, text, path)
        return None

    def _includes(self, root: MappingNode) -> list[ScalarNode]:
        """Takes `include` out of the tree."""
        names: list[ScalarNode] = []
        for key, value in [pair for pair in root.value if pair[0].value == "include"]:
            root.value.remove((key, value))
            found = value.value if isinstance(value, SequenceNode) else [value]
            names += [node for node in found if isinstance(node, ScalarNode) and node.tag != NULL]
            if not all(isinstance(node, ScalarNode) for node in found):
                self._refuse(place(key), "write a list of file names", ("include",))
        return names

    def _included(self, path: Path, name: ScalarNode, above: tuple[Path, ...]) -> MappingNode | None:
        try:
            there = path.resolve().is_file()
        except (OSError, ValueError):  # too long, or with a null byte
            return self._refuse(place(name), "is no file's name", ("include",))
        if path.resolve() in above:
            return self._refuse(place(name), f"{path} includes itself: take it out", ("include",))
        if path.resolve() in self._composed:
            return None
        if not there:
            return self._refuse(place(name), f"{path}: no such file", ("include",))
        return self.compose(path, above)

    def _merge(self, root: MappingNode, included: MappingNode, path: KeyPath) -> None:
        own = {key.value: (key, value) for key, value in root.value if isinstance(key, ScalarNode)}
        for key, value in included.value:
            if not isinstance(key, ScalarNode) or key.value not in own:
                root.value.append((key, value))
                continue
            self._merge_value(root, own[key.value], (key, value), (*path, key.value))

    def _merge_value(
        self, root: MappingNode, own: tuple[Node, Node], included: tuple[Node, Node], path: KeyPath
    ) -> None:
        mine, theirs = own[1], included[1]
        if isinstance(mine, SequenceNode) and isinstance(theirs, SequenceNode):
            mine.value += theirs.value
        elif isinstance(mine, MappingNode) and isinstance(theirs, MappingNode):
            self._merge(mine, theirs, path)
        else:
            root.value[root.value.index(own)] = included
            if mine.tag != NULL:
                self._findings.warn(
                    path, f"is also written at {place(own[0])}; this, the included one, is used"
                )


def _written_out(node: Node, known: dict[Node, int]) -> int:
    """How many values there were without aliases."""
    if node not in known:
        known[node] = 1 + sum(_written_out(below, known) for _, below in children(node))
    return known[node]


def _report_twice(node: MappingNode, path: KeyPath, findings: Findings) -> None:
    """The last one holds, as PyYAML takes it."""
    last: dict[str, Node] = {}
    for key, _ in node.value:
        if not isinstance(key, ScalarNode) or key.tag == MERGE:
            continue
        before = last.get(key.value)
        if before is not None:
            text = f"is written again at {place(key)}: that one holds, and nothing of this"
            findings.warn_at(place(before), text, (*path, key.value))
        last[key.value] = key
