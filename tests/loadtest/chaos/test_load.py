from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import trio

from loadtest.answers import Answer, chat, chat_stream, error, stalled, truncated
from loadtest.chaos.client import Connection, Seen
from loadtest.chaos.judge import Asked, Kind
from loadtest.chaos.load import BACKLOG_S, MOST_LINES, Pace, Tally, request
from loadtest.mock_upstream import MockUpstream, mock_upstream

ASK = request(Asked(5, stream=False), "sk-x")
BODY = chat().body


@pytest.fixture
async def mock() -> AsyncIterator[MockUpstream]:
    with trio.fail_after(10):
        async with mock_upstream() as made:
            yield made


@pytest.fixture
async def connection(mock: MockUpstream) -> AsyncIterator[Connection]:
    made = Connection(mock.port)
    yield made
    await made.close()


async def ask(connection: Connection, *, give_up_s: float = 5.0, leave_s: float | None = None) -> Seen:
    return await connection.ask(ASK, give_up_s, leave_s)


# -- the client


async def test_whole_answers_on_one_connection(mock: MockUpstream, connection: Connection) -> None:
    mock.script(chat(), chat_stream(3), error(503, retry_after="2"))
    found = [await ask(connection) for _ in range(3)]
    assert [each.status for each in found] == [200, 200, 503]
    assert [each.body for each in found] == [BODY, b"".join(chat_stream(3).body), error(503).body]  # type: ignore[arg-type]
    assert all(each.whole and not (each.malformed or each.left or each.hung) for each in found)
    assert found[2].headers[b"retry-after"] == b"2"
    assert mock.accepted == 1
    assert mock.requests[0].header(b"authorization") == b"Bearer sk-x"


@pytest.mark.parametrize("at", [len(chat().head()) + 10, len(chat().head()), 30, 0])
async def test_a_cut_answer_is_not_whole(mock: MockUpstream, connection: Connection, at: int) -> None:
    mock.script(truncated(at), chat())
    found = await ask(connection)
    head_came = at >= len(chat().head())
    assert (found.status, found.whole, found.malformed) == (200 if head_came else 0, False, "")
    assert found.body == BODY[: max(0, at - len(chat().head()))]  # type: ignore[index]
    assert (await ask(connection)).whole, "on a new connection"


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        chat().writes()[0] + b"HTTP/1.1 200 OK\r\n",
    ],
    ids=["chunk", "greeting", "more than asked for"],
)
async def test_what_is_not_http(mock: MockUpstream, connection: Connection, raw: bytes) -> None:
    mock.script(Answer(raw=raw))
    assert (await ask(connection)).malformed


async def test_a_client_leaves_when_it_meant_to(mock: MockUpstream, connection: Connection) -> None:
    mock.script(stalled(len(chat().head()) + 10))
    found = await ask(connection, leave_s=0.05)
    assert (found.left, found.hung, found.body) == (True, False, BODY[:10])  # type: ignore[index]
    assert await mock.closed_within(1)


async def test_a_client_gives_up(mock: MockUpstream, connection: Connection) -> None:
    mock.script(stalled())
    found = await ask(connection, give_up_s=0.05)
    assert (found.left, found.hung, found.status) == (False, True, 0)


# -- pace and tally


async def turns(pace: Pace, count: int) -> list[float]:
    began, found = trio.current_time(), list[float]()
    for _ in range(count):
        await pace.turn()
        found.append(trio.current_time() - began)
    return found


async def test_turns_come_evenly(autojump_clock: object) -> None:
    assert await turns(Pace(4.0), 4) == pytest.approx([0.0, 0.25, 0.5, 0.75], abs=1e-6)


async def test_what_could_not_be_asked_in_time_is_forgotten(autojump_clock: object) -> None:
    pace = Pace(4.0)
    await pace.turn()
    await trio.sleep(10.0)
    at_once = int(BACKLOG_S * 4) + 1
    found = await turns(pace, at_once + 2)
    assert found == pytest.approx([0.0] * at_once + [0.25, 0.5], abs=1e-6)


def counted(*ends: tuple[Kind | None, str]) -> Tally:
    tally = Tally()
    for number, (kind, wrong) in enumerate(ends):
        seen = Seen(1.0, headers={b"x-litellm-call-id": b"%d" % number}, first_at=1.5, ended_at=3.0)
        tally.count(Asked(number, stream=bool(number % 2)), seen, kind, wrong)
    return tally


def test_the_tally() -> None:
    tally = counted((Kind.WHOLE, ""), (Kind.WHOLE, ""), (Kind.CUT, "u0 was well"), (None, "took 99 s"))
    assert (tally.kinds, tally.wrong) == ({Kind.WHOLE: 2, Kind.CUT: 1}, 2)
    assert tally.lines == ["request 2 (whole): u0 was well", "request 3 (stream): took 99 s"]
    assert tally.kind_of_call == {"0": Kind.WHOLE, "1": Kind.WHOLE, "2": Kind.CUT}
    assert (tally.whole_s, tally.first_s) == ([2.0], [0.5])


def test_the_first_wrong_ones_are_kept() -> None:
    tally = counted(*[(Kind.CUT, "u0 was well")] * (MOST_LINES + 5))
    assert (tally.wrong, len(tally.lines)) == (MOST_LINES + 5, MOST_LINES)
