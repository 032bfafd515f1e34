"""Real SQLite files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy.storage.file import StateFile, StateLimits


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sluice.db"


@pytest.fixture
def state(path: Path) -> Iterator[StateFile]:
    found = StateFile(path, StateLimits(flush_s=0.001))
    yield found
    found.close()
