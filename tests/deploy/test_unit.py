"""The systemd unit, held to the program it starts: its options, its times, its notifications."""

from __future__ import annotations

import configparser
import http.client
import os
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from loadtest.gateway_process import free_port
from proxy.command.cli import EX_CONFIG, parser
from proxy.config.load import load
from proxy.config.sluice import SluiceSettings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
TIMEOUT_S = 20.0
WATCHDOG_USEC = 300_000
"""What systemd tells of WatchdogSec, only shorter."""
ENVIRON = {
    "LITELLM_MASTER_KEY": "sk-of-the-unit-under-test",
    "OPENAI_API_KEY_1": "sk-1",
    "OPENAI_API_KEY_2": "sk-2",
}


class _Unit(configparser.RawConfigParser):
    """systemd's own format, as far as this unit uses it."""

    def optionxform(self, optionstr: str) -> str:
        return optionstr


@pytest.fixture(scope="module")
def service() -> configparser.SectionProxy:
    unit = _Unit(strict=False, interpolation=None)
    unit.read(DEPLOY / "sluice.service")
    return unit["Service"]


def _arguments(service: configparser.SectionProxy) -> list[str]:
    return shlex.split(service["ExecStart"])[1:]


def test_every_option_of_exec_start_exists(service: configparser.SectionProxy) -> None:
    options = parser({}).parse_args(_arguments(service))
    assert options.config == Path("/etc/sluice/config.yaml")
    assert options.num_workers == 1


def test_it_starts_the_command_of_the_package(service: configparser.SectionProxy) -> None:
    assert Path(shlex.split(service["ExecStart"])[0]).name == "sluice"


def test_systemd_waits_longer_than_the_drain(service: configparser.SectionProxy) -> None:
    assert float(service["TimeoutStopSec"]) > SluiceSettings().drain_timeout_s
    assert service["KillMode"] == "mixed"


def test_signs_of_life_come_from_the_process_that_systemd_started(service: configparser.SectionProxy) -> None:
    assert service["NotifyAccess"] == "main"
    assert int(service["WatchdogSec"]) > 0


def test_a_reload_is_told_to_the_first_process_alone(service: configparser.SectionProxy) -> None:
    program, *arguments = shlex.split(service["ExecReload"])
    assert (Path(program).name, arguments) == ("kill", ["-HUP", "$MAINPID"])


def test_a_bad_configuration_is_not_started_again(service: configparser.SectionProxy) -> None:
    assert int(service["RestartPreventExitStatus"]) == EX_CONFIG


def test_there_are_files_for_every_connection(service: configparser.SectionProxy) -> None:
    assert int(service["LimitNOFILE"]) > 2 * SluiceSettings().max_connections


def test_the_configuration_beside_it_is_valid() -> None:
    loaded = load(DEPLOY / "config.yaml", ENVIRON)
    assert loaded.warnings == ()
    assert len(loaded.config.model_list) == 2


def test_the_environment_file_names_what_the_configuration_asks_for() -> None:
    lines = (DEPLOY / "sluice.env.example").read_text().splitlines()
    names = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    assert ENVIRON.keys() <= names.keys()
    options = parser(names).parse_args([])
    assert (options.host, options.port, options.num_workers) == ("0.0.0.0", 4000, 2)


@contextmanager
def _started(
    service: configparser.SectionProxy, config: Path, port: int, notify: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """The unit's command line, with this checkout's program and this test's configuration."""
    arguments = [
        str(config) if argument.startswith("/etc/") else argument for argument in _arguments(service)
    ]
    environ = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "NOTIFY_SOCKET": str(notify),
        "WATCHDOG_USEC": str(WATCHDOG_USEC),
        **ENVIRON,
    }
    command = [sys.executable, "-m", "proxy", *arguments]
    process = subprocess.Popen(
        command, cwd=config.parent, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def _until(listening: socket.socket, state: str) -> None:
    """Reads notifications until the one that is waited for; TimeoutError when it does not come."""
    while state not in listening.recv(4096).decode().splitlines():
        pass


def test_ready_alive_and_stopping_are_told(service: configparser.SectionProxy, tmp_path: Path) -> None:
    port = free_port()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(TIMEOUT_S)
        with _started(service, DEPLOY / "config.yaml", port, tmp_path / "notify") as process:
            _until(listening, "READY=1")
            _until(listening, "WATCHDOG=1")
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
            connection.request("GET", "/health/readiness")
            assert connection.getresponse().status == 200
            connection.close()
            process.send_signal(signal.SIGTERM)
            _until(listening, "STOPPING=1")
            output, _ = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 0, output.decode()


def test_a_wrong_configuration_ends_with_the_code_that_is_not_restarted(
    service: configparser.SectionProxy, tmp_path: Path
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("model_list:\n  - {model_name: a, litellm_params: {modl: openai/a}}\n")
    with _started(service, config, free_port(), tmp_path / "nobody") as process:
        output, _ = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == int(service["RestartPreventExitStatus"])
    assert b"did you mean `model`?" in output
