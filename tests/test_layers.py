"""The house rule: imports point down, and the rooms of one floor do not know each other."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FLOORS: dict[str, float] = {
    "loading": -2, "compiling": -1, "wire": 0, "types": 0, "errors": 0, "credentials": 0, "config": 0,
    "access": 1, "routing": 1, "providers": 1, "upstream": 1, "accounting": 1, "simulator": 1,
    "pricing": 1, "limits": 1, "metrics": 1.5, "sinks": 1.5, "storage": 1.5,
    "edge": 2, "gateway": 2, "control": 2,
    "process": 3, "worker": 4, "command": 5, "__main__": 6, "sdk": 7,
}  # fmt: skip
LIBRARY_USES = {
    "types", "errors", "credentials", "config", "routing", "providers", "accounting", "pricing", "limits", "sinks",
}  # fmt: skip
"""Rooms that `import sluice` is made of: what a gateway alone needs (doors, wire, processes) is none of its."""
WORDS = {"types", "errors", "credentials"}
"""Every room may use these; among themselves only errors may use types."""
SIBLINGS_ALLOWED = {("edge", "gateway"): {"exchange"}}
"""The doors implement the pipeline's one interface."""


def _imports(path: Path) -> set[tuple[str, ...]]:
    found: set[tuple[str, ...]] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {tuple(alias.name.split(".")) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            base = (node.module or "").split(".")
            found |= {(*base, alias.name) for alias in node.names}
    found = {("proxy", "sdk", *name[1:]) if name[0] == "sluice" else name for name in found}
    return {name for name in found if name[0] == "proxy" and len(name) > 1 and name[1] in FLOORS}


def _room(path: Path) -> str:
    return path.relative_to(ROOT / "proxy").parts[0].removesuffix(".py")


FILES = sorted(path for path in (ROOT / "proxy").rglob("*.py") if path != ROOT / "proxy/__init__.py")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_down(path: Path) -> None:
    room = _room(path)
    assert room in FLOORS, f"{room} is not a room of the house: see ARCHITECTURE.md"
    for name in _imports(path):
        target = name[1]
        if target == room or (target in WORDS and room not in WORDS) or (room, target) == ("errors", "types"):
            continue
        allowed = SIBLINGS_ALLOWED.get((room, target))
        if allowed is not None and len(name) > 2 and name[2] in allowed:
            continue
        assert FLOORS[target] < FLOORS[room], f"{path}: {room} (L{FLOORS[room]}) imports {'.'.join(name)}"


LIBRARY = [path for path in FILES if _room(path) == "sdk"]


@pytest.mark.parametrize("path", LIBRARY, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_library_is_made_of_rooms_that_need_no_gateway(path: Path) -> None:
    used = {name[1] for name in _imports(path)} - {"sdk"}
    assert used <= LIBRARY_USES
    assert "proxy.sdk" not in path.read_text(), "its one name is `sluice`"


PURE = ("routing", "providers", "access", "pricing", "limits")


@pytest.mark.parametrize(
    "path", [p for p in FILES if _room(p) in PURE], ids=lambda p: str(p.relative_to(ROOT))
)
def test_pure_rooms_do_not_wait_or_look_at_the_clock(path: Path) -> None:
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        assert not isinstance(node, ast.Await | ast.AsyncFunctionDef), f"{path}:{node.lineno} awaits"
    modules = {alias.name for n in ast.walk(tree) if isinstance(n, ast.Import) for alias in n.names}
    modules |= {n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    assert not modules & {"time", "trio", "socket", "random", "asyncio"}, f"{path} does I/O or reads a clock"
