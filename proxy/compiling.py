"""Which modules are compiled, for setup.py: those that every request passes, as far as mypyc understands them."""

from __future__ import annotations

import ast
import shutil
import sysconfig
from collections.abc import Iterator, Mapping
from pathlib import Path

from proxy.loading import PURE_VARIABLE, ROOT

PARTS = (
    "access/keys.py",
    "accounting",
    "edge/body.py", "edge/exchange.py", "edge/http1.py",
    "gateway/accounts/accounts.py", "gateway/accounts/lines.py",
    "gateway/pipeline.py",
    "gateway/reading/budget.py", "gateway/reading/intake.py", "gateway/reading/peek.py",
    "gateway/reading/reception.py",
    "gateway/telling/alike.py", "gateway/telling/answering.py", "gateway/telling/ends.py",
    "gateway/trying/attempts.py", "gateway/trying/choosing.py", "gateway/trying/costing.py",
    "gateway/trying/delivering.py",
    "gateway/trying/judging.py", "gateway/trying/outbound.py", "gateway/trying/own_lines.py",
    "gateway/trying/retry_budget.py", "gateway/trying/selection.py", "gateway/trying/sending.py",
    "gateway/trying/slots.py",
    "metrics/records.py",
    "pricing/cost.py",
    "providers/objects.py", "providers/sse.py", "providers/usage_asked.py",
    "routing",
    "storage/names.py", "storage/rollups.py", "storage/spend.py",
    "upstream", "wire",
)  # fmt: skip
"""Rooms, of which what can be is compiled, and modules that every request passes: all of these are. Others would make
the build longer, and nobody's wait shorter."""

BUILT_IN = {"bytearray", "bytes", "dict", "float", "frozenset", "int", "list", "set", "str", "tuple"}


def obstacle(source: str) -> str | None:
    """What of it mypyc cannot compile, or would silently take to mean something else than Python does."""
    tree = ast.parse(source)
    strangers = _strangers(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            bases = {ast.unparse(base).partition("[")[0] for base in node.bases}
            if any("Struct" in base for base in bases) or node.keywords:
                return (
                    f"line {node.lineno}: a Struct, whose keywords (frozen, gc) and field types would be lost"
                )
            if bases & BUILT_IN:
                return f"line {node.lineno}: a child of a built-in type"
            if bases & strangers:
                return f"line {node.lineno}: a child of somebody else's class, which is not compiled"
        if isinstance(node, ast.AsyncFunctionDef) and any(isinstance(n, ast.Yield) for n in ast.walk(node)):
            return f"line {node.lineno}: an asynchronous generator"
        if isinstance(node, ast.Try) and any(map(_is_narrow, _below(node.finalbody))):
            return f"line {node.finalbody[0].lineno}: a look for None in a `finally`, taken to be as in a good end"
        if isinstance(node, ast.Slice) and any(map(_may_act, ast.walk(node))):
            return f"line {node.lineno}: a call in a slice's bound, which would be made twice"
        if isinstance(node, ast.Name) and node.id == "slice":
            return f"line {node.lineno}: a slice object, which no compiled subscript of bytes takes"
        if isinstance(node, ast.GeneratorExp) and any(map(_is_endless, node.generators)):
            return f"line {node.lineno}: a generator without end, which would be made a list first"
    if 'if __name__ == "__main__":' in source:
        return "a script, which is run and not imported"
    return "a class that is weakly referenced" if "__weakref__" in source else None


OURS = ("proxy", "typing", "enum", "collections.abc", "abc")
"""Whose names may be inherited from, or are no classes to the compiler."""


def _strangers(tree: ast.AST) -> set[str]:
    """Names that were imported from elsewhere."""
    return {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and not (node.module or "").startswith(OURS)
        for alias in node.names
    }


def _below(body: list[ast.stmt]) -> Iterator[ast.AST]:
    return (node for statement in body for node in ast.walk(statement))


def _is_narrow(node: ast.AST) -> bool:
    return isinstance(node, ast.Compare) and any(isinstance(each, ast.Is | ast.IsNot) for each in node.ops)


ENDLESS = {"count", "cycle", "repeat", "iter"}


def _is_endless(loop: ast.comprehension) -> bool:
    return isinstance(loop.iter, ast.Call) and ast.unparse(loop.iter.func).rpartition(".")[2] in ENDLESS


def _may_act(node: ast.AST) -> bool:
    return isinstance(node, ast.Call | ast.Await) and not (
        isinstance(node, ast.Call) and ast.unparse(node.func) in {"len", "min", "max"}
    )


def compiled() -> list[Path]:
    """Below the root: every module of the rooms, but those with an obstacle.

    Nor those that inherit from one, or the other way round: compiled and interpreted classes have no children together.
    """
    found = [path for part in PARTS for path in modules_of(ROOT / "proxy" / part)]
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


def modules_of(part: Path) -> list[Path]:
    return [part] if part.suffix else sorted(part.rglob("*.py"))


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
    paths = {path for node in imports for path in _sources(_path(node.module or ""))}
    return sorted(
        {*modules, *(path.relative_to(ROOT) for path in paths if path.is_file() and ROOT in path.parents)}
    )


def _sources(path: Path) -> list[Path]:
    """A module's own; a room of words hands on what stands in its modules."""
    room = path.with_suffix("")
    return sorted(room.glob("*.py")) if room.is_dir() else [path]


def hindrance(environ: Mapping[str, str]) -> str | None:
    """Why nothing can be compiled here, or shall be."""
    if environ.get(PURE_VARIABLE):
        return f"{PURE_VARIABLE} asks for it"
    compiler = environ.get("CC") or sysconfig.get_config_var("CC") or "cc"
    if shutil.which(compiler.split()[0]) is None:
        return f"no C compiler ({compiler.split()[0]})"
    header = Path(sysconfig.get_path("include"), "Python.h")
    return None if header.exists() else f"no headers of Python's ({header})"
