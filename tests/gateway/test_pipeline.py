"""One record for every outcome, and no request that takes the worker along."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest
import trio
import trio.testing

from proxy.access.identity import VirtualKey, token_of
from proxy.access.keys import Keys
from proxy.accounting.record import Record
from proxy.errors import Fault, GatewayError
from proxy.gateway.pipeline import Pipeline
from proxy.gateway.reading.intake_limits import IntakeLimits
from proxy.gateway.reading.reception import Reception
from proxy.gateway.reading.routes import Custom, Routes
from proxy.gateway.reading.spool import SpoolLimits
from proxy.gateway.trying.choosing import Choosing
from proxy.gateway.trying.run import Run
from proxy.routing.affinity import MemoryStore
from proxy.routing.router import Router, RouterSettings
from proxy.types import Deployment, Headers, Outcome, Page, PageRequest, Reply, Secret
from proxy.wire.gone import ClientGone
from proxy.wire.head import CHUNKED

KEY = (b"Authorization", b"Bearer sk-master")
BODY = b'{"model":"m","stream":true,"messages":[{"role":"user","content":"a secret prompt"}]}'


class Kept:
    def __init__(self) -> None:
        self.kept: list[Record] = []

    def record(self, record: Record) -> None:
        self.kept.append(record)

    async def run(self) -> None: ...

    def flush(self) -> None: ...


class FakeAttempts:
    """Ends every run as told."""

    def __init__(self) -> None:
        self.runs: list[Run] = []
        self.act: Callable[[Run], Awaitable[None]] = self.answer

    async def run(self, run: Run) -> None:
        self.runs.append(run)
        await self.act(run)

    @staticmethod
    def call_line(record: Record) -> Headers:
        return ((b"x-litellm-call-id", record.call_id.encode()),)

    @staticmethod
    async def answer(run: Run) -> None:
        await run.exchange.answer(Reply(200, b"{}"))
        run.record.status, run.record.outcome = 200, Outcome.OK

    def fail(self, error: BaseException, *, committed: bool = False) -> None:
        async def act(run: Run) -> None:
            if committed:
                await run.exchange.begin(None, b"")  # type: ignore[arg-type]
            raise error

        self.act = act


class House:
    def __init__(self, deployment: Deployment, *, has_key: bool = True) -> None:
        self.recorder = Kept()
        self.attempts = FakeAttempts()
        self.page_status = 200
        self.keys = Keys(Secret("sk-master") if has_key else None)
        self.asked: list[PageRequest] = []
        pages = [
            Page("/open", self._page, public=True, summary=""),
            Page("/closed", self._page, public=False, summary=""),
            Page("/admin", self._page, public=False, summary="", admin=True),
            Page("/told", self._page, public=False, summary="", methods=("POST", "GET")),
        ]
        customs = [Custom(b"/c", False, auth, False, frozenset(), "scope-d") for auth in (False,)]
        self.reception = Reception(Routes(pages, customs), self.keys)
        self.pipeline = Pipeline(
            self.reception,
            Choosing(Router([deployment], RouterSettings(), store=MemoryStore(9))),
            self.attempts,  # type: ignore[arg-type]
            self.recorder,
            IntakeLimits(1_000, SpoolLimits(1_000, 10_000), page_bytes=100),
        )

    async def _page(self, request: PageRequest) -> Reply:
        if self.page_status == 0:
            raise ZeroDivisionError
        self.asked.append(request)
        return Reply(self.page_status, f"{request.method} {request.path}?{request.query}".encode())

    async def serve(self, door: Any) -> Record:
        before = len(self.recorder.kept)
        await self.pipeline.serve(door)
        (record,) = self.recorder.kept[before:]
        return record


@pytest.fixture
def house(a_deployment: Callable[..., Deployment]) -> House:
    return House(a_deployment())


@pytest.fixture
def ask(exchange: Callable[..., Any]) -> Callable[..., Any]:
    def made(*pieces: bytes, key: bool = True, **fields: Any) -> Any:
        return exchange(*(pieces or (BODY,)), headers=(KEY,) if key else (), **fields)

    return made


def error_of(door: Any) -> dict[str, object]:
    (reply,) = door.replies
    found: dict[str, object] = msgspec.json.decode(reply.body)["error"]
    assert set(found) == {"message", "type", "param", "code"}
    return found


async def test_a_good_request(house: House, ask: Any) -> None:
    record = await house.serve(ask())
    assert (record.outcome, record.status, record.error) == (Outcome.OK, 200, None)
    assert (record.method, record.route, record.door) == ("POST", "/chat/completions", "fake")
    assert (record.model_asked, record.stream, record.request_bytes) == ("m", True, len(BODY))
    assert (record.caller, record.response_bytes) == ("master", 0)
    assert record.duration_s > 0
    assert len(record.call_id) == 36
    (run,) = house.attempts.runs
    assert (run.tried, run.choice.group_named, run.record) == ([], True, record)


async def test_the_record_holds_no_prompt_and_no_key(house: House, ask: Any) -> None:
    record = await house.serve(ask())
    written = msgspec.json.encode(record)
    assert b"secret prompt" not in written
    assert b"sk-master" not in written


@pytest.mark.parametrize(
    ("fields", "body", "status", "code"),
    [
        ({"key": False}, BODY, 401, "invalid_api_key"),
        ({"target": b"/nothing"}, BODY, 404, "unknown_url"),
        ({"target": b"/open"}, BODY, 405, "method_not_supported"),
        ({}, b"{}", 400, "missing_required_parameter"),
        ({}, b"nonsense", 400, "invalid_json"),
        ({}, b'{"model":"unknown"}', 404, "model_not_found"),
        ({}, b" " * 1_001, 413, "request_too_large"),
        ({}, b'{"model":"m","x":' + b"[" * 400 + b"]" * 399, 400, "invalid_json"),
    ],
)
async def test_a_clients_fault(
    house: House, ask: Any, fields: dict[str, Any], body: bytes, status: int, code: str
) -> None:
    door = ask(body, **fields)
    record = await house.serve(door)
    assert (record.outcome, record.status, record.error) == (Outcome.CLIENT_ERROR, status, code)
    assert (door.replies[0].status, error_of(door)["code"]) == (status, code)
    assert house.attempts.runs == []


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        (Fault.CLIENT, Outcome.CLIENT_ERROR),
        (Fault.UPSTREAM, Outcome.UPSTREAM_ERROR),
        (Fault.GATEWAY, Outcome.GATEWAY_ERROR),
    ],
)
async def test_whose_fault_it_was(house: House, ask: Any, fault: Fault, outcome: Outcome) -> None:
    house.attempts.fail(GatewayError(502, "no", code="why", fault=fault))
    record = await house.serve(ask())
    assert (record.outcome, record.status, record.error) == (outcome, 502, "why")


async def test_a_reason_known_before_is_kept(house: House, ask: Any) -> None:
    async def act(run: Run) -> None:
        run.record.error = "the upstream cannot be reached"
        raise GatewayError(502, "no", code="upstream_failed", fault=Fault.UPSTREAM)

    house.attempts.act = act
    assert (await house.serve(ask())).error == "the upstream cannot be reached"


async def test_a_client_that_left(house: House, ask: Any) -> None:
    house.attempts.fail(ClientGone())
    door = ask()
    record = await house.serve(door)
    assert (record.outcome, record.status, door.replies) == (Outcome.CLIENT_GONE, 0, [])


async def test_a_client_that_left_a_stream_of_comments(house: House, ask: Any) -> None:
    async def act(run: Run) -> None:
        await run.exchange.keep_alive(b"")
        raise ClientGone

    house.attempts.act = act
    record = await house.serve(ask())
    assert (record.outcome, record.status) == (Outcome.CLIENT_GONE, 200)


async def test_a_client_that_leaves_before_its_refusal(house: House, ask: Any) -> None:
    door = ask(b"{}")
    door.gone_at = "answer"
    assert (await house.serve(door)).outcome is Outcome.CLIENT_GONE


# -- bugs


async def test_a_bug_costs_one_request(house: House, ask: Any, caplog: pytest.LogCaptureFixture) -> None:
    house.attempts.fail(ZeroDivisionError("by nothing"))
    door = ask()
    with caplog.at_level(logging.ERROR, logger="sluice"):
        record = await house.serve(door)
    assert (record.outcome, record.status, record.error) == (Outcome.GATEWAY_ERROR, 500, "internal_error")
    found = error_of(door)
    assert (found["type"], found["code"]) == ("server_error", "internal_error")
    assert "by nothing" not in str(found["message"])
    assert record.call_id in caplog.text
    assert "ZeroDivisionError: by nothing" in caplog.text
    assert "secret prompt" not in caplog.text
    house.attempts.act = house.attempts.answer
    assert (await house.serve(ask())).outcome is Outcome.OK


async def test_a_bug_after_the_answer_began_cuts_it(house: House, ask: Any) -> None:
    house.attempts.fail(ZeroDivisionError(), committed=True)
    door = ask()
    record = await house.serve(door)
    assert record.outcome is Outcome.GATEWAY_ERROR
    assert (door.replies, door.last_words, door.ended) == ([], b"", False)


async def test_a_bug_in_a_page_is_a_500_too(house: House, ask: Any) -> None:
    house.page_status = 0
    door = ask(method=b"GET", target=b"/open", length=0)
    assert (await house.serve(door)).outcome is Outcome.GATEWAY_ERROR
    assert door.replies[0].status == 500


async def test_a_page_for_the_master_keys_holder(
    house: House, ask: Any, a_deployment: Callable[..., Deployment]
) -> None:
    page = {"method": b"GET", "target": b"/admin", "length": 0}
    assert (await house.serve(ask(**page))).outcome is Outcome.OK
    keyless = House(a_deployment(), has_key=False)
    for key in (True, False):
        door = ask(**page, key=key)
        record = await keyless.serve(door)
        assert (record.status, record.error) == (403, "master_key_needed")
        assert error_of(door)["code"] == "master_key_needed"


# -- cancellation: the worker runs out of time


async def cancelled(house: House, door: Any, *, committed: bool) -> Record:
    async def act(run: Run) -> None:
        if committed:
            await run.exchange.begin(None, b"")  # type: ignore[arg-type]
        await trio.sleep_forever()

    house.attempts.act = act
    with trio.move_on_after(0.01) as scope:
        await house.serve(door)
    assert scope.cancelled_caught
    (record,) = house.recorder.kept
    return record


async def test_stopped_before_the_answer_began(house: House, ask: Any) -> None:
    door = ask()
    record = await cancelled(house, door, committed=False)
    assert (record.outcome, record.status, record.error) == (Outcome.GATEWAY_ERROR, 503, "gateway_stopping")
    assert error_of(door)["code"] == "gateway_stopping"


@pytest.mark.parametrize("stream", [True, False])
async def test_stopped_amid_the_answer(house: House, ask: Any, stream: bool) -> None:
    door = ask(BODY if stream else b'{"model":"m"}')
    record = await cancelled(house, door, committed=True)
    assert (record.outcome, record.error) == (Outcome.TRUNCATED, "gateway_stopping")
    assert door.last_words is not None
    assert door.last_words.startswith(b'data: {"error":') is stream


async def test_stopped_while_something_runs_beside(house: House, ask: Any) -> None:
    door = ask()
    door.beside = trio.sleep_forever
    record = await cancelled(house, door, committed=False)
    assert record.error == "gateway_stopping"


async def test_a_stream_of_the_gateways_own_has_a_status(house: House, ask: Any) -> None:
    door = ask()

    async def act(run: Run) -> None:
        await run.exchange.keep_alive(b"")
        raise GatewayError(502, "no", code="upstream_failed", fault=Fault.UPSTREAM)

    house.attempts.act = act
    record = await house.serve(door)
    assert (record.outcome, record.status) == (Outcome.UPSTREAM_ERROR, 200)
    assert door.last_words.startswith(b'data: {"error":')


async def test_a_stream_of_the_gateways_own_that_is_stopped(house: House, ask: Any) -> None:
    door = ask(BODY)
    await door.keep_alive(b"")
    record = await cancelled(house, door, committed=False)
    assert (record.outcome, record.status) == (Outcome.TRUNCATED, 200)


# -- beside the request


async def test_what_runs_beside_ends_with_the_request(house: House, ask: Any) -> None:
    seen: list[str] = []
    door = ask()

    async def beside() -> None:
        seen.append("began")
        try:
            await trio.sleep_forever()
        finally:
            seen.append("ended")

    async def act(run: Run) -> None:
        await trio.testing.wait_all_tasks_blocked()
        await house.attempts.answer(run)

    door.beside, house.attempts.act = beside, act
    assert (await house.serve(door)).outcome is Outcome.OK
    assert seen == ["began", "ended"]


# -- who


@pytest.mark.parametrize(
    ("target", "key", "status"),
    [
        (b"/open", False, 200),
        (b"/open", True, 200),
        (b"/closed", True, 200),
        (b"/closed", False, 401),
        (b"/c", False, 200),
    ],
)
async def test_which_paths_need_a_key(house: House, ask: Any, target: bytes, key: bool, status: int) -> None:
    record = await house.serve(ask(method=b"GET", target=target, key=key, length=0))
    assert record.status == status


async def test_pages_see_the_request(house: House, ask: Any) -> None:
    door = ask(method=b"GET", target=b"/open?a=1", length=0)
    record = await house.serve(door)
    assert door.replies[0].body == b"GET /open?a=1"
    assert (record.route, record.outcome, record.attempts) == ("/open", Outcome.OK, 0)


async def test_a_pages_own_refusal(house: House, ask: Any) -> None:
    house.page_status = 404
    record = await house.serve(ask(method=b"GET", target=b"/open", length=0))
    assert (record.status, record.outcome) == (404, Outcome.CLIENT_ERROR)


# -- memory


async def test_a_key_that_ends_ends_for_heads_that_came_before(house: House, ask: Any) -> None:
    for _ in range(2):
        assert (await house.serve(ask())).status == 200
    house.reception._keys = Keys(Secret("sk-another"))
    assert (await house.serve(ask())).status == 401


async def test_a_page_is_told_its_body_and_who_asks(house: House, ask: Any) -> None:
    assert (await house.serve(ask(b'{"a"', b":1}", target=b"/told"))).status == 200
    assert (await house.serve(ask(b"left alone", target=b"/told", method=b"GET"))).status == 200
    assert (await house.serve(ask(key=False, target=b"/open", method=b"GET"))).status == 200
    told = [(request.body, request.key, request.admin) for request in house.asked]
    assert told == [(b'{"a":1}', None, True), (b"", None, True), (b"", None, False)]


async def test_a_pages_body_is_bounded_and_plain(house: House, ask: Any, exchange: Any) -> None:
    for pieces, length in (((b"x" * 101,), 101), ((b"x" * 60, b"x" * 60), CHUNKED)):
        door = ask(*pieces, target=b"/told", length=length)
        assert (await house.serve(door)).status == 413
        assert "page_body_mb" in str(error_of(door)["message"])
    door = exchange(b"{}", headers=(KEY, (b"content-encoding", b"gzip")), target=b"/told")
    assert (await house.serve(door)).status == 415
    assert house.asked == []


def virtual(secret: str, **fields: Any) -> VirtualKey:
    token = token_of(secret.encode())
    return VirtualKey(id=token, token=token, key_name="sk-...", **fields)


async def test_a_virtual_key_is_in_the_record_and_its_limits_hold(house: House, exchange: Any) -> None:
    key = virtual("sk-v", key_alias="ci", user_id="u", team_id="t", tags=("k",), models=("m",))
    house.keys.directory.configure([key])
    door = exchange(
        b'{"model":"m","user":"c","metadata":{"tags":["w"]}}', headers=((b"authorization", b"Bearer sk-v"),)
    )
    record = await house.serve(door)
    assert (record.caller, record.key, record.key_alias, record.user) == ("ci", key.id, "ci", "u")
    assert (record.team, record.customer, record.tags) == ("t", "c", ("k", "w"))
    door = exchange(b'{"model":"n"}', headers=((b"authorization", b"Bearer sk-v"),))
    record = await house.serve(door)
    assert (record.status, record.error, record.model_asked) == (403, "model_not_allowed", "n")
    assert b"sk-v" not in msgspec.json.encode(record)


async def test_a_key_that_another_process_has_just_made_is_looked_for(house: House, exchange: Any) -> None:
    sought: list[str] = []

    async def seek(digest: bytes) -> bool:
        sought.append(digest.hex())
        house.keys.directory.configure([virtual("sk-new")])
        return sought == [virtual("sk-new").id]

    house.reception._seek = seek
    door = exchange(BODY, headers=((b"authorization", b"Bearer sk-new"),))
    assert (await house.serve(door)).status == 200
    door = exchange(BODY, headers=((b"authorization", b"Bearer sk-never"),))
    assert (await house.serve(door)).status == 401
    assert len(sought) == 2


async def test_an_administrators_page_is_not_for_every_key(house: House, exchange: Any) -> None:
    house.keys.directory.configure([virtual("sk-v")])
    door = exchange(target=b"/admin", method=b"GET", headers=((b"authorization", b"Bearer sk-v"),))
    assert (await house.serve(door)).status == 403


async def test_a_page_is_told_what_its_sender_may_use(house: House, exchange: Any) -> None:
    house.keys.directory.configure([virtual("sk-v", models=("m",))])
    await house.serve(
        exchange(target=b"/closed", method=b"GET", headers=((b"authorization", b"Bearer sk-v"),))
    )
    (request,) = house.asked
    assert (request.may_use("m"), request.may_use("n"), request.key) == (True, False, virtual("sk-v").id)
