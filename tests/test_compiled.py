"""What is compiled, what must not be, and that only what is compiled of these very sources is run."""

from __future__ import annotations

import ast
import importlib
import inspect
import os
import subprocess
import sys
import sysconfig
import traceback
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import msgspec
import pytest

from loadtest.sim.builds import differences
from proxy import BUILD
from proxy.compiling import PARTS, compiled, hindrance, obstacle, relied_on
from proxy.loading import LIBRARY_FILE, MANIFEST, PURE_VARIABLE, UNFINISHED, Build, Sources, manifest, settled
from proxy.wire.head import read_request_line

ROOT = Path(__file__).parents[1]
RUN_S = 120
MODULES = [str(path.with_suffix("")).replace("/", ".") for path in compiled()]
HOT = """
accounting.bus
routing.layout routing.learning routing.member routing.rotation routing.router routing.state
upstream.answer upstream.client upstream.pool
wire.deadlines wire.form wire.form_memory wire.framing wire.gaps wire.head wire.head_parser wire.link wire.parking
wire.pump wire.reactor wire.response_parser wire.tls wire.unheld wire.uplink
"""
"""Of the rooms, what each request passes: each fell out of what is compiled only if somebody meant it to."""
HEADER = Path(sysconfig.get_path("include"), "Python.h")
on_compiled = pytest.mark.skipif(BUILD is not Build.COMPILED, reason="this is the pure build")


@pytest.mark.parametrize("path", compiled(), ids=str)
def test_mypyc_takes_what_stands_in_its_classes(path: Path) -> None:
    """Otherwise nothing is compiled, or, where a default is no literal, an attribute is not there."""
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if not isinstance(node, ast.ClassDef) or any("Enum" in ast.unparse(base) for base in node.bases):
            continue
        for statement in node.body:
            if isinstance(statement, ast.Assign):
                where = f"{path}:{statement.lineno}"
                assert all(isinstance(target, ast.Name) for target in statement.targets), where
                assert not isinstance(statement.value, ast.Name), where


def test_the_hot_modules_are_compiled() -> None:
    hot = {f"proxy.{name}" for name in HOT.split()}
    named = {f"proxy.{part[:-3].replace('/', '.')}" for part in PARTS if part.endswith(".py")}
    assert (hot | named) - set(MODULES) == set()


@pytest.mark.parametrize("name", MODULES)
def test_no_struct_is_compiled(name: str) -> None:
    """It would lose `frozen`, `gc` and its fields' types without a word."""
    module = importlib.import_module(name)
    classes = [each for _, each in inspect.getmembers(module, inspect.isclass) if each.__module__ == name]
    assert [each for each in classes if issubclass(each, msgspec.Struct)] == []


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("class A(msgspec.Struct, frozen=True):\n    a: int", "line 1: a Struct"),
        ("class A(Struct): ...", "a Struct"),
        ("class A(tuple[int]): ...", "a child of a built-in type"),
        ("from hypercorn import B\nclass A(B): ...", "line 2: a child of somebody else's class"),
        ("try:\n    a()\nfinally:\n    if b is not None:\n        b.close()", "line 4: a look for None"),
        ("def a(b, c):\n    return b[c(b) :]", "line 2: a call in a slice's bound"),
        ("A = slice(1)\ndef a(b):\n    return b[A]", "line 1: a slice object"),
        ("def a():\n    return next(b for b in itertools.count() if b)", "line 2: a generator without end"),
        ("async def a():\n    yield 1", "an asynchronous generator"),
        ('class A:\n    __slots__ = ("__weakref__",)', "weakly referenced"),
        ('def main(): ...\n\nif __name__ == "__main__":\n    main()', "a script"),
    ],
)
def test_what_mypyc_would_get_wrong(source: str, told: str) -> None:
    assert told in (obstacle(source) or "")


def test_what_mypyc_gets_right() -> None:
    assert obstacle("class A:\n    async def a(self) -> None: ...\n\ndef b():\n    yield 1") is None


def test_what_the_compiler_believed_is_in_the_manifest_too() -> None:
    believed = {str(path) for path in relied_on(compiled())}
    assert {
        "proxy/wire/link.py",
        "proxy/wire/walls.py",
        "proxy/types/deployment.py",
        "proxy/errors.py",
    } <= believed


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "proxy").mkdir()
    (tmp_path / "proxy/a.py").write_text("A = 1")
    (tmp_path / "proxy" / MANIFEST).write_text(manifest(tmp_path, ["proxy/a.py"]))
    (tmp_path / "proxy" / f"{LIBRARY_FILE}{EXTENSION_SUFFIXES[0]}").write_text("")
    return tmp_path


def test_what_is_compiled_of_these_sources_is_run(checkout: Path) -> None:
    assert settled(checkout, {}) is Build.COMPILED


def test_who_wants_it_plain_gets_it_plain(checkout: Path) -> None:
    assert settled(checkout, {PURE_VARIABLE: "1"}) is Build.PURE


def test_without_a_manifest_it_is_plain(checkout: Path) -> None:
    (checkout / "proxy" / MANIFEST).unlink()
    assert settled(checkout, {}) is Build.PURE


@pytest.mark.parametrize("change", ["changed", "gone", "unfinished", "another Python", "not there"])
def test_what_is_compiled_of_anything_else_is_not_run(checkout: Path, change: str) -> None:
    left = checkout / "proxy" / MANIFEST
    if change == "changed":
        (checkout / "proxy/a.py").write_text("A = 2")
    elif change == "gone":
        (checkout / "proxy/a.py").unlink()
    elif change == "not there":
        (checkout / "proxy" / f"{LIBRARY_FILE}{EXTENSION_SUFFIXES[0]}").unlink()
    elif change == "unfinished":
        left.write_text(UNFINISHED)
    else:
        left.write_text(left.read_text().replace(EXTENSION_SUFFIXES[0], ".cpython-399.so"))
    assert settled(checkout, {}) is Build.STALE


def test_sources_are_found_beside_compiled_modules(tmp_path: Path) -> None:
    """Python itself would take the compiled one."""
    (tmp_path / "a.py").write_text("")
    (tmp_path / f"a{EXTENSION_SUFFIXES[0]}").write_text("")
    spec = Sources().find_spec("proxy.a", [str(tmp_path)])
    assert spec is not None
    assert spec.origin == str(tmp_path / "a.py")
    assert Sources().find_spec("json.decoder", [str(tmp_path)]) is None


def test_what_keeps_it_from_being_compiled_is_said() -> None:
    assert hindrance({PURE_VARIABLE: "1", "CC": sys.executable}) == f"{PURE_VARIABLE} asks for it"
    assert hindrance({"CC": "no-such-compiler -m64"}) == "no C compiler (no-such-compiler)"
    assert hindrance({"CC": sys.executable}) in (None, f"no headers of Python's ({HEADER})")


@on_compiled
@pytest.mark.parametrize("name", MODULES)
def test_what_is_compiled_is_what_runs(name: str) -> None:
    found = importlib.import_module(name).__file__
    assert found is not None
    assert found.endswith(EXTENSION_SUFFIXES[0])


@on_compiled
def test_tracebacks_keep_file_and_line() -> None:
    with pytest.raises(Exception, match="request line") as raised:
        read_request_line(b"nonsense")
    frame = traceback.extract_tb(raised.value.__traceback__)[-1]
    assert frame.filename.endswith("proxy/wire/head.py")
    assert frame.line is not None
    assert "raise BadRequest" in frame.line


@on_compiled
@pytest.mark.parametrize(
    "wanted", [["--seeds", "30"], ["--seeds", "8", "--interference"]], ids=["alone", "beside"]
)
def test_a_seed_tells_the_same_story_on_both_builds(wanted: list[str]) -> None:
    """14 and 25: a connection hears of its bad head while another's request goes through its `finally`."""
    assert list(differences(wanted)) == []


def test_the_parts_are_there() -> None:
    assert [part for part in PARTS if not (ROOT / "proxy" / part).exists()] == []


@pytest.mark.parametrize(("pure", "said"), [("1", "pure Python"), ("", BUILD.value)])
def test_version_says_which_build_it_is(pure: str, said: str) -> None:
    environ = {**os.environ, PURE_VARIABLE: pure or os.environ.get(PURE_VARIABLE, "")}
    command = [sys.executable, "-m", "proxy", "--version"]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=RUN_S, check=True)
    assert done.stdout.endswith(f"({said})\n")
