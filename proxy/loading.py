"""Which build of itself the program runs: its compiled modules where they are of these sources, else the sources.

setup.py compiles the rooms that every request passes, and leaves a manifest of the sources it went by. Where one
of them has changed since, none of the compiled modules is loaded: half of them would be of another program.
"""

from __future__ import annotations

import enum
import hashlib
import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib.machinery import EXTENSION_SUFFIXES, SOURCE_SUFFIXES, FileFinder, ModuleSpec, SourceFileLoader
from pathlib import Path
from types import ModuleType

MANIFEST = "compiled.json"
"""Beside this file."""
LIBRARY = "proxy.compiled"
"""Where all of it is; each module has a small one of its own that leads there."""
LIBRARY_FILE = "compiled__mypyc"
"""Beside this file, but for how Python's extension modules end."""
UNFINISHED = '{"a build that was not finished": ""}'
"""Fits nothing."""
PURE_VARIABLE = "SLUICE_PURE"
"""Not empty: the sources are run, whatever is there."""
ROOT = Path(__file__).parents[1]
_PYTHON = "python"


class Build(enum.Enum):
    COMPILED = "compiled"
    PURE = "pure Python"
    STALE = "pure Python: what is compiled is of other sources"


def settle(root: Path = ROOT, environ: Mapping[str, str] = os.environ) -> Build:
    """Before any other module of the package is imported: from then on modules come from the build it returns."""
    build = settled(root, environ)
    if build is not Build.COMPILED:
        sys.meta_path.insert(0, Sources())
    return build


def settled(root: Path, environ: Mapping[str, str]) -> Build:
    if environ.get(PURE_VARIABLE):
        return Build.PURE
    try:
        sources = json.loads((root / "proxy" / MANIFEST).read_text())
    except FileNotFoundError:
        return Build.PURE
    here = (root / "proxy" / (LIBRARY_FILE + EXTENSION_SUFFIXES[0])).exists()
    fits = (
        here
        and sources.pop(_PYTHON, None) == EXTENSION_SUFFIXES[0]
        and all(_digest(root / source) == digest for source, digest in sources.items())
    )
    return Build.COMPILED if fits else Build.STALE


def manifest(root: Path, sources: Iterable[str]) -> str:
    """SHA-256 of each by its path below `root`, and the Python that it was compiled for."""
    return json.dumps(
        {_PYTHON: EXTENSION_SUFFIXES[0], **{each: _digest(root / each) for each in sources}}, indent=1
    )


class Sources:
    """Finds the package's modules by their sources alone."""

    def __init__(self) -> None:
        self._finders: dict[str, FileFinder] = {}

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not name.startswith("proxy.") or path is None:
            return None
        specs = (self._finder(folder).find_spec(name) for folder in path)
        return next((spec for spec in specs if spec is not None), None)

    def _finder(self, folder: str) -> FileFinder:
        if folder not in self._finders:
            self._finders[folder] = FileFinder(folder, (SourceFileLoader, SOURCE_SUFFIXES))
        return self._finders[folder]


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        return "gone"
