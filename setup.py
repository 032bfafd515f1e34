"""Compiles the hot modules with mypyc where that can be done and nobody objects; else the same files run as they are.

`SLUICE_PURE=1` objects. What is in the way never fails an installation: it says so in a line, and leaves it plain.
pyproject.toml says everything else.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import sysconfig
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
sys.path.insert(0, str(ROOT))

from proxy.compiling import compiled, hindrance, relied_on  # noqa: E402
from proxy.loading import LIBRARY, MANIFEST, UNFINISHED, Build, manifest, settled  # noqa: E402

MYPY = "mypy==2.4.1"
"""mypyc comes with it. Pinned: what it makes of the same source differs by version."""
TARGET = "build/c"
SLICE = "Py_ssize_t slice_len = endn - startn;", "Py_ssize_t slice_len = endn > startn ? endn - startn : 0;"
"""Of bytes, in mypyc's runtime: one that ends before it begins is empty in Python, and there an error."""
OPTIMISATION_VARIABLE = "SLUICE_OPTIMISATION"
OPTIMISATION = "2"
"""gcc's -O. A third costs as much time again and saves nothing that can be counted."""


def extensions(modules: list[Path]) -> list[Extension]:
    """A C file for each module, so that all cores compile; one library, in which they call each other directly."""
    from mypyc.build import mypycify  # noqa: PLC0415 - only who compiles has it

    made: list[Extension] = mypycify(
        [f"--config-file={ROOT / 'pyproject.toml'}", *map(str, modules)],
        group_name=LIBRARY,
        opt_level=_optimisation(),
        debug_level="0",
        multi_file=True,
        target_dir=TARGET,
    )
    mend_slices(Path(TARGET, "bytes_ops.c"))
    for each in made:
        each.extra_compile_args = [*each.extra_compile_args, "-fvisibility=hidden"]
        # A header is looked for by the last part of the group's name, and lies in the folder of the first.
        each.include_dirs = [*each.include_dirs, str(Path(TARGET, *LIBRARY.split(".")[:-1]))]
    return made


def mend_slices(runtime: Path) -> None:
    """In our copy of it. Raises ValueError where another mypyc has other words for it: it may be right there."""
    text, (wrong, right) = runtime.read_text(), SLICE
    if wrong not in text:
        raise ValueError(f"{MYPY}'s {runtime.name} is not the one that is known")
    runtime.write_text(text.replace(wrong, right))


def _optimisation() -> str:
    return os.environ.get(OPTIMISATION_VARIABLE, OPTIMISATION)


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
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a compiler may fail as it likes
            self._leave_nothing(place)
            say_plain(f"compiling failed: {type(error).__name__}: {error}")
        except BaseException:
            self._leave_nothing(place)
            raise
        else:
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

    def build_extension(self, extension: Extension) -> None:
        """The library's many files beside each other: setuptools would have one core do it."""
        if len(extension.sources) > 1:
            with ThreadPoolExecutor(os.cpu_count()) as threads:
                made = list(threads.map(lambda source: self._object(extension, source), extension.sources))
            extension.extra_objects += made
            extension.depends += made  # else a library that is there counts as made of nothing, and stays
            extension.sources = []
        super().build_extension(extension)

    def _object(self, extension: Extension, source: str) -> str:
        """What was made of the same C before is taken again: an edit is compiled in seconds."""
        place = f"{TARGET}-{sysconfig.get_platform()}-{sys.version_info[1]}-{_optimisation()}"
        there = Path(*self.compiler.object_filenames([source], output_dir=place))
        made_of = [Path(source), *Path(TARGET).rglob("*.h")]
        if there.exists() and all(path.stat().st_mtime < there.stat().st_mtime for path in made_of):
            return str(there)
        self.compiler.compile(
            [source],
            output_dir=place,
            include_dirs=extension.include_dirs,
            extra_postargs=extension.extra_compile_args,
        )
        return str(there)

    def _leave_nothing(self, place: Path) -> None:
        for each in self.extensions:
            Path(self.get_ext_fullpath(each.name)).unlink(missing_ok=True)
        self.extensions = []
        place.unlink()

    def get_outputs(self) -> list[str]:
        place = Path(self.build_lib) / "proxy" / MANIFEST
        return [*super().get_outputs(), str(place)] if place.exists() else []


class BuildModules(build_py):
    """The manifest of an earlier build in place is none of this one's."""

    def find_data_files(self, package: str, src_dir: str) -> list[str]:
        found: list[str] = super().find_data_files(package, src_dir)
        return [name for name in found if Path(name).name != MANIFEST]

    def run(self) -> None:
        super().run()
        if REASON is not None:
            say_plain(REASON)


def say_plain(reason: str) -> None:
    print(f"sluice stays pure Python: {' '.join(reason.split())}", file=sys.stderr)


def needed() -> list[str]:
    """To compile: whose types the compiler does not see it takes for unknown, and asks again each time."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return [MYPY, *project["dependencies"], *project["optional-dependencies"]["proxy"]]


HINDRANCE = hindrance(os.environ)
THERE = importlib.util.find_spec("mypyc") is not None
REASON = HINDRANCE or (None if THERE else f"{MYPY} is not installed")

if __name__ == "__main__":
    setup(
        setup_requires=needed() if HINDRANCE is None and not THERE else [],
        ext_modules=[] if REASON else [Extension(f"{LIBRARY}__mypyc", [])],
        cmdclass={"build_ext": BuildExtensions, "build_py": BuildModules},
    )
