"""The library as a package: its one name, what is imported when, and what it needs to be installed."""

from __future__ import annotations

import ast
import importlib
import json
import subprocess
import sys
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import proxy
import sluice

HOME = Path(sluice.__file__).parent
RUN_S = 60


def imported_by(code: str) -> set[str]:
    """Every module that a fresh interpreter has after it."""
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport json, sys; print(json.dumps(sorted(sys.modules)))"],
        capture_output=True, text=True, check=True, timeout=RUN_S,
    )  # fmt: skip
    return set(json.loads(done.stdout))


def test_importing_it_imports_nothing_else() -> None:
    added = imported_by("import sluice") - imported_by("")
    assert added == {"sluice"}


def test_it_has_the_gateways_version() -> None:
    assert sluice.__version__ == proxy.__version__


def test_an_unknown_name_is_an_attribute_error_and_known_ones_are_listed() -> None:
    with pytest.raises(AttributeError, match="completoin"):
        sluice.completoin  # type: ignore[attr-defined]  # noqa: B018
    assert set(sluice._WHERE) <= set(dir(sluice))


@pytest.mark.parametrize("name", sluice._WHERE)
def test_every_public_name_is_where_the_table_says(name: str) -> None:
    module = importlib.import_module(sluice._WHERE[name])
    assert getattr(sluice, name) is getattr(module, name)


def test_type_checkers_are_told_the_same_names_as_the_table_has() -> None:
    told = {
        alias.asname or alias.name: node.module
        for block in ast.parse((HOME / "__init__.py").read_text()).body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(("sluice", "proxy"))
        for alias in node.names
    }
    assert told == sluice._WHERE


def test_no_module_of_it_has_a_public_names_name() -> None:
    """Importing the module would put it in the name's place."""
    told = {name for name, module in sluice._WHERE.items() if module == "sluice"}
    modules = {path.stem for path in HOME.iterdir()} - {"__init__"} - told
    assert modules & ({*sluice._WHERE} | {*getattr(sluice, "__annotations__", {})}) == set()


def brought(name: str, found: set[str]) -> set[str]:
    """With what a package needs, and what that needs."""
    for line in requires(name) or []:
        requirement = Requirement(line)
        marker = requirement.marker
        wanted = marker is None or marker.evaluate({"extra": ""})
        if wanted and canonicalize_name(requirement.name) not in found:
            found.add(canonicalize_name(requirement.name))
            brought(requirement.name, found)
    return found


def test_installing_it_brings_eight_packages() -> None:
    packages = brought("sluice-gateway", set())
    assert {"httpx", "msgspec"} < packages
    assert len(packages) <= 8
    assert not {"trio", "hypercorn", "pyyaml", "brotli", "cryptography"} & packages


def test_the_command_without_the_gateways_packages_says_what_to_install() -> None:
    code = "import sys; sys.modules.update(dict.fromkeys(('trio', 'yaml')))\n"
    code += "from proxy.command.entry import run; run()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=RUN_S)
    assert done.returncode == 1
    assert "trio, yaml missing" in done.stderr
    assert "pip install 'sluice-gateway[proxy]'" in done.stderr
