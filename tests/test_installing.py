"""An installation compiles if it can, and is whole if it cannot."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from proxy.loading import PURE_VARIABLE

ROOT = Path(__file__).parents[1]
RUN_S = 300
HEADER = Path(sysconfig.get_path("include"), "Python.h")
SMALL = """
[project]
name = "small"
version = "1"
dependencies = []
[project.optional-dependencies]
proxy = []
[tool.setuptools]
packages = ["proxy"]
"""


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A house of one room, which is compiled."""
    (tmp_path / "proxy").mkdir()
    shutil.copy(ROOT / "setup.py", tmp_path)
    shutil.copy(ROOT / "proxy/loading.py", tmp_path / "proxy")
    (tmp_path / "pyproject.toml").write_text(SMALL)
    (tmp_path / "proxy/__init__.py").write_text("")
    (tmp_path / "proxy/a.py").write_text("def a(b: int) -> int:\n    return b + 1\n")
    whole = (ROOT / "proxy/compiling.py").read_text()
    (tmp_path / "proxy/compiling.py").write_text(f'{whole}\nPARTS = ("a.py",)\n')
    return tmp_path


def built(house: Path, **environ: str) -> tuple[str, set[str]]:
    """What was said, and the names of what was built."""
    command = [sys.executable, "-W", "ignore", "setup.py", "-q", "build", "--build-lib", "made"]
    environ = {**os.environ, PURE_VARIABLE: "", **environ}
    done = subprocess.run(
        command, cwd=house, env=environ, capture_output=True, text=True, timeout=RUN_S, check=True
    )
    return done.stderr, {path.name for path in (house / "made/proxy").iterdir()}


@pytest.mark.skipif(not HEADER.exists(), reason="no headers of Python's")
def test_a_compiler_that_fails_leaves_it_plain_and_whole(small: Path) -> None:
    said, files = built(small, CC="false")
    assert "sluice stays pure Python: compiling failed: " in said
    assert files == {"__init__.py", "a.py", "compiling.py", "loading.py"}


def test_who_wants_it_plain_is_not_kept_waiting(small: Path) -> None:
    said, files = built(small, **{PURE_VARIABLE: "1"})
    assert f"sluice stays pure Python: {PURE_VARIABLE} asks for it\n" in said
    assert files == {"__init__.py", "a.py", "compiling.py", "loading.py"}
