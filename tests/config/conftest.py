from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from textwrap import dedent

import pytest

from proxy.config.errors import ConfigError
from proxy.config.load import Loaded, load

Read = Callable[..., Loaded]
Refuse = Callable[..., list[str]]


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], Path]:
    def _write(text: str, name: str = "config.yaml") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text))
        return path

    return _write


@pytest.fixture
def read(write: Callable[[str], Path]) -> Read:
    """The configuration that a text makes."""

    def _read(text: str, environ: Mapping[str, str] | None = None) -> Loaded:
        return load(write(text), environ or {})

    return _read


@pytest.fixture
def refuse(write: Callable[[str], Path]) -> Refuse:
    """The lines of the error that a text makes, without the directory."""

    def _refuse(text: str, environ: Mapping[str, str] | None = None) -> list[str]:
        path = write(text)
        with pytest.raises(ConfigError) as caught:
            load(path, environ or {})
        return str(caught.value).replace(f"{path.parent}/", "").splitlines()

    return _refuse
