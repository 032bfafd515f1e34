"""Files become one tree of YAML nodes, `include`d files merged in; every node knows its file and line."""

from __future__ import annotations

from pathlib import Path

import yaml
from yaml.constructor import SafeConstructor
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from proxy.config.nodes import KeyPath, place, walk
from proxy.config.notices import Findings

try:
    from yaml import CSafeLoader as _SafeLoader
except ImportError:  # PyYAML without libyaml: the same, five times slower
    from yaml import SafeLoader as _SafeLoader  # type: ignore[assignment]

LIMIT_BYTES = 32 << 20
"""A model takes about 200 bytes: this is no configuration any more."""
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


def construct(root: MappingNode, findings: Findings) -> dict[object, object]:
    """The nodes' values: dicts, lists, text, numbers, booleans and None."""
    try:
        value: object = SafeConstructor().construct_document(root)
    except yaml.MarkedYAMLError as error:
        findings.error_at(*_explained(error, place(root)))
        return {}
    except ValueError:  # its text may hold a secret
        findings.error((), "a value contradicts its own tag, such as `!!int x`")
        return {}
    return value if isinstance(value, dict) else {}


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
                if path.stat().st_size > LIMIT_BYTES:
                    return self._refuse(
                        str(path), f"larger than {LIMIT_BYTES >> 20} MiB: not a configuration"
                    )
                root = _Loader(file).get_single_node()
        except OSError as error:
            return self._refuse(str(path), f"cannot be read: {error.strerror}")
        except yaml.YAMLError as error:
            return self._refuse(*_explained(error, str(path)))
        if not isinstance(root, MappingNode):
            return self._refuse(str(path), _EMPTY if root is None else _NO_MAPPING)
        return self._checked(root)

    def _checked(self, root: MappingNode) -> MappingNode | None:
        for visit in walk(root):
            if visit.loops:
                return self._refuse(place(visit.node), "an alias that holds itself: write it out", visit.path)
            if isinstance(visit.node, MappingNode):
                _report_twice(visit.node, visit.path, self._findings)
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
            names += [node for node in found if isinstance(node, ScalarNode)]
            if not all(isinstance(node, ScalarNode) for node in found):
                self._refuse(place(key), "write a list of file names", ("include",))
        return names

    def _included(self, path: Path, name: ScalarNode, above: tuple[Path, ...]) -> MappingNode | None:
        if path.resolve() in above:
            return self._refuse(place(name), f"{path} includes itself: take it out", ("include",))
        if path.resolve() in self._composed:
            return None
        if not path.is_file():
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


def _explained(error: yaml.YAMLError, where: str) -> tuple[str, str]:
    """(where, what is wrong), without PyYAML's excerpt of the line, which may hold a key."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        context = f" {error.context}" if error.context else ""
        where = f"{error.problem_mark.name}:{error.problem_mark.line + 1}"
        return where, f"not YAML: {error.problem}{context}"
    return where, f"not YAML: {getattr(error, 'reason', 'it cannot be decoded')}"


def _report_twice(node: MappingNode, path: KeyPath, findings: Findings) -> None:
    """An error to go on from: the later one counts."""
    first: dict[str, Node] = {}
    for key, _ in node.value:
        if isinstance(key, ScalarNode) and first.setdefault(key.value, key) is not key:
            text = f"written twice, first at {place(first[key.value])}: keep one"
            findings.error_at(place(key), text, (*path, key.value))
