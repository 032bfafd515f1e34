"""A gateway as users run it: its own process, real sockets. For tests and benches."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import msgspec

START_TIMEOUT_S = 20.0
"""A loaded CI machine takes seconds to import; a gateway that needs more is broken."""
STOP_TIMEOUT_S = 15.0
LISTENING_PORTS = range(10_000, 32_768)
"""Below those that Linux gives to connections (net.ipv4.ip_local_port_range)."""


class _Slots(msgspec.Struct):
    in_flight: int


class _Health(msgspec.Struct):
    healthy_endpoints: list[_Slots]
    unhealthy_endpoints: list[_Slots]


class GatewayProcess:
    """One running `sluice`. `url` has no `/v1`; `output` is what it printed, banner and records alike."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, key: str | None, log: Path) -> None:
        self.process = process
        self.port = port
        self.key = key
        self.url = f"http://127.0.0.1:{port}"
        self.log = log

    @property
    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def in_flight(self, key: str) -> int:
        """Slots that are taken, of all deployments."""
        answer = httpx.get(f"{self.url}/health", headers={"authorization": f"Bearer {key}"})
        health = msgspec.json.decode(answer.content, type=_Health)
        return sum(each.in_flight for each in (*health.healthy_endpoints, *health.unhealthy_endpoints))

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Its exit code."""
        self.process.send_signal(number)
        return self.process.wait(STOP_TIMEOUT_S)


@contextmanager
def running_gateway(
    folder: Path,
    *,
    config: str | None = None,
    key: str | None = "sk-test-master",
    environ: Mapping[str, str] = {},
    arguments: Sequence[str] = (),
) -> Iterator[GatewayProcess]:
    """Starts in `folder`, with `config` as its YAML; without one, with the embedded simulator."""
    port = free_port()
    command = [sys.executable, "-m", "proxy", "--port", str(port), *arguments]
    if config is not None:
        path = folder / "config.yaml"
        path.write_text(config)
        command += ["--config", str(path)]
    log = folder / f"gateway-{port}.log"
    keep = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "LITELLM_"))}
    keep |= {
        "PYTHONPATH": str(Path(__file__).parents[1]),
        **({"LITELLM_MASTER_KEY": key} if key else {}),
        **environ,
    }
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=folder, env=keep, stdout=output, stderr=subprocess.STDOUT)
    gateway = GatewayProcess(process, port, key, log)
    try:
        _wait_until_it_listens(gateway)
        yield gateway
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def free_port() -> int:
    """A port that nobody listens on, and that no outgoing connection is given in the meantime."""
    while True:
        port = random.choice(LISTENING_PORTS)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def _wait_until_it_listens(gateway: GatewayProcess) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if gateway.process.poll() is not None:
            raise RuntimeError(f"the gateway ended with {gateway.process.returncode}:\n{gateway.output}")
        if "\n  docs " in gateway.output:
            return
        time.sleep(0.02)
    raise RuntimeError(f"the gateway did not start within {START_TIMEOUT_S} s:\n{gateway.output}")
