"""The pages of spend over a real state file: their shapes, whose they show, and what is wrong with a question."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from proxy import control
from proxy.access.directory import Directory
from proxy.control.spend import spend_pages
from proxy.errors import GatewayError
from proxy.storage.file import StateFile
from proxy.storage.records import RecordRows
from proxy.types import Outcome, PageRequest
from proxy.worker.reporting import Known, StateReports
from tests.storage.making import DAY_S, DEPLOYMENT, NOON, cost, record

DAYS = "start_date=2024-10-04&end_date=2024-10-06"
"""Day 20,000 and the two after it."""
Ask = Callable[..., Awaitable[Any]]
MILLION = 1_000_000


@pytest.fixture
def ask(tmp_path: Path) -> Iterator[Ask]:
    state = StateFile(tmp_path / "sluice.db")
    rows = RecordRows(state)
    rows.watch({"d1": DEPLOYMENT}.get, lambda _: False)
    rows.finish(
        [
            record(cost=cost(MILLION), tags=("a", "b"), customer="c1"),
            record(cost=cost(2 * MILLION), tags=("a",)),
            record(cost=cost(4 * MILLION), key="k2", key_alias="two", user="u2", team=None),
            record(cost=cost(8 * MILLION), started_unix_s=NOON + DAY_S, model_asked="gpt-x", tags=("b",)),
            record(cost=None, usage=None, outcome=Outcome.UPSTREAM_ERROR, status=500),
        ],
        0,
    )
    pages = {page.path: page for page in spend_pages(StateReports(state), Known(Directory()))}

    async def ask(path: str, query: str = DAYS, key: str | None = None, *, admin: bool = False) -> Any:
        reply = await pages[path].answer(PageRequest("GET", path, query, key=key, admin=admin))
        assert reply.status == 200
        return msgspec.json.decode(reply.body)

    yield ask
    state.close()


async def test_of_all(ask: Ask) -> None:
    assert await ask("/global/spend") == {"spend": 0.015, "max_budget": 0.0}
    assert await ask("/global/spend/logs") == [
        {"date": "2024-10-04", "spend": 0.007},
        {"date": "2024-10-05", "spend": 0.008},
    ]


async def test_the_dearest_keys_and_models(ask: Ask) -> None:
    assert await ask("/global/spend/keys") == [
        {"api_key": "k1", "key_alias": "ci", "key_name": None, "total_spend": 0.011},
        {"api_key": "k2", "key_alias": "two", "key_name": None, "total_spend": 0.004},
    ]
    assert len(await ask("/global/spend/keys", f"{DAYS}&limit=1")) == 1
    assert await ask("/global/spend/models") == [
        {"model": "gpt-4o-2024", "total_spend": 0.015, "total_tokens": 120}
    ]
    assert await ask("/global/spend/provider") == [{"provider": "openai", "spend": 0.015}]


async def test_tags(ask: Ask) -> None:
    assert await ask("/spend/tags") == [
        {"individual_request_tag": "b", "log_count": 2, "total_spend": 0.009},
        {"individual_request_tag": "a", "log_count": 2, "total_spend": 0.003},
    ]
    found = await ask("/global/spend/tags", f"{DAYS}&tags=a")
    assert found == {"spend_per_tag": [{"name": "a", "spend": 0.003, "log_count": 2}]}


async def test_teams_by_day(ask: Ask) -> None:
    found = await ask("/global/spend/teams")
    assert found["daily_spend"] == [
        {"date": "2024-10-04", "Unassigned Team": 0.004, "t1": 0.003},
        {"date": "2024-10-05", "t1": 0.008},
    ]
    assert found["teams"] == ["t1", "Unassigned Team"]


async def test_activity_of_all(ask: Ask) -> None:
    assert await ask("/global/activity") == {
        "daily_data": [
            {"date": "2024-10-04", "api_requests": 4, "total_tokens": 90},
            {"date": "2024-10-05", "api_requests": 1, "total_tokens": 30},
        ],
        "sum_api_requests": 5,
        "sum_total_tokens": 120,
    }


async def test_activity_of_each_model(ask: Ask) -> None:
    found = await ask("/global/activity/model")
    whole = await ask("/global/activity")
    assert [(each["model"], each["sum_api_requests"]) for each in found] == [("gpt-4o", 4), ("gpt-x", 1)]
    assert sum(each["sum_total_tokens"] for each in found) == whole["sum_total_tokens"]
    assert [day["date"] for day in found[1]["daily_data"]] == ["2024-10-05"]


async def test_tags_that_there_are(ask: Ask) -> None:
    assert await ask("/global/spend/all_tag_names") == {"tag_names": ["a", "b"]}


async def test_daily_activity_is_whole_in_any_case(ask: Ask) -> None:
    assert await ask("/user/daily/activity/aggregated") == await ask("/user/daily/activity")


async def test_report_by_team(ask: Ask) -> None:
    first, second = await ask("/global/spend/report")
    assert first["group_by_day"] == "2024-10-04T00:00:00+00:00"
    assert {team["team_name"]: team["total_spend"] for team in first["teams"]} == {
        "Unassigned Team": 0.004,
        "t1": 0.003,
    }
    assert second["teams"] == [
        {
            "team_name": "t1",
            "total_spend": 0.008,
            "metadata": [{"model": "gpt-4o-2024", "api_key": "k1", "spend": 0.008, "total_tokens": 30}],
        }
    ]


async def test_report_by_key_and_of_one(ask: Ask) -> None:
    by_key = await ask("/global/spend/report", f"{DAYS}&group_by=api_key")
    assert [(one["api_key"], one["total_cost"], one["total_input_tokens"]) for one in by_key] == [
        ("k1", 0.011, 30),
        ("k2", 0.004, 10),
    ]
    assert by_key[1]["model_details"] == [
        {"model": "gpt-4o-2024", "total_cost": 0.004, "total_input_tokens": 10, "total_output_tokens": 20}
    ]
    assert await ask("/global/spend/report", f"{DAYS}&api_key=k2") == by_key[1:]
    assert await ask("/global/spend/report", f"{DAYS}&internal_user_id=u2") == by_key[1:]


async def test_report_by_customer(ask: Ask) -> None:
    (day,) = await ask("/global/spend/report", f"{DAYS}&group_by=customer")
    assert day["customers"] == [
        {
            "customer": "c1",
            "total_spend": 0.001,
            "metadata": [{"model": None, "api_key": "k1", "spend": 0.001, "total_tokens": 30}],
        }
    ]
    assert await ask("/global/spend/report", f"{DAYS}&customer_id=c1") == [day]


async def test_daily_activity(ask: Ask) -> None:
    found = await ask("/user/daily/activity")
    assert [day["date"] for day in found["results"]] == ["2024-10-05", "2024-10-04"]
    day = found["results"][1]
    assert (day["metrics"]["spend"], day["metrics"]["api_requests"], day["metrics"]["failed_requests"]) == (
        0.007,
        4,
        1,
    )
    assert day["metrics"]["cache_read_input_tokens"] == 12
    breakdown = day["breakdown"]
    assert {name: part["metrics"]["spend"] for name, part in breakdown["entities"].items()} == {
        "u1": 0.003,
        "u2": 0.004,
    }
    assert {name: part["metrics"]["spend"] for name, part in breakdown["model_groups"].items()} == {
        "gpt-4o": 0.007
    }
    assert breakdown["api_keys"]["k2"]["metadata"] == {"key_alias": "two", "team_id": None}
    assert breakdown["providers"]["openai"]["metrics"]["total_tokens"] == 90
    assert found["metadata"]["total_spend"] == 0.015
    assert found["metadata"]["total_api_requests"] == 5


@pytest.mark.parametrize(
    ("path", "field", "value", "spend"),
    [
        ("/user/daily/activity", "user_id", "u2", 0.004),
        ("/team/daily/activity", "team_ids", "t1", 0.011),
        ("/tag/daily/activity", "tags", "b", 0.009),
        ("/customer/daily/activity", "end_user_ids", "c1", 0.001),
    ],
)
async def test_daily_activity_of_one(ask: Ask, path: str, field: str, value: str, spend: float) -> None:
    found = await ask(path, f"{DAYS}&{field}={value}")
    assert found["metadata"]["total_spend"] == spend
    assert set(found["results"][0]["breakdown"]["entities"]) == {value}


async def test_logs_by_day(ask: Ask) -> None:
    first, second, third = await ask("/spend/logs")
    assert first == {
        "startTime": "2024-10-04", "spend": 0.007, "k1": 0.003, "k2": 0.004,
        "users": {"u1": 0.003, "u2": 0.004}, "models": {"gpt-4o-2024": 0.007},
    }  # fmt: skip
    assert second["spend"] == 0.008
    assert third == {"startTime": "2024-10-06", "spend": 0, "users": {}, "models": {}}


async def test_single_logs(ask: Ask) -> None:
    found = await ask("/spend/logs", f"{DAYS}&summarize=false")
    assert len(found) == 5
    assert found[0] == {
        "request_id": found[0]["request_id"], "call_type": "/chat/completions", "api_key": "k1", "spend": 0.008,
        "total_tokens": 30, "prompt_tokens": 10, "completion_tokens": 20, "startTime": "2024-10-05T12:00:00.000Z",
        "endTime": "2024-10-05T12:00:01.000Z", "completionStartTime": "2024-10-05T12:00:00.250Z",
        "request_duration_ms": 1000, "model": "gpt-4o-2024", "model_id": "d1", "model_group": "gpt-x",
        "custom_llm_provider": "openai", "user": "u1", "team_id": "t1", "end_user": "", "request_tags": ["b"],
        "status": "success", "messages": None, "metadata": found[0]["metadata"],
    }  # fmt: skip
    failed = next(one for one in found if one["status"] == "failure")
    assert (failed["spend"], failed["metadata"]["status_code"]) == (None, 500)
    assert await ask("/spend/logs", f"request_id={found[0]['request_id']}") == found[:1]
    assert len(await ask("/spend/logs", "user_id=u2")) == 1
    assert await ask("/spend/logs", "page_size=2&page=2") == found[2:4]


PATHS = sorted(page.path for page in spend_pages(control.NOTHING_KEPT, control.NOBODY_KNOWN))


@pytest.mark.parametrize("path", PATHS)
async def test_a_virtual_key_sees_its_own_only(ask: Ask, path: str) -> None:
    whole, own = await ask(path), await ask(path, key="k2")
    assert own != whole
    text = msgspec.json.encode(own).decode()
    assert not any(f'"{word}"' in text for word in ("k1", "u1", "t1", "a", "c1", "gpt-x", "ci"))
    if path != "/global/spend/report":  # it has another shape for one key
        assert await ask(path, f"{DAYS}&api_key=k2", key="k2") == own
    with pytest.raises(GatewayError) as told:
        await ask(path, f"{DAYS}&api_key=k1", key="k2")
    assert (told.value.status, told.value.code) == (403, "not_your_spend")
    assert await ask(path, key="k2", admin=True) == whole


async def test_a_virtual_key_finds_no_others_record(ask: Ask) -> None:
    theirs = (await ask("/spend/logs", "api_key=k1"))[0]["request_id"]
    assert await ask("/spend/logs", f"request_id={theirs}", key="k2") == []
    assert await ask("/spend/logs", "user_id=u1", key="k2") == []


@pytest.mark.parametrize(
    ("path", "query", "param"),
    [
        ("/global/spend/report", "", "start_date"),
        ("/user/daily/activity", "start_date=2024-10-04", "start_date"),
        ("/spend/logs", "start_date=2024-10-04", "start_date"),
        ("/global/spend", "start_date=yesterday", "start_date"),
        ("/global/spend", "end_date=2024-13-01", "end_date"),
        ("/global/spend/keys", "limit=0", "limit"),
        ("/global/spend/keys", "limit=many", "limit"),
        ("/spend/logs", "page_size=100000", "page_size"),
        ("/global/spend/report", f"{DAYS}&group_by=planet", "group_by"),
        ("/tag/daily/activity", f"{DAYS}&tags=a&model=gpt-4o", "group_by"),
        ("/user/daily/activity", "start_date=2020-01-01&end_date=2024-01-01", "start_date"),
    ],
)
async def test_what_is_wrong_with_a_question_is_told(ask: Ask, path: str, query: str, param: str) -> None:
    with pytest.raises(GatewayError) as told:
        await ask(path, query)
    assert (told.value.status, told.value.param) == (400, param)


async def test_without_days_it_is_the_last_thirty(ask: Ask) -> None:
    assert await ask("/global/spend", "") == {"spend": 0, "max_budget": 0.0}


async def test_without_a_state_file_it_says_so() -> None:
    for page in spend_pages(control.NOTHING_KEPT, control.NOBODY_KNOWN):
        with pytest.raises(GatewayError) as told:
            await page.answer(PageRequest("GET", page.path, DAYS))
        assert told.value.code == "state_off"
