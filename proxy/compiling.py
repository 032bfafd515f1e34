"""Which modules are compiled, for setup.py: those that every request passes, as far as mypyc understands them."""

from __future__ import annotations

import ast
import os
import shutil
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from proxy.loading import ROOT

ROOMS = ("accounting", "pricing", "providers", "routing", "upstream", "wire")
"""Of those that a request passes, whose tests hold for the compiled build as well."""

BUILT_IN = {"bytearray", "bytes", "dict", "float", "frozenset", "int", "list", "set", "str", "tuple"}


def obstacle(source: str) -> str | None:
    """What of it mypyc cannot compile, or would silently take to mean something else than Python does."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef):
            bases = {ast.unparse(base).partition("[")[0] for base in node.bases}
            if any("Struct" in base for base in bases) or node.keywords:
                return (
                    f"line {node.lineno}: a Struct, whose keywords (frozen, gc) and field types would be lost"
                )
            if bases & BUILT_IN:
                return f"line {node.lineno}: a child of a built-in type"
        if isinstance(node, ast.AsyncFunctionDef) and any(isinstance(n, ast.Yield) for n in ast.walk(node)):
            return f"line {node.lineno}: an asynchronous generator"
        if isinstance(node, ast.Try) and any(map(_is_narrow, _below(node.finalbody))):
            return f"line {node.finalbody[0].lineno}: a look for None in a `finally`, taken to be as in a good end"
        if isinstance(node, ast.Slice) and any(map(_may_act, ast.walk(node))):
            return f"line {node.lineno}: a call in a slice's bound, which would be made twice"
    if 'if __name__ == "__main__":' in source:
        return "a script, which is run and not imported"
    return "a class that is weakly referenced" if "__weakref__" in source else None


def _below(body: list[ast.stmt]) -> Iterator[ast.AST]:
    return (node for statement in body for node in ast.walk(statement))


def _is_narrow(node: ast.AST) -> bool:
    return isinstance(node, ast.Compare) and any(isinstance(each, ast.Is | ast.IsNot) for each in node.ops)


def _may_act(node: ast.AST) -> bool:
    return isinstance(node, ast.Call | ast.Await) and not (
        isinstance(node, ast.Call) and ast.unparse(node.func) in {"len", "min", "max"}
    )


def compiled() -> list[Path]:
    """Below the root: every module of the rooms, but those with an obstacle.

    Nor those that inherit from one, or the other way round: compiled and interpreted classes have no children together.
    """
    found = [path for room in ROOMS for path in sorted((ROOT / "proxy" / room).rglob("*.py"))]
    sources = {path: path.read_text() for path in found if path.name != "__init__.py"}
    bases = {path: {*_bases(ast.parse(source))} & sources.keys() for path, source in sources.items()}
    interpreted = {path for path, source in sources.items() if obstacle(source) is not None}
    waiting = list(interpreted)
    while waiting:
        path = waiting.pop()
        related = (bases[path] | {child for child in bases if path in bases[child]}) - interpreted
        interpreted |= related
        waiting += related
    return [path.relative_to(ROOT) for path in sources if path not in interpreted]


def _bases(tree: ast.Module) -> Iterator[Path]:
    """Modules whose classes are inherited from."""
    named = {
        alias.asname or alias.name: _path(node.module or "")
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            yield from (
                named[base.id] for base in node.bases if isinstance(base, ast.Name) and base.id in named
            )


def _path(module: str) -> Path:
    return ROOT / (module.replace(".", "/") + ".py")


def relied_on(modules: list[Path]) -> list[Path]:
    """The modules and what they import of ours: the compiler believed its types and constants."""
    trees = [ast.parse((ROOT / module).read_text()) for module in modules]
    imports = (node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ImportFrom))
    paths = {_path(node.module or "") for node in imports}
    return sorted(
        {*modules, *(path.relative_to(ROOT) for path in paths if path.is_file() and ROOT in path.parents)}
    )


def can_compile() -> bool:
    compiler = os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc"
    header = Path(sysconfig.get_path("include"), "Python.h")
    return bool(shutil.which(compiler.split()[0])) and header.exists()
