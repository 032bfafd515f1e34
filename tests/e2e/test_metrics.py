"""`/metrics` of real workers: all of them together, those that were killed too; its keys; its own port."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from loadtest.gateway_process import GatewayProcess, free_port, running_gateway
from tests.e2e.test_admin import until

KEY = "sk-test-master"
CONFIG = """
model_list:
  - model_name: m
    litellm_params: {{model: openai/m, api_key: sk-1, mock_response: "hello"}}
general_settings: {{master_key: {key}}}
sluice_settings: {{metrics_token: sk-scraper{more}}}
"""
REQUESTS = "litellm_proxy_total_requests_metric_total"
Numbers = dict[str, float]


def numbers(url: str, key: str = "sk-scraper") -> Numbers:
    """Sums over all labels."""
    answer = httpx.get(f"{url}/metrics", headers={"authorization": f"Bearer {key}"})
    assert answer.status_code == 200, answer.text
    found: Numbers = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            found[sample.name] = found.get(sample.name, 0.0) + sample.value
    return found


def chats(gateway: GatewayProcess, count: int) -> None:
    """Each on a connection of its own, so that all workers get some."""
    for _ in range(count):
        answer = httpx.post(
            f"{gateway.url}/v1/chat/completions",
            json={"model": "m", "messages": []},
            headers={"authorization": f"Bearer {KEY}"},
        )
        assert answer.status_code == 200


def counted(url: str) -> int:
    """Chats: scrapes are requests too."""
    answer = httpx.get(f"{url}/metrics", headers={"authorization": "Bearer sk-scraper"})
    return sum(
        map(int, re.findall(rf'^{REQUESTS}{{route="/chat/completions".*}} (\d+)$', answer.text, re.MULTILINE))
    )


def workers(gateway: GatewayProcess) -> list[int]:
    children = Path(f"/proc/{gateway.process.pid}/task/{gateway.process.pid}/children").read_text()
    return [int(pid) for pid in children.split()]


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    folder = tmp_path_factory.mktemp("four")
    config = CONFIG.format(key=KEY, more="")
    with running_gateway(folder, config=config, arguments=["--num_workers", "4"]) as gateway:
        yield gateway


def test_any_worker_answers_for_all_and_counts_outlive_a_kill(four: GatewayProcess) -> None:
    chats(four, 40)
    until(lambda: counted(four.url) == 40)
    until(lambda: numbers(four.url)["sluice_workers"] == 4)
    for pid in workers(four):
        os.kill(pid, signal.SIGKILL)
        seen = counted(four.url)
        assert seen == 40
    until(lambda: len(workers(four)) == 4)
    chats(four, 20)
    until(lambda: counted(four.url) == 60)


def test_counts_never_go_back_while_workers_die_and_the_configuration_is_read_anew(
    four: GatewayProcess,
) -> None:
    last: Numbers = {}
    for turn in range(12):
        chats(four, 5)
        if turn % 3 == 1:
            os.kill(workers(four)[turn % 4], signal.SIGKILL)
        if turn % 3 == 2:
            four.process.send_signal(signal.SIGHUP)
        now = numbers(four.url)
        for name, value in last.items():
            if name.endswith(("_total", "_count", "_sum", "_bucket")):
                assert now[name] >= value, name
        last = now


def test_levels_of_dead_workers_are_gone(four: GatewayProcess) -> None:
    until(lambda: numbers(four.url)["sluice_workers"] == 4, 15)
    assert numbers(four.url)["litellm_in_flight_requests"] == 0


def test_who_may_read_them(four: GatewayProcess) -> None:
    def status(url: str, key: str | None) -> int:
        headers = {} if key is None else {"authorization": f"Bearer {key}"}
        return httpx.get(url, headers=headers).status_code

    assert status(f"{four.url}/metrics", None) == 401
    assert status(f"{four.url}/metrics", "sk-other") == 401
    assert status(f"{four.url}/metrics", KEY) == 200
    assert status(f"{four.url}/metrics", "sk-scraper") == 200
    for page in ("/v1/models", "/health", "/admin/deployments", "/openai/files"):
        assert status(f"{four.url}{page}", "sk-scraper") == 401


def test_openmetrics_is_there_for_who_asks(four: GatewayProcess) -> None:
    headers = {
        "authorization": f"Bearer {KEY}",
        "accept": "application/openmetrics-text, text/plain;q=0.5",
    }
    answer = httpx.get(f"{four.url}/metrics", headers=headers)
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_port_of_their_own_has_nothing_else(tmp_path: Path, workers: str) -> None:
    port = free_port()
    config = CONFIG.format(key=KEY, more=f", metrics_port: {port}")
    with running_gateway(tmp_path, config=config, arguments=["--num_workers", workers]) as gateway:
        own = f"http://127.0.0.1:{port}"
        chats(gateway, 3)
        until(lambda: counted(own) == 3)
        key = {"authorization": f"Bearer {KEY}"}
        assert httpx.get(f"{gateway.url}/metrics", headers=key).status_code == 404
        assert httpx.get(f"{own}/metrics").status_code == 401
        assert httpx.get(f"{own}/metrics", headers=key).status_code == 401  # its own token alone
        scraper = {"authorization": "Bearer sk-scraper"}
        for path in (
            "/v1/models",
            "/v1/chat/completions",
            "/openai/files",
            "/",
            "/engines/m/chat/completions",
        ):
            assert httpx.get(f"{own}{path}", headers=scraper).status_code == 404
        assert httpx.post(f"{own}/metrics", headers=scraper).status_code == 405


@pytest.mark.parametrize(
    ("settings", "status"),
    [
        ("litellm_settings: {require_auth_for_metrics_endpoint: false}", 200),
        ("sluice_settings: {metrics: false}", 404),
        ("sluice_settings: {metrics_token: sk-scraper}", 401),
    ],
)
def test_the_switches(tmp_path: Path, settings: str, status: int) -> None:
    config = (
        f"model_list:\n  - {{model_name: m, litellm_params: {{model: openai/m, api_key: k}}}}\n{settings}\n"
    )
    with running_gateway(tmp_path, config=config, key=KEY) as gateway:
        assert httpx.get(f"{gateway.url}/metrics").status_code == status
