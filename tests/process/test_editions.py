"""A good configuration becomes the next edition, a bad one changes nothing."""

from __future__ import annotations

import contextlib
import os

import msgspec
import pytest

from proxy.config.errors import ConfigError
from proxy.config.load import Loaded
from proxy.config.schema import Config
from proxy.config.settings import LitellmSettings, RouterSettings
from proxy.config.sluice import SluiceSettings
from proxy.process.edition import Edition, News
from proxy.process.editions import FIXED, Editions, with_fixed

FIRST = Edition(1, Config(), {"A": "1"})


def test_each_reload_is_an_edition(capsys: pytest.CaptureFixture[str]) -> None:
    config = Config(router_settings=RouterSettings(num_retries=7))
    editions = Editions(FIRST, lambda: Loaded(config, {"A": "2"}))
    second = editions.latest().edition
    assert second == Edition(2, config, {"A": "2"})
    assert editions.newest is second
    third = editions.latest().edition
    assert third is not None
    assert third.number == 3
    assert "sluice: reloaded" in capsys.readouterr().err


def test_a_bad_one_is_told_and_changes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    def read() -> Loaded:
        raise ConfigError("config.yaml:3: what is wrong")

    editions = Editions(FIRST, read)
    assert editions.latest() == News()
    assert editions.newest is FIRST
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("config.yaml:3: what is wrong\n")
    assert "stays in force" in said.err


def test_what_only_a_restart_changes_is_named_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    config = Config(
        litellm_settings=LitellmSettings(json_logs=True, request_timeout=5),
        sluice_settings=SluiceSettings(max_connections=7, access_log="off", stream_gap_timeout_s=9),
    )
    edition = Editions(FIRST, lambda: Loaded(config, {})).latest().edition
    assert edition is not None
    assert edition.config == Config(
        litellm_settings=LitellmSettings(request_timeout=5),
        sluice_settings=SluiceSettings(stream_gap_timeout_s=9),
    )
    (warning,) = (line for line in capsys.readouterr().err.splitlines() if line.startswith("warning: "))
    assert warning.partition("only: ")[2] == (
        "litellm_settings.json_logs, sluice_settings.access_log, sluice_settings.max_connections"
    )


def test_nothing_is_named_where_nothing_differs() -> None:
    config = Config(router_settings=RouterSettings(num_retries=7))
    assert with_fixed(Config(), config) == (config, [])


def test_every_fixed_setting_exists() -> None:
    for section, names in FIXED.items():
        fields = {field.name for field in msgspec.structs.fields(type(getattr(Config(), section)))}
        assert set(names) <= fields


def test_a_closed_standard_error_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w", buffering=1) as broken:
        monkeypatch.setattr("sys.stderr", broken)
        edition = Editions(FIRST, lambda: Loaded(Config(), {})).latest().edition
        assert edition is not None
        with contextlib.suppress(BrokenPipeError):
            broken.close()
