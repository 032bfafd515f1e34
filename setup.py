"""Compiles the hot modules with mypyc where `SLUICE_COMPILE=1` asks for it; else the same files run as they are.

pyproject.toml says everything else.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
sys.path.insert(0, str(ROOT))

from proxy.compiling import compiled, relied_on  # noqa: E402
from proxy.loading import LIBRARY, MANIFEST, UNFINISHED, Build, manifest, settled  # noqa: E402

MYPY = "mypy==2.4.1"
"""mypyc comes with it. Pinned: what it makes of the same source differs by version."""
COMPILE_VARIABLE = "SLUICE_COMPILE"


def extensions(modules: list[Path]) -> list[Extension]:
    from mypyc.build import mypycify  # noqa: PLC0415 - only who compiles has it

    return mypycify(  # type: ignore[no-any-return]
        [f"--config-file={ROOT / 'pyproject.toml'}", *map(str, modules)],
        group_name=LIBRARY,
        opt_level=os.environ.get("SLUICE_OPTIMISATION", "3"),
        debug_level="1",
    )


class BuildExtensions(build_ext):
    """Leaves a manifest of what was compiled beside the package, if all of it was; else nothing of it."""

    def run(self) -> None:
        if self.inplace and settled(ROOT, {}) is Build.COMPILED:
            return
        place = (ROOT if self.inplace else Path(self.build_lib)) / "proxy" / MANIFEST
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(UNFINISHED)
        modules = compiled()
        made_of = manifest(ROOT, map(str, relied_on(modules)))  # before they can change
        try:
            self._take_on(extensions(modules))
            super().run()
        except BaseException:
            self._leave_nothing()
            place.unlink()
            raise
        place.write_text(made_of)

    def _take_on(self, made: list[Extension]) -> None:
        """In place of the one that only told that there would be some: mypyc is asked when all else is decided."""
        decided = {
            name: getattr(self, name) for name in ("build_lib", "build_temp", "editable_mode", "inplace")
        }
        self.distribution.ext_modules = made
        self.initialize_options()
        vars(self).update(decided)
        self.finalize_options()
        self.parallel = os.cpu_count()

    def _leave_nothing(self) -> None:
        for each in self.extensions:
            Path(self.get_ext_fullpath(each.name)).unlink(missing_ok=True)
        self.extensions = []

    def get_outputs(self) -> list[str]:
        place = Path(self.build_lib) / "proxy" / MANIFEST
        return [*super().get_outputs(), str(place)] if place.exists() else []


class BuildModules(build_py):
    """The manifest of an earlier build in place is none of this one's."""

    def find_data_files(self, package: str, src_dir: str) -> list[str]:
        found: list[str] = super().find_data_files(package, src_dir)
        return [name for name in found if Path(name).name != MANIFEST]


if __name__ == "__main__":
    wanted = bool(os.environ.get(COMPILE_VARIABLE))
    there = importlib.util.find_spec("mypyc") is not None
    setup(
        setup_requires=[MYPY] if wanted and not there else [],
        ext_modules=[Extension(f"{LIBRARY}__mypyc", [])] if wanted else [],
        cmdclass={"build_ext": BuildExtensions, "build_py": BuildModules},
    )
