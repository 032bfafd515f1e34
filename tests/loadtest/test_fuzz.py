"""The fuzzers, briefly: nobody dies. And their judge: it sees a death, and says how to see it again."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loadtest.fuzz.doors import DOORS
from loadtest.fuzz.hunt import BATCH, batch, hunt, judge, stopped
from loadtest.gateway_process import GatewayProcess, running_gateway
from loadtest.hostile.attack import attack
from loadtest.hostile.cases import KEY

ROOT = Path(__file__).parents[2]
DEADLY = """
import os
from proxy.wire.head_parser import HeadParser
parse = HeadParser.parse
def deadly(self, raw):
    if b"\\xff" in raw:
        os._exit(70)
    return parse(self, raw)
HeadParser.parse = deadly
"""
FAULTY = DEADLY.replace("os._exit(70)", "raise LookupError('planted')")


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory):
    with running_gateway(tmp_path_factory.mktemp("fuzz"), key=KEY.decode()) as made:
        yield made


def planted(folder: Path, code: str):
    """A gateway with a bug in it."""
    (folder / "planted").mkdir()
    (folder / "planted/sitecustomize.py").write_text(code)
    environ = {"PYTHONPATH": f"{folder / 'planted'}{os.pathsep}{ROOT}"}
    return running_gateway(folder, key=KEY.decode(), environ=environ)


@pytest.mark.parametrize("door", DOORS)
def test_a_batch_is_its_numbers(door: str) -> None:
    assert batch(door, 7) == batch(door, 7)
    assert batch(door, 7) != batch(door, 8)
    assert len(batch(door, 7)) == BATCH


@pytest.mark.parametrize("door", DOORS)
def test_a_short_hunt_finds_nothing(gateway: GatewayProcess, door: str) -> None:
    done = hunt(gateway, (door,), first=0, batches=5)
    assert (done.connections, done.found, done.stopped) == (5 * BATCH, [], [])


@settings(max_examples=200, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(chance=st.randoms(use_true_random=False))
def test_frames_that_hypothesis_thinks_of(gateway: GatewayProcess, chance) -> None:
    attack(gateway.port, DOORS["carried"](chance), linger_s=0.01)
    assert judge(gateway) == ""


def test_no_wall_had_anything_to_stop(gateway: GatewayProcess) -> None:
    assert stopped(gateway.log) == []


@pytest.mark.parametrize("door", DOORS)
def test_the_judge_sees_a_death_and_its_batch_brings_it_back(tmp_path: Path, door: str) -> None:
    with planted(tmp_path, DEADLY) as gateway:
        done = hunt(gateway, (door,), first=0, batches=20)
    (found,) = done.found
    assert (found.door, found.what) == (door, "the worker died with 70")
    (tmp_path / "again").mkdir()
    with planted(tmp_path / "again", DEADLY) as gateway:
        assert hunt(gateway, (door,), first=found.batch, batches=1).died


def test_a_bug_that_a_wall_stops_is_a_finding_too(tmp_path: Path) -> None:
    with planted(tmp_path, FAULTY) as gateway:
        done = hunt(gateway, ("fast",), first=0, batches=20)
    assert not done.died
    assert any("LookupError: planted" in line for line in done.stopped)
