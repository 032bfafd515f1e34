"""Each sink against a real HTTP server, which misbehaves in the ways that servers do."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable

import msgspec
import pytest
import trio

from loadtest.answers import Answer, Fault, RawRequest
from loadtest.mock_upstream import MockUpstream, mock_upstream
from proxy.accounting.record import Record
from proxy.sinks.events import BudgetEvent, KeyEvent
from proxy.sinks.langfuse import Langfuse
from proxy.sinks.otel import Otel
from proxy.sinks.s3 import S3
from proxy.sinks.signing import Credentials
from proxy.sinks.sink import Away, Refused, Sink
from proxy.sinks.webhook import Webhook, is_private
from proxy.types import Cost, Outcome, Secret, Usage

MakeRecord = Callable[..., Record]
OK = Answer(200, (), b"{}")
SECRET = "nobody-may-see-this"
WHO = Credentials("AKIA", Secret(SECRET))


def webhook(url: str) -> Sink:
    return Webhook(f"{url}/hook?token={SECRET}", Secret(SECRET), {"authorization": f"Bearer {SECRET}"})


def langfuse(url: str) -> Sink:
    return Langfuse(url, "pk", Secret(SECRET))


def otel(url: str) -> Sink:
    return Otel(url, {"x-key": SECRET}, "sluice", "1.0")


def s3(url: str) -> Sink:
    return S3("bucket", "eu-central-1", WHO, "logs", url)


SINKS = pytest.mark.parametrize("make", [webhook, langfuse, otel, s3])
MakeSink = Callable[[str], Sink]


async def sent(sink: Sink, mock: MockUpstream, *records: Record) -> RawRequest:
    mock.script(OK)
    with trio.fail_after(10):
        await sink.send(records)
    return mock.requests[-1]


@SINKS
async def test_what_servers_do(make: MakeSink, make_record: MakeRecord) -> None:
    async with mock_upstream() as mock:
        sink = make(mock.url)
        for answer, raised in (
            (Answer(500, (), b"{}"), Away),
            (Answer(503, ((b"retry-after", b"7"),), b"{}"), Away),
            (Answer(401, (), b"{}"), Away),
            (Answer(302, ((b"location", b"http://127.0.0.1:1/"),), b""), Away),
            (Answer(413, (), b"{}"), Refused),
            (Answer(400, (), b"{}"), Refused),
            (Answer(200, (), b"{}", fault=Fault.RESET), Away),
            (Answer(200, (), b"{}", fault=Fault.CLOSE), Away),
        ):
            mock.script(answer)
            with trio.fail_after(10), pytest.raises(raised) as caught:
                await sink.send([make_record()])
            assert SECRET not in str(caught.value)
            if answer.status == 503:
                assert caught.value.retry_after_s == 7.0  # type: ignore[attr-defined]
        mock.script(Answer(200, (), b"{}", fault=Fault.STALL))
        with trio.move_on_after(0.2) as scope:
            await sink.send([make_record()])
        assert scope.cancelled_caught
        await sent(sink, mock, make_record())


@SINKS
async def test_nobody_is_there(make: MakeSink, make_record: MakeRecord) -> None:
    with pytest.raises(Away) as caught:
        await make("http://127.0.0.1:9").send([make_record()])
    assert SECRET not in str(caught.value)


@SINKS
async def test_a_long_answer_is_no_reason_to_hold_it(make: MakeSink, make_record: MakeRecord) -> None:
    async with mock_upstream() as mock:
        mock.script(Answer(200, (), b" " * 10_000_000))
        with trio.fail_after(10):
            await make(mock.url).send([make_record()])


async def test_a_webhook_is_signed_so_that_its_owner_can_tell(make_record: MakeRecord) -> None:
    async with mock_upstream() as mock:
        request = await sent(webhook(mock.url), mock, make_record(call_id="a"), make_record(call_id="b"))
        again = await sent(webhook(mock.url), mock, make_record(call_id="a"), make_record(call_id="b"))
    id_, moment = request.header(b"webhook-id"), request.header(b"webhook-timestamp")
    assert id_ is not None
    assert moment is not None
    signed = b".".join((id_, moment, request.body))
    digest = hmac.digest(SECRET.encode(), signed, hashlib.sha256)
    assert request.header(b"webhook-signature") == b"v1," + base64.b64encode(digest)
    assert again.header(b"webhook-id") == id_  # the same batch
    said = json.loads(request.body)
    assert said["type"] == "records"
    assert [record["call_id"] for record in said["records"]] == ["a", "b"]
    assert said["records"][0].keys() == set(Record.__struct_fields__)


async def test_a_webhook_hears_of_budgets() -> None:
    event = BudgetEvent(type="budget.exceeded", at_unix_s=1.0, call_id="c", limit_nano=1, key_alias="ci")
    async with mock_upstream() as mock:
        mock.script(OK)
        await Webhook(mock.url, None, {}).tell(event)
    said = json.loads(mock.requests[-1].body)
    assert (said["type"], said["data"]["key_alias"]) == ("budget.exceeded", "ci")
    assert mock.requests[-1].header(b"webhook-signature") is None


async def test_langfuse_gets_a_trace_and_a_generation(make_record: MakeRecord) -> None:
    record = make_record(
        usage=Usage(100, 50, 150, 80, 20),
        cost=Cost(1_500_000_000),
        tags=("t",),
        customer="end",
        outcome=Outcome.OK,
    )
    async with mock_upstream() as mock:
        request = await sent(langfuse(mock.url), mock, record)
    assert request.target == b"/api/public/ingestion"
    assert request.header(b"authorization") == b"Basic " + base64.b64encode(f"pk:{SECRET}".encode())
    trace, generation = json.loads(request.body)["batch"]
    assert (trace["type"], trace["body"]["userId"], trace["body"]["tags"]) == ("trace-create", "end", ["t"])
    body = generation["body"]
    assert body["traceId"] == trace["body"]["id"] == record.call_id
    assert body["usageDetails"] == {
        "input": 20, "input_cached_tokens": 80, "output": 30, "output_reasoning_tokens": 20, "total": 150,
    }  # fmt: skip
    assert body["costDetails"] == {"total": 1.5}
    assert body["startTime"] == "2023-11-14T22:13:20.250Z"
    assert (body["completionStartTime"], body["endTime"]) == (
        "2023-11-14T22:13:20.500Z",
        "2023-11-14T22:13:21.750Z",
    )


async def test_what_langfuse_refuses_within_a_207(make_record: MakeRecord) -> None:
    async with mock_upstream() as mock:
        for errors, raised in ((1, False), (2, True)):
            body = json.dumps({"successes": [], "errors": [{"id": "x", "status": 400}] * errors}).encode()
            mock.script(Answer(207, (), body))
            if raised:
                with pytest.raises(Refused):
                    await langfuse(mock.url).send([make_record()])
            else:
                await langfuse(mock.url).send([make_record()])


PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


async def test_a_span_continues_its_clients(make_record: MakeRecord) -> None:
    record = make_record(route="/chat/completions", stream=True, traceparent=PARENT, usage=Usage(1, 2, 3))
    async with mock_upstream() as mock:
        request = await sent(otel(mock.url), mock, record)
    assert (request.target, request.header(b"x-key")) == (b"/v1/traces", SECRET.encode())
    (resource,) = json.loads(request.body)["resourceSpans"]
    assert {"key": "service.name", "value": {"stringValue": "sluice"}} in resource["resource"]["attributes"]
    (span,) = resource["scopeSpans"][0]["spans"]
    assert (span["traceId"], span["parentSpanId"]) == (PARENT[3:35], PARENT[36:52])
    assert len(bytes.fromhex(span["spanId"])) == 8
    assert (span["name"], span["kind"]) == ("chat gpt-4o", 3)
    assert span["startTimeUnixNano"] == "1700000000250000000"
    assert "status" not in span
    facts = {each["key"]: each["value"] for each in span["attributes"]}
    assert facts["gen_ai.operation.name"] == {"stringValue": "chat"}
    assert facts["gen_ai.usage.input_tokens"] == {"intValue": "1"}
    assert facts["gen_ai.response.time_to_first_chunk"] == {"doubleValue": 0.25}
    assert facts["http.response.status_code"] == {"intValue": "200"}


@pytest.mark.parametrize(
    "said",
    [None, "", "00-" + "0" * 32 + "-00f067aa0ba902b7-01", PARENT[:-1], PARENT.upper(), "ff" + PARENT[2:]],
)
async def test_a_span_without_a_clients_is_its_own(make_record: MakeRecord, said: str | None) -> None:
    record = make_record(traceparent=said, outcome=Outcome.TRUNCATED, error="source closed early")
    async with mock_upstream() as mock:
        request = await sent(otel(f"{mock.url}/v1/traces"), mock, record)
    assert request.target == b"/v1/traces"
    span = json.loads(request.body)["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    assert "parentSpanId" not in span
    assert len(bytes.fromhex(span["traceId"])) == 16
    assert span["status"] == {"code": 2, "message": "source closed early"}


async def test_an_object_of_json_lines_is_put(make_record: MakeRecord) -> None:
    async with mock_upstream() as mock:
        records = [make_record(call_id="a"), make_record(call_id="b")]
        request = await sent(s3(mock.url), mock, *records)
        again = await sent(s3(mock.url), mock, *records)
    assert request.method == b"PUT"
    assert request.target.startswith(b"/bucket/logs/2023-11-14/22-13-20_")
    assert again.target == request.target
    assert [json.loads(line)["call_id"] for line in request.body.splitlines()] == ["a", "b"]
    assert request.header(b"x-amz-content-sha256") == hashlib.sha256(request.body).hexdigest().encode()
    said = request.header(b"authorization") or b""
    assert said.startswith(b"AWS4-HMAC-SHA256 Credential=AKIA/")
    assert SECRET.encode() not in request.head


def test_every_field_of_a_record_can_be_kept_and_read_again(make_record: MakeRecord) -> None:
    record = make_record(cost=Cost(1, source="x"), tags=("a", "b"), traceparent=PARENT)
    (again,) = msgspec.msgpack.decode(msgspec.msgpack.encode([record]), type=list[Record])
    assert msgspec.structs.asdict(again) == msgspec.structs.asdict(record)


@pytest.mark.parametrize(
    ("url", "private"),
    [
        ("https://hooks.example.com/x", True),
        ("http://127.0.0.1:80/x", True),
        ("http://[::1]/x", True),
        ("http://hooks.example.com/x", False),
        ("http://127.0.0.1.example.com/x", False),
    ],
)
async def test_a_new_secret_goes_where_nobody_on_the_way_reads_it(url: str, private: bool) -> None:
    assert is_private(url) is private
    if not private:
        event = KeyEvent(
            type="key.rotated", at_unix_s=1.0, key="k", token="t", key_alias=None, key_name="sk-...abcd",
            user=None, team=None, secret="sk-new", old_until_unix_s=2.0, next_unix_s=None,
        )  # fmt: skip
        with pytest.raises(Refused):
            await Webhook(url, None, {}).tell(event)
