"""SIGHUP to a gateway of one worker and of two: nothing breaks, the new serves, the wrong changes nothing."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from loadtest.answers import SSE_TYPE, Answer, Framing
from loadtest.gateway_process import GatewayProcess, running_gateway
from tests.e2e.conftest import GATEWAY_KEY, TIMEOUT_S, RawClient, Upstream

EVENT = b'data: {"choices":[{"index":0,"delta":{"content":"x"}}]}\n\n'
DONE = b"data: [DONE]\n\n"
STREAM = b'{"model":"old","stream":true,"messages":[]}'
OTHER_KEY = "sk-gateway-master-of-tomorrow"


def entry(name: str, upstream: Upstream, id_: str = "") -> str:
    params = f'{{model: openai/{name}, api_base: "{upstream.origin}/v1", api_key: sk-of-{name}}}'
    return f"  - {{model_name: {name}, litellm_params: {params}, model_info: {{id: {id_ or name}}}}}\n"


def config(*entries: str, more: str = "") -> str:
    return "model_list:\n" + "".join(entries) + more


def target(url: str) -> str:
    return f'general_settings: {{pass_through_endpoints: [{{path: /x, target: "{url}"}}]}}\n'


class Served:
    """A gateway whose configuration the test rewrites."""

    def __init__(self, gateway: GatewayProcess, path: Path) -> None:
        self.gateway = gateway
        self.path = path

    def reload(self, text: str, *, says: str = "sluice: reloaded") -> None:
        """Until it is in force in every worker, or refused."""
        told = self.gateway.output.count(says)
        self.path.write_text(text)
        self.gateway.process.send_signal(signal.SIGHUP)
        until(lambda: self.gateway.output.count(says) > told)

    def ask(self, model: str, key: str = GATEWAY_KEY) -> int:
        client = RawClient(self.gateway.port, key)
        body = b'{"model":"%b","messages":[]}' % model.encode()
        status = client.request("POST", "/v1/chat/completions", body).status
        client.close()
        return status

    def listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.gateway.port), TIMEOUT_S).close()
        except ConnectionRefusedError:
            return False
        return True

    def soon(self, model: str, status: int, key: str = GATEWAY_KEY) -> None:
        """Every worker says so: many new connections in a row do."""
        found: list[int] = []

        def says_so() -> bool:
            found.append(self.ask(model, key))
            return found[-20:] == [status] * 20

        until(says_so)


def until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while not true():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.01)


@contextmanager
def serving(folder: Path, upstream: Upstream, workers: int) -> Iterator[Served]:
    text = config(entry("old", upstream), entry("both", upstream))
    arguments = ["--num_workers", str(workers)]
    with running_gateway(folder, config=text, key=GATEWAY_KEY, arguments=arguments) as gateway:
        yield Served(gateway, folder / "config.yaml")
        assert "Traceback" not in gateway.output


@pytest.fixture(params=[1, 2], ids=["one worker", "two workers"])
def served(request: pytest.FixtureRequest, tmp_path: Path, upstream: Upstream) -> Iterator[Served]:
    with serving(tmp_path, upstream, request.param) as found:
        yield found


@pytest.fixture
def lone(tmp_path: Path, upstream: Upstream) -> Iterator[Served]:
    """One worker, which counts everything."""
    with serving(tmp_path, upstream, 1) as found:
        yield found


@pytest.fixture
def pair(tmp_path: Path, upstream: Upstream) -> Iterator[Served]:
    """Two workers, which are replaced when they die."""
    with serving(tmp_path, upstream, 2) as found:
        yield found


def slow_stream(pieces: int, gap_s: float) -> Answer:
    body = (*[EVENT] * pieces, DONE)
    return Answer(headers=(SSE_TYPE,), body=body, framing=Framing.CHUNKED, gap_s=gap_s)


class Streaming(threading.Thread):
    """One client that reads a stream to its end on a connection, then asks again on the same."""

    def __init__(self, served: Served, *, again: bool = True) -> None:
        super().__init__()
        self._client = RawClient(served.gateway.port, GATEWAY_KEY)
        self._again = again
        self.body = b""
        self.afterwards = 0

    def run(self) -> None:
        self.body = self._client.request("POST", "/v1/chat/completions", STREAM).body
        if self._again:
            self.afterwards = self._client.request("POST", "/v1/chat/completions", STREAM).status
        self._client.close()


class Asking(threading.Thread):
    """One client that asks for a model that stays, again and again on one connection."""

    def __init__(self, served: Served) -> None:
        super().__init__()
        self._client = RawClient(served.gateway.port, GATEWAY_KEY)
        self.enough = threading.Event()
        self.statuses: list[int] = []

    def run(self) -> None:
        while not self.enough.is_set():
            answer = self._client.request("POST", "/v1/chat/completions", b'{"model":"both","messages":[]}')
            self.statuses.append(answer.status)
        self._client.close()


def test_streams_go_on_and_no_request_fails(served: Served, upstream: Upstream) -> None:
    streams = 6
    upstream.say(*[slow_stream(pieces=60, gap_s=0.02)] * streams)
    readers = [Streaming(served) for _ in range(streams)]
    for reader in readers:
        reader.start()
    upstream.wait_for(streams)
    askers = [Asking(served) for _ in range(4)]
    for asker in askers:
        asker.start()
    served.reload(config(entry("both", upstream), entry("new", upstream)))
    served.soon("new", 200)
    served.soon("old", 404)
    assert any(reader.is_alive() for reader in readers), "the streams were over before the reload"
    for asker in askers:
        asker.enough.set()
    for thread in (*readers, *askers):
        thread.join(TIMEOUT_S)
    assert {reader.body for reader in readers} == {EVENT * 60 + DONE}
    assert {reader.afterwards for reader in readers} == {404}, "on the same connection the new one answers"
    assert {status for asker in askers for status in asker.statuses} == {200}
    assert sum(len(asker.statuses) for asker in askers) > 20


def test_a_bad_configuration_keeps_the_old(served: Served, upstream: Upstream) -> None:
    for wrong, says in (
        ("model_list:\n  - {model_name: x, litellm_params: {modl: y}}\n", "did you mean `model`?"),
        ("model_list: [", "config.yaml"),
        (config(entry("x", upstream).replace("openai/x", "sagemaker/x")), "is not served yet"),
        (config(entry("a*b*", upstream)), "a*b*"),
        (
            config(entry("x", upstream), more="general_settings: {master_key: ''}\n"),
            "serves loopback only, and 0.0.0.0 is not loopback",
        ),
        ("model_list: []\n", "no models are left to serve"),
        (
            config(entry("old", upstream), more=target("https://x/?q=1")),
            "pass_through_endpoints[0].target: not a",
        ),
        (
            config(entry("old", upstream), more=target("http://x:bad")),
            "pass_through_endpoints[0].target: not a",
        ),
        (
            config(entry("old", upstream), more=target("http://[::1/x")),
            "pass_through_endpoints[0].target: not a",
        ),
        ("x: " + "[" * 3000 + "]" * 3000 + "\n", "nested more than 64 deep"),
        ("model_list: " + "[" * 100_000, "nested more than 64 deep"),
        (
            config(entry("old", upstream), more="litellm_settings: {ssl_verify: /nope.pem}\n"),
            "/nope.pem: No such file",
        ),
    ):
        before = served.gateway.output
        served.reload(wrong, says="sluice: not reloaded: the configuration before it stays in force")
        assert says in served.gateway.output[len(before) :]
        assert (served.ask("old"), served.ask("x")) == (200, 404)
    served.reload(config(entry("new", upstream)))
    served.soon("new", 200)
    assert "sk-of-" not in served.gateway.output


def test_the_key_of_clients_changes(served: Served, upstream: Upstream) -> None:
    served.reload(
        config(entry("old", upstream), more=f"general_settings: {{master_key: {OTHER_KEY}}}\n"),
    )
    served.soon("old", 200, OTHER_KEY)
    served.soon("old", 401, GATEWAY_KEY)


def test_a_key_in_the_env_file_changes_and_the_environments_own_wins(
    served: Served, upstream: Upstream
) -> None:
    env_file = served.path.with_name(".env")
    text = config(entry("old", upstream).replace("sk-of-old", "os.environ/KEY_OF_OLD"))
    for key in ("sk-first", "sk-second"):
        env_file.write_text(f"KEY_OF_OLD={key}\nLITELLM_MASTER_KEY=sk-not-this-one-at-all\n")
        served.reload(text)
        until(lambda key=key: sent_with(served, upstream) == {f"Bearer {key}".encode()})


def sent_with(served: Served, upstream: Upstream) -> set[bytes | None]:
    upstream.forget()
    assert [served.ask("old") for _ in range(10)] == [200] * 10
    return {request.header(b"authorization") for request in upstream.requests}


def test_a_signal_while_it_drains_changes_nothing(served: Served, upstream: Upstream) -> None:
    upstream.say(slow_stream(pieces=40, gap_s=0.02))
    reader = Streaming(served, again=False)
    reader.start()
    upstream.wait_for(1)
    served.gateway.process.send_signal(signal.SIGTERM)
    until(lambda: not served.listens())
    for _ in range(5):
        served.gateway.process.send_signal(signal.SIGHUP)
    assert served.gateway.process.wait(TIMEOUT_S) == 0
    reader.join(TIMEOUT_S)
    assert reader.body == EVENT * 40 + DONE
    assert "reloaded" not in served.gateway.output


def test_what_a_reload_cannot_change_is_named_once(served: Served, upstream: Upstream) -> None:
    more = "sluice_settings: {max_connections: 7, listen_backlog: 9, stream_gap_timeout_s: 60}\n"
    served.reload(config(entry("new", upstream), more=more))
    served.soon("new", 200)
    warnings = [line for line in served.gateway.output.splitlines() if "with a restart only" in line]
    (warning,) = warnings
    assert warning.endswith(": sluice_settings.listen_backlog, sluice_settings.max_connections")


def test_many_signals_are_few_reloads_and_the_last_word_counts(served: Served, upstream: Upstream) -> None:
    path = served.path
    for number in range(30):
        path.with_suffix(".new").write_text(config(entry(f"m{number}", upstream)))
        path.with_suffix(".new").replace(path)
        served.gateway.process.send_signal(signal.SIGHUP)
    served.soon("m29", 200)
    served.soon("m28", 404)
    assert served.gateway.output.count("sluice: reloaded") <= 30


def children(pid: int) -> set[int]:
    return set(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


def test_a_worker_that_is_replaced_has_the_newest_good_configuration(
    pair: Served, upstream: Upstream
) -> None:
    pair.reload(config(entry("new", upstream)))
    pair.reload("model_list: [", says="sluice: not reloaded")
    first = children(pair.gateway.process.pid)
    for victim in first:
        os.kill(victim, signal.SIGKILL)
    until(lambda: len(children(pair.gateway.process.pid) - first) == 2)
    pair.soon("new", 200)
    pair.soon("old", 404)


def test_signals_while_workers_die_and_start_kill_nobody_else(pair: Served, upstream: Upstream) -> None:
    for round_ in range(3):
        time.sleep(1.1)  # one that dies sooner died of its start
        before = children(pair.gateway.process.pid)
        os.kill(min(before), signal.SIGKILL)
        for _ in range(20):
            pair.reload(config(entry(f"n{round_}", upstream)))
        until(lambda seen=before: len(children(pair.gateway.process.pid) - {min(seen)}) == 2)
    pair.soon("n2", 200)
    assert "was killed by signal 1" not in pair.gateway.output


def test_systemd_is_told_when_it_begins_and_when_all_have_it(tmp_path: Path, upstream: Upstream) -> None:
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(address)
        heard.settimeout(TIMEOUT_S)
        for workers in ("1", "2"):
            with running_gateway(
                tmp_path,
                config=config(entry("old", upstream)),
                environ={"NOTIFY_SOCKET": address},
                arguments=["--num_workers", workers],
            ) as gateway:
                assert heard.recv(100) == b"READY=1"
                for text in (config(entry("new", upstream)), "model_list: ["):
                    began = time.monotonic_ns() // 1000
                    (tmp_path / "config.yaml").write_text(text)
                    gateway.process.send_signal(signal.SIGHUP)
                    state, _, moment = heard.recv(100).partition(b"\nMONOTONIC_USEC=")
                    assert state == b"RELOADING=1"
                    assert began <= int(moment) <= time.monotonic_ns() // 1000
                    assert heard.recv(100) == b"READY=1"
            assert heard.recv(100) == b"STOPPING=1"


def test_counts_and_health_are_kept(lone: Served, upstream: Upstream) -> None:
    assert lone.ask("both") == 200
    upstream.say(Answer(429, headers=((b"retry-after", b"200"),)))
    assert lone.ask("both") == 429
    lone.reload(config(entry("both", upstream), entry("new", upstream)))
    client = RawClient(lone.gateway.port, GATEWAY_KEY)
    health = msgspec.json.decode(client.request("GET", "/health?model=both").body)
    client.close()
    (endpoint,) = health["unhealthy_endpoints"]
    assert (endpoint["reason"], endpoint["requests"], endpoint["failures"]) == ("rate_limited", 2, 1)
    assert 100 < endpoint["until_s"] <= 200
