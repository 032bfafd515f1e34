"""The fault matrix on real sockets: each cell of loadtest/fault_matrix/table.py, through both doors."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from loadtest.answers import DONE, Framing, chat, chat_stream
from loadtest.certificates import make_certificates
from loadtest.fault_matrix.table import Cell, Seen, Topology, cells, expected
from proxy.edge import http1
from proxy.gateway.answering import BROKE_OFF
from tests.faults.conftest import DOORS
from tests.faults.matrix_run import Observed, body_of, run_all
from tests.faults.staging import answer, came

CELLS = cells()
GOOD = chat().body, b"".join(chat_stream().body)
"""Not streamed, streamed."""
STATUSES = {Seen.FAILED: (502, "upstream_failed"), Seen.TIMEOUT: (504, "upstream_timeout")}
BROKEN = frozenset({Seen.EVENT_AND_CUT, Seen.CUT})
LAST_WORDS = {Seen.EVENT_AND_CUT: BROKE_OFF}
every_cell = pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.name)


@pytest.fixture(scope="module", params=DOORS)
def observed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict]:
    """All cells, run side by side; what was seen of each by its name."""
    folder: Path = tmp_path_factory.mktemp("matrix")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(http1, "switches_protocol", lambda _head, _length: True)
        tls = make_certificates(folder).server_context()
        yield trio.run(run_all, CELLS, folder, tls, DOORS[request.param])


@every_cell
def test_what_the_client_sees(observed: dict[str, Observed], cell: Cell) -> None:
    seen, wanted = observed[cell.name].seen, expected(cell).seen
    if wanted in STATUSES:
        assert (seen.status, seen.error["code"], seen.whole) == (*STATUSES[wanted], True)
        return
    status, body = promised(cell, wanted)
    assert (seen.status, seen.body) == (status, body)
    if not ends_by_closing(cell, wanted):  # where a close is the only end there is, it proves nothing
        assert seen.whole is (wanted not in BROKEN)
    if wanted in BROKEN:
        assert DONE not in seen.body


def promised(cell: Cell, wanted: Seen) -> tuple[int, bytes]:
    """Status and body, to the byte."""
    if wanted is Seen.ELSEWHERE:
        return 200, GOOD[cell.mode.streams]
    name, streams = cell.fault.name, cell.mode.streams
    return answer(name, streams=streams).status, came(name, streams=streams) + LAST_WORDS.get(wanted, b"")


def ends_by_closing(cell: Cell, wanted: Seen) -> bool:
    if wanted is Seen.ELSEWHERE:
        return False
    return answer(cell.fault.name, streams=cell.mode.streams).framing is Framing.CLOSE


@every_cell
def test_what_its_headers_say(observed: dict[str, Observed], cell: Cell) -> None:
    seen, wanted = observed[cell.name].seen, expected(cell)
    served = wanted.seen not in STATUSES
    if served:
        assert seen.retries == wanted.attempts - 1
        helped = wanted.seen is Seen.ELSEWHERE
        assert seen.headers[b"x-litellm-model-id"] == f"{'good' if helped else 'bad'}-{cell.name}".encode()
        fell_back = helped and cell.topology is Topology.FALLBACK
        assert seen.headers[b"x-litellm-attempted-fallbacks"] == (b"1" if fell_back else b"0")
    told_off = wanted.seen in (*STATUSES, Seen.OWN_ERROR) and wanted.attempts > 1
    assert seen.headers.get(b"x-should-retry") == (b"false" if told_off else None)
    if wanted.seen is Seen.OWN_ERROR:
        said = answer(cell.fault.name, streams=cell.mode.streams)
        assert seen.headers.get(b"retry-after") == dict(said.headers).get(b"retry-after")


@every_cell
def test_who_was_asked(observed: dict[str, Observed], cell: Cell) -> None:
    found, wanted = observed[cell.name], expected(cell)
    reached = cell.fault.sort.value != "unreachable"
    assert len(found.asked) == (wanted.asked if reached else 0)
    assert len(found.helped) == (wanted.seen is Seen.ELSEWHERE)
    bodies = {request.body.replace(b'"gpt-4o-mini"', b'"%b"' % cell.name.encode())
              for request in (*found.asked, *found.helped)}  # fmt: skip
    assert bodies <= {body_of(cell)}


@every_cell
def test_what_becomes_of_the_key(observed: dict[str, Observed], cell: Cell) -> None:
    found, wanted = observed[cell.name], expected(cell)
    assert (found.bad.failures, found.bad.reason) == (wanted.failures, wanted.bench)
    assert found.bad.state == ("open" if wanted.bench else "closed")
    assert found.bad.requests == wanted.asked
    assert found.bad.in_flight == 0
    if found.good is not None:
        helped = int(wanted.seen is Seen.ELSEWHERE)
        assert (found.good.requests, found.good.failures, found.good.in_flight) == (helped, 0, 0)


@every_cell
def test_what_the_record_says(observed: dict[str, Observed], cell: Cell) -> None:
    record, wanted = observed[cell.name].record, expected(cell)
    assert (record.outcome.value, record.attempts) == (wanted.outcome, wanted.attempts)
    assert record.status == observed[cell.name].seen.status
    helped = wanted.seen is Seen.ELSEWHERE
    assert record.deployment_id == f"{'good' if helped else 'bad'}-{cell.name}"
    assert record.fallbacks == (helped and cell.topology is Topology.FALLBACK)
    assert (record.error is None) == (wanted.outcome in ("ok", "client_error") or wanted.seen is Seen.OWN_ERROR)
