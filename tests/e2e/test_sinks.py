"""Real gateways: a sink that hangs, breaks or is gone costs no request anything, and has all of it later."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import httpx
import pytest

from loadtest.gateway_process import GatewayProcess, free_port, running_gateway
from tests.e2e.conftest import Upstream
from tests.e2e.test_admin import until
from tests.e2e.test_metrics import numbers

KEY = "sk-test-master"
CONFIG = """
model_list:
  - model_name: m
    litellm_params: {{model: openai/m, api_key: sk-1, mock_response: "hello"}}
litellm_settings: {{callbacks: [{sinks}]}}
general_settings: {{master_key: sk-test-master}}
sluice_settings:
  access_log: "off"
  sinks:
    linger_s: 0.05
    timeout_s: 0.5
    batch: 20
    webhook: {{url: "http://127.0.0.1:{port}/hook", secret: s}}
"""


class Receiver:
    """Keeps what it takes; `mode`: `good`, `hang`, `500`, `reset`."""

    def __init__(self) -> None:
        self.mode = "good"
        self.calls: list[str] = []
        self.events: list[dict[str, object]] = []
        self.asked = 0
        self.go_on = Event()


@contextmanager
def receiver(port: int) -> Iterator[Receiver]:
    found = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            found.asked += 1
            body = self.rfile.read(int(self.headers["content-length"]))
            if found.mode == "hang":
                found.go_on.wait(30)
                return
            if found.mode == "reset":
                return
            if found.mode == "good":
                said = json.loads(body)
                found.calls += [record["call_id"] for record in said.get("records", ())]
                found.events += [said["data"]] if "data" in said else []
            self.send_response(200 if found.mode == "good" else 500)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    serving = Thread(target=server.serve_forever, daemon=True)
    serving.start()
    try:
        yield found
    finally:
        found.go_on.set()
        server.shutdown()
        server.server_close()
        serving.join(10)


def chats(gateway: GatewayProcess, count: int) -> list[str]:
    """Their call ids; at most eight at a time."""

    def one(client: httpx.Client) -> str:
        answer = client.post(
            f"{gateway.url}/v1/chat/completions",
            json={"model": "m", "messages": []},
            headers={"authorization": f"Bearer {KEY}"},
        )
        assert answer.status_code == 200
        return answer.headers["x-litellm-call-id"]

    with httpx.Client() as client, ThreadPoolExecutor(8) as pool:
        return list(pool.map(lambda _: one(client), range(count)))


@pytest.mark.parametrize("mode", ["hang", "500", "reset"])
def test_a_sink_that_is_sick_costs_no_request_anything_and_gets_all_of_it_when_it_is_well(
    tmp_path: Path, mode: str
) -> None:
    port = free_port()
    config = CONFIG.format(sinks="webhook", port=port)
    with receiver(port) as hook, running_gateway(tmp_path, config=config, key=KEY) as gateway:
        well_s = _time_of(gateway, 200)
        until(lambda: len(hook.calls) == 200)
        hook.mode = mode
        asked = hook.asked
        sick = chats(gateway, 20)
        until(lambda: hook.asked > asked)
        sick_s = _time_of(gateway, 200, sick)
        assert (
            sick_s < 3 * well_s + 1.0
        )  # generous: a request that waited for the sink would take half a second
        until(lambda: numbers(gateway.url, KEY)["sluice_sink_spilled_batches"] > 0, 30)
        assert numbers(gateway.url, KEY)["sluice_sink_lag_seconds"] > 0
        hook.mode = "good"
        hook.go_on.set()
        until(lambda: set(sick) <= set(hook.calls), 60)
        until(lambda: numbers(gateway.url, KEY)["sluice_sink_spilled_batches"] == 0, 30)
        assert numbers(gateway.url, KEY)["sluice_records_dropped_total"] == 0


def _time_of(gateway: GatewayProcess, count: int, into: list[str] | None = None) -> float:
    began = time.monotonic()
    found = chats(gateway, count)
    if into is not None:
        into += found
    return time.monotonic() - began


def test_what_a_sink_did_not_take_is_there_after_a_restart(tmp_path: Path) -> None:
    port = free_port()
    config = CONFIG.format(sinks="webhook", port=port)
    with running_gateway(tmp_path, config=config, key=KEY) as gateway:  # nobody listens there
        owed = chats(gateway, 30)
        assert gateway.stop() == 0
        assert "Traceback" not in gateway.output
    with receiver(port) as hook, running_gateway(tmp_path, config=config, key=KEY):
        until(lambda: set(hook.calls) == set(owed), 60)
        assert len(hook.calls) == len(owed)


def test_a_gateway_that_ends_gives_its_sinks_what_is_left(tmp_path: Path) -> None:
    port = free_port()
    config = CONFIG.format(sinks="webhook", port=port).replace("linger_s: 0.05", "linger_s: 60")
    with receiver(port) as hook, running_gateway(tmp_path, config=config, key=KEY) as gateway:
        owed = chats(gateway, 5)
        assert gateway.stop() == 0
        assert sorted(hook.calls) == sorted(owed)


def test_sinks_beside_each_other_and_a_users_own_class(tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "my_callbacks.py").write_text(
        "from litellm.integrations.custom_logger import CustomLogger\n"
        "class Mine(CustomLogger):\n"
        "    def log_success_event(self, kwargs, response_obj, start_time, end_time):\n"
        "        open('mine.txt', 'a').write(kwargs['litellm_call_id'] + '\\n')\n"
        "        raise RuntimeError('of its own')\n"
    )
    config = CONFIG.format(sinks="webhook, file, my_callbacks.Mine, nobody.knows", port=port)
    with (
        receiver(port) as hook,
        running_gateway(tmp_path, config=config, key=KEY, arguments=["--num_workers", "2"]) as gateway,
    ):
        hook.mode = "500"
        owed = chats(gateway, 40)
        until(lambda: _calls(tmp_path / "records.jsonl") == sorted(owed))
        until(lambda: sorted((tmp_path / "mine.txt").read_text().split()) == sorted(owed))
        assert "sink my_callbacks.Mine raised RuntimeError: of its own" in gateway.output
        assert "sink nobody.knows gets no records" in gateway.output
        hook.mode = "good"
        until(lambda: set(hook.calls) == set(owed), 60)


BUDGETS = """
model_list:
  - model_name: m
    litellm_params:
      {{model: openai/m, api_key: k, api_base: "{url}/v1", input_cost_per_token: 0.001, output_cost_per_token: 0.001}}
litellm_settings: {{success_callback: webhook}}
general_settings: {{master_key: sk-test-master}}
sluice_settings:
  keys: [{{key: sk-of-the-ci-job, key_alias: ci, max_budget: 0.2, soft_budget: 0.05}}]
  sinks: {{linger_s: 0.05, webhook: {{url: "http://127.0.0.1:{port}/hook"}}}}
"""


def test_budgets_are_told_of_once(tmp_path: Path, upstream: Upstream) -> None:
    port = free_port()
    config = BUDGETS.format(url=upstream.origin, port=port)
    with receiver(port) as hook, running_gateway(tmp_path, config=config, key=KEY) as gateway:
        statuses = [
            httpx.post(
                f"{gateway.url}/v1/chat/completions",
                json={"model": "m", "messages": [], "max_tokens": 1},
                headers={"authorization": "Bearer sk-of-the-ci-job"},
            ).status_code
            for _ in range(12)
        ]
        assert statuses[0] == 200
        assert statuses[-1] == 429
        until(lambda: {event["type"] for event in hook.events} == {"budget.soft_limit", "budget.exceeded"})
        assert len(hook.events) == 2
        assert {event["key_alias"] for event in hook.events} == {"ci"}
        (soft,) = (event for event in hook.events if event["type"] == "budget.soft_limit")
        assert soft["limit_nano"] == 50_000_000
        text = httpx.get(f"{gateway.url}/metrics", headers={"authorization": f"Bearer {KEY}"}).text
        assert 'litellm_api_key_max_budget_metric{api_key_alias="ci"} 0.2' in text
        left = re.search(r'litellm_remaining_api_key_budget_metric{api_key_alias="ci"} (\S+)', text)
        assert left is not None
        assert 0 <= float(left[1]) < 0.1
        assert "sluice_state_writes_waiting" in text
        assert "sk-of-the-ci-job" not in json.dumps(hook.events) + gateway.output


def _calls(path: Path) -> list[str]:
    if not path.exists():
        return []
    return sorted(json.loads(line)["call_id"] for line in path.read_text().splitlines())


ROTATION = """
general_settings: {{master_key: sk-test-master}}
litellm_settings: {{callbacks: webhook}}
sluice_settings:
  key_rotation: {{folder: secrets, webhook: true, grace: 1h}}
  sinks: {{webhook: {{url: "http://127.0.0.1:{port}/hook"}}}}
"""


def test_a_key_that_rotates_is_handed_over_and_holds(tmp_path: Path) -> None:
    """By one worker of three: one new secret each time."""
    port = free_port()
    config, master = ROTATION.format(port=port), {"authorization": f"Bearer {KEY}"}
    arguments = ["--num_workers", "3"]
    with (
        receiver(port) as hook,
        running_gateway(tmp_path, config=config, key=KEY, arguments=arguments) as gateway,
    ):
        wanted = {"key_alias": "ci", "auto_rotate": True, "rotation_interval": "3s"}
        made = httpx.post(f"{gateway.url}/key/generate", json=wanted, headers=master).json()
        until(lambda: rotated(gateway, made["token_id"]) >= 2, 30)
        events = list(hook.events)
        assert {(event["type"], event["key_alias"]) for event in events} == {("key.rotated", "ci")}
        assert len({event["secret"] for event in events}) == len(events)
        assert all(is_let_in(gateway, secret) for secret in (made["key"], *(e["secret"] for e in events[:2])))
        until(lambda: is_let_in(gateway, (tmp_path / "secrets" / "ci").read_text().strip()))
        assert not [event for event in hook.events if event["secret"] in gateway.output]


def rotated(gateway: GatewayProcess, token: str) -> int:
    asked = {"key": token}
    answer = httpx.get(f"{gateway.url}/key/info", params=asked, headers={"authorization": f"Bearer {KEY}"})
    return int(answer.json()["info"]["rotation_count"])


def is_let_in(gateway: GatewayProcess, secret: str) -> bool:
    answer = httpx.post(f"{gateway.url}/key/health", headers={"authorization": f"Bearer {secret}"})
    return answer.status_code == 200
