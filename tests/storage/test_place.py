"""Where the state file lies."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy.storage.place import state_path

CONFIG = Path("/etc/sluice/config.yaml")


@pytest.mark.parametrize(
    ("wanted", "config", "environ", "place"),
    [
        (None, CONFIG, {}, "/etc/sluice/sluice.db"),
        (None, CONFIG, {"STATE_DIRECTORY": "/var/lib/sluice"}, "/var/lib/sluice/sluice.db"),
        (None, CONFIG, {"STATE_DIRECTORY": "/var/lib/a:/var/lib/b"}, "/var/lib/a/sluice.db"),
        (None, CONFIG, {"STATE_DIRECTORY": ""}, "/etc/sluice/sluice.db"),
        (None, None, {}, str(Path.cwd() / "sluice.db")),
        ("/data/x.db", CONFIG, {"STATE_DIRECTORY": "/var/lib/sluice"}, "/data/x.db"),
        ("data/x.db", CONFIG, {}, "/etc/sluice/data/x.db"),
        ("~/x.db", CONFIG, {}, str(Path.home() / "x.db")),
    ],
)
def test_where(wanted: str | None, config: Path | None, environ: dict[str, str], place: str) -> None:
    assert state_path(wanted, config, environ) == Path(place)


def test_off() -> None:
    assert state_path("off", CONFIG, {"STATE_DIRECTORY": "/var/lib/sluice"}) is None
