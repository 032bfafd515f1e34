"""Several workers: one port, one log, one drain; who dies is replaced, and nobody outlives the parent."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from loadtest.gateway_process import GatewayProcess, running_gateway

WAIT_S = 10.0
CONFIG = """
model_list:
  - {model_name: gpt-4o, litellm_params: {model: openai/gpt-4o, api_key: sk-1, mock_response: Hello.}}
sluice_settings: {drain_timeout_s: 5}
"""
STREAM = json.dumps({
    "model": "gpt-4o",
    "stream": True,
    "messages": [{"role": "user", "content": "word " * 400}],
}).encode()  # fmt: skip


def children(pid: int) -> set[int]:
    return set(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


def until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not true():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.01)


def gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


def answers(gateway: GatewayProcess) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=WAIT_S)
    connection.request("GET", "/health/liveliness")
    status = connection.getresponse().status
    connection.close()
    return status == 200


def ask(gateway: GatewayProcess, connection: http.client.HTTPConnection) -> int:
    headers = {"authorization": f"Bearer {gateway.key}"}
    body = json.dumps({"model": "gpt-4o", "messages": []})
    connection.request("POST", "/v1/chat/completions", body, headers)
    answer = connection.getresponse()
    answer.read()
    return answer.status


def streaming(gateway: GatewayProcess) -> socket.socket:
    """A connection in the middle of the simulator's stream of some 400 events."""
    sock = socket.create_connection(("127.0.0.1", gateway.port), timeout=WAIT_S)
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {gateway.key}\r\n"
    sock.sendall(head.encode() + b"Content-Length: %d\r\n\r\n" % len(STREAM) + STREAM)
    assert sock.recv(64).startswith(b"HTTP/1.1 200")
    return sock


def rest(sock: socket.socket) -> bytes:
    data = b""
    try:
        while piece := sock.recv(65536):
            data += piece
    except ConnectionResetError:
        pass
    return data


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    folder = tmp_path_factory.mktemp("pair")
    with running_gateway(folder, config=CONFIG, arguments=["--num_workers", "2"]) as gateway:
        yield gateway


def test_the_parent_serves_nothing_and_two_children_do(pair: GatewayProcess) -> None:
    assert len(children(pair.process.pid)) == 2
    assert answers(pair)


def test_the_records_of_all_workers_are_whole_lines(pair: GatewayProcess) -> None:
    asked = 60
    for _ in range(asked):
        connection = http.client.HTTPConnection("127.0.0.1", pair.port, timeout=WAIT_S)
        assert ask(pair, connection) == 200
        connection.close()

    def records() -> list[dict[str, object]]:
        lines = [line for line in pair.output.splitlines() if line.startswith("{")]
        return [record for record in map(json.loads, lines) if record["route"] == "/chat/completions"]

    until(lambda: len(records()) == asked)
    assert {record["outcome"] for record in records()} == {"ok"}


def test_a_worker_that_dies_is_replaced(pair: GatewayProcess) -> None:
    before = children(pair.process.pid)
    victim = min(before)
    os.kill(victim, signal.SIGKILL)
    until(lambda: len(children(pair.process.pid) - {victim}) == 2)
    assert children(pair.process.pid) - before
    assert answers(pair)
    assert f"worker {victim} was killed by signal 9; another takes its place" in pair.output


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_stop_lets_streams_finish(tmp_path: Path, workers: str, number: signal.Signals, code: int) -> None:
    with (
        running_gateway(tmp_path, arguments=["--num_workers", workers]) as gateway,
        streaming(gateway) as sock,
    ):
        everybody = children(gateway.process.pid)
        gateway.process.send_signal(number)
        until(lambda: refuses(gateway.port))
        assert gateway.process.poll() is None
        assert rest(sock).endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")
        assert gateway.process.wait(WAIT_S) == code
        assert all(map(gone, everybody))
    assert "Traceback" not in gateway.output


def refuses(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=WAIT_S).close()
    except ConnectionRefusedError:
        return True
    return False


@pytest.mark.parametrize("signals", [(signal.SIGTERM, signal.SIGTERM), (signal.SIGQUIT,)])
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_second_signal_or_sigquit_stops_at_once(
    tmp_path: Path, workers: str, signals: tuple[signal.Signals, ...]
) -> None:
    with (
        running_gateway(tmp_path, arguments=["--num_workers", workers]) as gateway,
        streaming(gateway) as sock,
    ):
        gateway.process.send_signal(signals[0])
        until(lambda: refuses(gateway.port))
        if len(signals) == 2:
            gateway.process.send_signal(signals[1])
        assert gateway.process.wait(WAIT_S) == 0
        told = rest(sock)
    assert b"[DONE]" not in told
    assert b'"code":"gateway_stopping"' in told.split(b"data: ")[-1]
    (record,) = (json.loads(line) for line in gateway.output.splitlines() if line.startswith("{"))
    assert (record["outcome"], record["error"]) == ("truncated", "gateway_stopping")
    assert "Traceback" not in gateway.output


def test_a_stream_is_cut_truthfully_at_the_drains_end(tmp_path: Path) -> None:
    config = "sluice_settings: {drain_timeout_s: 0.2}\n"
    with running_gateway(tmp_path, config=config) as gateway, streaming(gateway) as sock:
        assert gateway.stop() == 0
        told = rest(sock)
    assert b"[DONE]" not in told
    assert not told.endswith(b"0\r\n\r\n")
    assert b'"code":"gateway_stopping"' in told.split(b"data: ")[-1]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_nobody_outlives_a_killed_parent(tmp_path: Path, workers: str) -> None:
    with running_gateway(tmp_path, arguments=["--num_workers", workers]) as gateway:
        everybody = children(gateway.process.pid)
        assert len(everybody) == (1 if workers == "1" else 3)
        gateway.process.kill()
        gateway.process.wait(WAIT_S)
        until(lambda: all(map(gone, everybody)))
        assert refuses(gateway.port)


def test_workers_that_cannot_start_are_given_up(tmp_path: Path) -> None:
    """The port is there and the configuration good; the workers' own start fails, each time."""
    broken = tmp_path / "proxy_broken"
    broken.mkdir()
    (broken / "sitecustomize.py").write_text(
        "import proxy.worker.work as worker\n"
        "def _fail(*arguments): raise RuntimeError('no luck')\n"
        "worker.Gateway = _fail\n"
    )
    root = Path(__file__).parents[2]
    environ = {"PYTHONPATH": f"{broken}{os.pathsep}{root}"}
    with (
        pytest.raises(RuntimeError, match="giving up"),
        running_gateway(tmp_path, config=CONFIG, environ=environ, arguments=["--num_workers", "5"]),
    ):
        pass


def hear_out(heard: socket.socket) -> None:
    """Up to ten messages; TimeoutError when they stop coming."""
    for _ in range(10):
        heard.recv(100)


def test_systemd_hears_when_all_accept_that_they_live_and_when_they_stop(tmp_path: Path) -> None:
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(address)
        heard.settimeout(WAIT_S)
        environ = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "300000"}
        arguments = ["--num_workers", "2"]
        with running_gateway(tmp_path, config=CONFIG, environ=environ, arguments=arguments) as gateway:
            states = [heard.recv(100)]
            while states.count(b"WATCHDOG=1") < 3 or b"READY=1" not in states:
                states.append(heard.recv(100))
            assert states.count(b"READY=1") == 1
            # One that hangs is not hidden by the one that lives.
            os.kill(min(children(gateway.process.pid)), signal.SIGSTOP)
            heard.settimeout(1)
            with pytest.raises(TimeoutError):
                hear_out(heard)
            for pid in children(gateway.process.pid):
                os.kill(pid, signal.SIGCONT)
            heard.settimeout(WAIT_S)
            assert gateway.stop() == 0
            while (state := heard.recv(100)) != b"STOPPING=1":
                assert state == b"WATCHDOG=1"


POISON = """
import os
from proxy.edge.http1 import ClientConnection
read = ClientConnection._read_head
async def _read_head(self):
    raw = await read(self)
    if raw is not None and raw.startswith(b"DIE"):
        os._exit(70)
    return raw
ClientConnection._read_head = _read_head
"""


REPLACED = "ended with code 70; another takes its place"


def test_workers_that_served_are_replaced_however_often_they_die(tmp_path: Path) -> None:
    """Seven deaths in little more than the seven starts take: giving up would end what was meant to be ended."""
    sick = tmp_path / "sick"
    sick.mkdir()
    (sick / "sitecustomize.py").write_text(POISON)
    environ = {"PYTHONPATH": f"{sick}{os.pathsep}{Path(__file__).parents[2]}"}
    with running_gateway(
        tmp_path, config=CONFIG, environ=environ, arguments=["--num_workers", "2"]
    ) as gateway:
        for _ in range(7):
            with socket.create_connection(("127.0.0.1", gateway.port), timeout=WAIT_S) as sock:
                sock.sendall(b"DIE / HTTP/1.1\r\n\r\n")
                assert rest(sock) == b""
        assert answers(gateway)
        assert gateway.process.poll() is None
        deadline = time.monotonic() + WAIT_S
        while gateway.output.count(REPLACED) < 7 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert gateway.output.count(REPLACED) == 7
