"""Who comes from LiteLLM brings scripts along. This one is made of LiteLLM's own client, `requests` and OpenAI's SDK,
knows nothing of what answers it (`BASE_URL`, `MASTER_KEY`), and reads the answers by the types of LiteLLM's own server.

It prints one line for each step, and exits with an error where one is not as LiteLLM has it.
"""

from __future__ import annotations

import os
import sys
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import openai
import requests
from litellm.proxy._types import (
    GenerateKeyResponse,
    KeyListResponseObject,
    LiteLLM_TeamTable,
    NewUserResponse,
    TeamAddMemberResponse,
    TeamInfoResponseObjectTeamTable,
    TeamMemberUpdateResponse,
)
from litellm.proxy.client import Client
from litellm.proxy.client.users import UsersManagementClient
from litellm.types.proxy.management_endpoints.common_daily_activity import SpendAnalyticsPaginatedResponse
from pydantic import TypeAdapter

BASE, MASTER = os.environ["BASE_URL"], os.environ["MASTER_KEY"]
MODEL = os.environ.get("MODEL", "gpt-4o")
RUN = uuid.uuid4().hex[:8]
DAY = timedelta(days=1)
WITHIN_S = 30.0
"""LiteLLM writes what was spent every few seconds."""
client = Client(base_url=BASE, api_key=MASTER)
users = UsersManagementClient(BASE, MASTER)


def ask(method: str, path: str, key: str = MASTER, **more: Any) -> Any:
    answer = requests.request(
        method, BASE + path, headers={"Authorization": f"Bearer {key}"}, timeout=30, **more
    )
    assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text[:500]}"
    return answer.json()


def chat(key: str, **more: Any) -> Any:
    asking = openai.OpenAI(base_url=f"{BASE}/v1", api_key=key, max_retries=0)
    messages: Any = [{"role": "user", "content": "Say hello"}]
    return asking.chat.completions.create(model=MODEL, messages=messages, **more)


def refused(key: str) -> int:
    try:
        chat(key)
    except openai.APIStatusError as error:
        return error.status_code
    return 200


def until(true: Any) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not true():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.2)


def step(said: str) -> None:
    print(said, flush=True)


team = ask("POST", "/team/new", json={
    "team_alias": f"research-{RUN}", "models": [MODEL], "max_budget": 100, "budget_duration": "30d",
    "metadata": {"cost_center": "7"},
})  # fmt: skip
team_id = team["team_id"]
LiteLLM_TeamTable.model_validate(team)
step("team made")

user = users.create_user(
    {"user_email": f"ada-{RUN}@example.com", "user_role": "internal_user", "auto_create_key": False}
)
user_id = str(user["user_id"])
NewUserResponse.model_validate({**user, "key": user.get("key") or "none"})
step("user made")

added = ask("POST", "/team/member_add", json={
    "team_id": team_id, "member": {"role": "user", "user_id": user_id}, "max_budget_in_team": 50,
})  # fmt: skip
TeamAddMemberResponse.model_validate(added)
changed = ask("POST", "/team/member_update", json={
    "team_id": team_id, "user_id": user_id, "max_budget_in_team": 60,
})  # fmt: skip
TeamMemberUpdateResponse.model_validate(changed)
assert changed["max_budget_in_team"] == 60
step("member added, with a budget")

made = client.keys.generate(
    models=[MODEL], key_alias=f"ci-{RUN}", team_id=team_id, user_id=user_id, duration="30d", spend=0
)  # fmt: skip
assert isinstance(made, dict)
key = str(made["key"])
GenerateKeyResponse.model_validate(made)
assert key.startswith("sk-")
assert made["expires"] is not None
ask("POST", "/key/update", json={"key": key, "max_budget": 10, "metadata": {"tags": ["nightly"]}})
step("key made")

answer = chat(key, user=f"customer-{RUN}", extra_body={"metadata": {"tags": [f"job-{RUN}"]}})
assert answer.choices[0].message.content
raw = requests.post(
    f"{BASE}/v1/chat/completions", headers={"Authorization": f"Bearer {key}"}, timeout=30,
    json={"model": MODEL, "messages": [{"role": "user", "content": "Say hello"}]},
)  # fmt: skip
assert float(raw.headers["x-litellm-response-cost"]) > 0
assert float(raw.headers["x-litellm-key-spend"]) >= 0
call_id = raw.headers["x-litellm-call-id"]
for piece in chat(key, stream=True):
    assert piece.object == "chat.completion.chunk"
step("called, whole and streamed")


def info() -> Any:
    found = client.keys.info(key)
    assert isinstance(found, dict)
    return found["info"]


until(lambda: info()["spend"] > 0)
assert info()["key_alias"] == f"ci-{RUN}"
shown = ask("GET", "/team/info", params={"team_id": team_id})
TeamInfoResponseObjectTeamTable.model_validate(shown["team_info"])
until(lambda: ask("GET", "/team/info", params={"team_id": team_id})["team_info"]["spend"] > 0)
assert [each["user_id"] for each in shown["team_memberships"]] == [user_id]
assert user_id in str(users.get_user(user_id))
listed = client.keys.list(team_id=team_id, return_full_object=True)
TypeAdapter(KeyListResponseObject).validate_python(listed)
assert isinstance(listed, dict)
assert [each["key_alias"] for each in listed["keys"]] == [f"ci-{RUN}"]
assert team_id in {each["team_id"] for each in client.teams.list()}
assert MODEL in {each["id"] for each in Client(base_url=BASE, api_key=key).models.list()}
step("spend read")

today = datetime.now(UTC)
days = {"start_date": f"{today - DAY:%Y-%m-%d}", "end_date": f"{today + DAY:%Y-%m-%d}"}


def activity() -> Any:
    found = ask("GET", "/user/daily/activity", params=days)
    SpendAnalyticsPaginatedResponse.model_validate(found)
    return found


until(lambda: activity()["metadata"]["total_spend"] > 0)
until(lambda: f"job-{RUN}" in str(ask("GET", "/spend/tags", params=days)))
logs = ask("GET", "/spend/logs", params={"api_key": key, **days, "summarize": "false"})
assert call_id in str(logs)
step("reports read")

again = ask("POST", "/key/regenerate", json={"key": key})
fresh = again["key"]
GenerateKeyResponse.model_validate(again)
assert fresh != key
until(lambda: refused(key) == 401)
assert refused(fresh) == 200
step("key exchanged")

ask("POST", "/key/block", json={"key": fresh})
until(lambda: refused(fresh) == 401)
ask("POST", "/key/unblock", json={"key": fresh})
until(lambda: refused(fresh) == 200)
step("blocked, and let in again")

client.keys.delete(keys=[fresh])
until(lambda: refused(fresh) == 401)
users.delete_user([user_id])
ask("POST", "/team/delete", json={"team_ids": [team_id]})
step("all gone")
sys.exit(0)
