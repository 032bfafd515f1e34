"""Virtual keys as somebody who comes from LiteLLM uses them: its endpoints, OpenAI's SDK, several workers."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from loadtest.gateway_process import GatewayProcess, running_gateway
from tests.e2e.conftest import GATEWAY_KEY, RawClient, Upstream
from tests.e2e.test_admin import Pair

WORKERS = 3
HELD_S = 1.0
"""What is promised; a machine that is loaded gets as much again for itself."""
SLACK_S = 4.0
CONFIG = """
model_list:
  - model_name: gpt-4o
    litellm_params: {model: openai/gpt-4o, api_base: UPSTREAM/v1, api_key: sk-upstream}
  - model_name: gpt-4o-mini
    litellm_params: {model: openai/gpt-4o-mini, api_base: UPSTREAM/v1, api_key: sk-upstream}
general_settings: {master_key: sk-gateway-master}
sluice_settings:
  keys:
    - {key: os.environ/WRITTEN_KEY, key_alias: written, models: [gpt-4o-mini]}
"""
WRITTEN = "sk-written-in-the-configuration"
MASTER = {"authorization": f"Bearer {GATEWAY_KEY}"}


@pytest.fixture(scope="module")
def gateway(started_upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    with running_gateway(
        tmp_path_factory.mktemp("keys"),
        config=CONFIG.replace("UPSTREAM", started_upstream.origin),
        key=GATEWAY_KEY,
        environ={"WRITTEN_KEY": WRITTEN},
        arguments=["--num_workers", str(WORKERS)],
    ) as running:
        yield running


@pytest.fixture
def pair(gateway: GatewayProcess) -> Iterator[Pair]:
    """A connection to each worker."""
    found = Pair(gateway)
    yield found
    found.close()


class Litellm:
    """What a script does with `requests`: the same words and shapes."""

    def __init__(self, url: str, key: str = GATEWAY_KEY) -> None:
        self._url = url
        self._headers = {"authorization": f"Bearer {key}"}

    def post(self, path: str, **body: object) -> Any:
        return self._ask("POST", path, json=body)

    def get(self, path: str, **query: str) -> Any:
        return self._ask("GET", path, params=query)

    def _ask(self, method: str, path: str, **more: Any) -> Any:
        answer = httpx.request(method, self._url + path, headers=self._headers, timeout=30, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
def litellm(gateway: GatewayProcess) -> Litellm:
    return Litellm(gateway.url)


def client(gateway: GatewayProcess, key: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=key, max_retries=0)


def say(gateway: GatewayProcess, key: str, model: str = "gpt-4o", **more: Any) -> Any:
    messages: Any = [{"role": "user", "content": "Hello"}]
    with client(gateway, key) as asking:
        return asking.chat.completions.create(model=model, messages=messages, **more)


def test_a_litellm_users_script(gateway: GatewayProcess, litellm: Litellm, upstream: Upstream) -> None:
    team = litellm.post(
        "/team/new", team_alias="Research", models=["gpt-4o"], max_budget=100, budget_duration="1mo"
    )
    user = litellm.post(
        "/user/new", user_email="ada@example.com", teams=[team["team_id"]], auto_create_key=False
    )
    made = litellm.post(
        "/key/generate",
        key_alias="research-ci", team_id=team["team_id"], user_id=user["user_id"], duration="30d", max_budget=10,
        metadata={"tags": ["nightly"]},
    )  # fmt: skip
    key = made["key"]
    assert say(gateway, key, user="a-customer").choices
    with pytest.raises(openai.PermissionDeniedError) as denied:
        say(gateway, key, "gpt-4o-mini")
    assert denied.value.body["type"] == "team_model_access_denied"  # type: ignore[index]
    with client(gateway, key) as asking:
        assert [model.id for model in asking.models.list()] == ["gpt-4o"]

    info = Litellm(gateway.url, key).get("/key/info")["info"]
    assert (info["key_alias"], info["team_id"], info["max_budget"]) == ("research-ci", team["team_id"], 10)
    assert info["spend"] > 0
    shown = litellm.get("/team/info", team_id=team["team_id"])
    assert [each["key_alias"] for each in shown["keys"]] == ["research-ci"]
    assert shown["team_info"]["members_with_roles"] == [{"user_id": user["user_id"], "role": "user"}]

    again = litellm.post("/key/regenerate", key=key, grace_period="1h")
    for secret in (key, again["key"]):
        assert say(gateway, secret).choices
    litellm.post("/key/block", key=again["key"])
    within(lambda: refused(gateway, again["key"], "key_blocked"))
    litellm.post("/key/unblock", key=again["key"])
    litellm.post("/key/delete", keys=[again["key"]])
    within(lambda: refused(gateway, key, "invalid_api_key"))
    litellm.post("/user/delete", user_ids=[user["user_id"]])
    litellm.post("/team/delete", team_ids=[team["team_id"]])

    records = [json.loads(line) for line in gateway.output.splitlines() if line.startswith("{")]
    mine = [record for record in records if record["key"] == made["token"] and record["status"] == 200]
    chats = [record for record in mine if record["route"] == "/chat/completions"]
    assert len(chats) >= 3, "whichever secret it came with"
    for record in chats:
        assert (record["key_alias"], record["team"], record["user"]) == (
            "research-ci", team["team_id"], user["user_id"],
        )  # fmt: skip
        assert record["tags"] == ["nightly"]
    assert {record["customer"] for record in chats} == {"a-customer", None}
    for secret in (key, again["key"], WRITTEN, GATEWAY_KEY):
        assert secret not in gateway.output.partition("docs")[2]


def refused(gateway: GatewayProcess, key: str, code: str) -> bool:
    try:
        say(gateway, key)
    except openai.AuthenticationError as error:
        return error.code == code
    return False


def within(true: Any, seconds: float = HELD_S + SLACK_S) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it does not hold yet"
        time.sleep(0.02)


def status(worker: RawClient, key: str) -> int:
    body = b'{"model":"gpt-4o","messages":[]}'
    return worker.request("POST", "/v1/chat/completions", body, headers={"x-litellm-api-key": key}).status


def test_a_new_key_is_let_in_by_every_worker_at_once_and_a_revoked_one_by_none_within_a_second(
    pair: Pair, litellm: Litellm, upstream: Upstream
) -> None:
    workers = [pair.at(pid) for pid in pair.pids]
    assert len(workers) == WORKERS
    key = litellm.post("/key/generate")["key"]
    assert [status(worker, key) for worker in workers] == [200] * WORKERS
    for change, undo in (("/key/block", "/key/unblock"), ("/key/delete", None)):
        named = {"keys": [key]} if undo is None else {"key": key}
        litellm.post(change, **named)
        within(lambda: [status(worker, key) for worker in workers] == [401] * WORKERS)
        if undo is not None:
            litellm.post(undo, **named)
            within(lambda: [status(worker, key) for worker in workers] == [200] * WORKERS)


def test_whichever_worker_is_told_all_know(pair: Pair) -> None:
    made = [
        json.loads(pair.at(pid).request("POST", "/key/generate", b'{"duration":"1h"}').body)["key"]
        for pid in pair.pids
    ]
    for pid in pair.pids:
        for key in made:
            assert pair.at(pid).request("GET", f"/key/info?key={key}").status == 200


def test_keys_of_the_configuration_need_no_call(gateway: GatewayProcess, upstream: Upstream) -> None:
    assert say(gateway, WRITTEN, "gpt-4o-mini").choices
    with pytest.raises(openai.PermissionDeniedError):
        say(gateway, WRITTEN)
    info = Litellm(gateway.url, WRITTEN).get("/key/info")["info"]
    assert (info["key_alias"], info["created_by"]) == ("written", "configuration")


def test_an_expired_key_is_401_from_then_on(
    gateway: GatewayProcess, litellm: Litellm, upstream: Upstream
) -> None:
    key = litellm.post("/key/generate", duration="1s")["key"]
    within(lambda: refused(gateway, key, "key_expired"))


def test_many_who_make_keys_at_once_get_them_all(litellm: Litellm) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(
            pool.map(lambda number: litellm.post("/key/generate", key_alias=f"many-{number}"), range(40))
        )
    listed = litellm.get("/key/list", size="100")["keys"]
    assert {each["token"] for each in made} <= set(listed)


def test_bodies_for_pages_come_through_both_doors_and_are_bounded(gateway: GatewayProcess) -> None:
    for http2 in (False, True):
        with httpx.Client(http1=not http2, http2=http2, headers=MASTER) as asking:
            answer = asking.post(f"{gateway.url}/key/generate", json={"duration": "1h"})
            assert (answer.http_version, answer.status_code) == ("HTTP/2" if http2 else "HTTP/1.1", 200)
    with httpx.Client(headers=MASTER) as asking:
        answer = asking.post(f"{gateway.url}/key/generate", content=b" " * 2_000_000)
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "request_too_large")


def test_keys_outlive_a_restart(started_upstream: Upstream, tmp_path: Path) -> None:
    config = CONFIG.replace("UPSTREAM", started_upstream.origin)
    environ = {"WRITTEN_KEY": WRITTEN}
    with running_gateway(tmp_path, config=config, key=GATEWAY_KEY, environ=environ) as gateway:
        key = Litellm(gateway.url).post("/key/generate")["key"]
    with running_gateway(tmp_path, config=config, key=GATEWAY_KEY, environ=environ) as gateway:
        assert say(gateway, key).choices
    assert key.encode() not in (tmp_path / "sluice.db").read_bytes()
    assert (tmp_path / "sluice.db").stat().st_mode & 0o077 == 0


def test_a_teams_members_have_budgets_of_their_own(
    gateway: GatewayProcess, litellm: Litellm, upstream: Upstream
) -> None:
    """A request costs 0.0007 $."""
    litellm.post("/team/new", team_id="shared", max_budget=10, team_member_budget=5)
    for user in ("eager", "idle"):
        member = {"role": "user", "user_id": user}
        more: dict[str, object] = {"max_budget_in_team": 0.0005} if user == "eager" else {}
        litellm.post("/team/member_add", team_id="shared", member=member, **more)
    keys = {
        user: [litellm.post("/key/generate", team_id="shared", user_id=user)["key"] for _ in range(2)]
        for user in ("eager", "idle")
    }
    assert say(gateway, keys["eager"][0]).choices
    for key in keys["eager"]:
        with pytest.raises(openai.RateLimitError) as over:
            say(gateway, key)
        assert over.value.code == "budget_exceeded"
        assert "member `eager` of team `shared`" in over.value.message
    assert say(gateway, keys["idle"][0]).choices
    memberships = litellm.get("/team/info", team_id="shared")["team_memberships"]
    spends = {each["user_id"]: each["spend"] for each in memberships}
    assert spends["eager"] == spends["idle"] > 0.0006
    litellm.post("/team/member_update", team_id="shared", user_id="eager", max_budget_in_team=1)
    within(lambda: answers(gateway, keys["eager"][1]))


def answers(gateway: GatewayProcess, key: str) -> bool:
    try:
        return bool(say(gateway, key).choices)
    except openai.RateLimitError:
        return False
