"""The fault matrix on real sockets: each cell of loadtest/fault_matrix/table.py, through both doors."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from loadtest.answers import DONE, Framing, chat, chat_stream
from loadtest.certificates import make_certificates
from loadtest.fault_matrix.table import Cell, Expected, Seen, Sort, Topology, cells, expected
from proxy.gateway.telling.last_words import BROKE_OFF
from tests.faults.conftest import DOORS, both_doors
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
def observed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Observed]]:
    """All cells, run side by side; what was seen of each by its name."""
    folder: Path = tmp_path_factory.mktemp("matrix")
    with pytest.MonkeyPatch.context() as patch:
        both_doors(patch)
        tls = make_certificates(folder).server_context()
        yield trio.run(run_all, CELLS, folder, tls, DOORS[request.param])


@every_cell
def test_cell(observed: dict[str, Observed], cell: Cell) -> None:
    found, wanted = observed[cell.name], expected(cell)
    assert_client_saw(found, cell, wanted)
    assert_headers_say(found, cell, wanted)
    assert_asked(found, cell, wanted)
    assert_key_is(found, wanted)
    assert_recorded(found, cell, wanted)


def assert_client_saw(found: Observed, cell: Cell, wanted: Expected) -> None:
    seen = found.seen
    if wanted.seen in STATUSES:
        assert (seen.status, seen.error["code"], seen.whole) == (*STATUSES[wanted.seen], True)
        return
    assert (seen.status, seen.body) == promised(cell, wanted.seen)
    if not ends_by_closing(cell, wanted.seen):  # where a close is the only end there is, it proves nothing
        assert seen.whole is (wanted.seen not in BROKEN)
    if wanted.seen in BROKEN:
        assert DONE not in seen.body


def promised(cell: Cell, wanted: Seen) -> tuple[int, bytes]:
    """Status and body, to the byte."""
    if wanted is Seen.ELSEWHERE:
        return 200, GOOD[cell.mode.streams]
    name, streams = cell.fault.name, cell.mode.streams
    if wanted is Seen.TRUE_STATUS:
        return 429, came(name, streams=streams)
    return answer(name, streams=streams).status, came(name, streams=streams) + LAST_WORDS.get(wanted, b"")


def ends_by_closing(cell: Cell, wanted: Seen) -> bool:
    if wanted is Seen.ELSEWHERE:
        return False
    return answer(cell.fault.name, streams=cell.mode.streams).framing is Framing.CLOSE


def assert_headers_say(found: Observed, cell: Cell, wanted: Expected) -> None:
    headers = found.seen.headers
    if wanted.seen not in STATUSES:
        assert found.seen.retries == wanted.attempts - 1
        assert headers[b"x-litellm-model-id"] == answered_by(cell, wanted).encode()
        assert headers[b"x-litellm-attempted-fallbacks"] == b"%d" % fell_back(cell, wanted)
    own = (*STATUSES, Seen.OWN_ERROR, Seen.TRUE_STATUS)
    hidden = cell.fault.sort is Sort.HIDDEN and wanted.seen is Seen.AS_CAME
    told_off = (wanted.seen in own or hidden) and wanted.attempts > 1
    assert headers.get(b"x-should-retry") == (b"false" if told_off else None)
    if wanted.seen is Seen.OWN_ERROR:
        said = dict(answer(cell.fault.name, streams=cell.mode.streams).headers)
        assert headers.get(b"retry-after") == said.get(b"retry-after")


def assert_asked(found: Observed, cell: Cell, wanted: Expected) -> None:
    """Each upstream got what the client sent, no oftener than it should."""
    reached = cell.fault.sort is not Sort.UNREACHABLE
    assert len(found.asked) == (wanted.asked if reached else 0)
    assert len(found.helped) == (wanted.seen is Seen.ELSEWHERE)
    named = b'"%b"' % cell.name.encode()
    bodies = {each.body.replace(b'"gpt-4o-mini"', named) for each in (*found.asked, *found.helped)}
    assert bodies <= {body_of(cell)}


def assert_key_is(found: Observed, wanted: Expected) -> None:
    bad, good = found.bad, found.good
    assert (bad.requests, bad.failures, bad.reason) == (wanted.asked, wanted.failures, wanted.bench)
    assert (bad.state, bad.in_flight) == ("open" if wanted.bench else "closed", 0)
    if good is not None:
        assert (good.requests, good.failures, good.in_flight) == (wanted.seen is Seen.ELSEWHERE, 0, 0)


def assert_recorded(found: Observed, cell: Cell, wanted: Expected) -> None:
    record = found.record
    assert (record.outcome.value, record.status) == (wanted.outcome, found.seen.status)
    assert (record.attempts, record.fallbacks) == (wanted.attempts, fell_back(cell, wanted))
    assert record.deployment_id == answered_by(cell, wanted)
    answered = wanted.outcome in ("ok", "client_error") or wanted.seen is Seen.OWN_ERROR
    assert (record.error is None) is answered


def answered_by(cell: Cell, wanted: Expected) -> str:
    return f"{'good' if wanted.seen is Seen.ELSEWHERE else 'bad'}-{cell.name}"


def fell_back(cell: Cell, wanted: Expected) -> bool:
    return wanted.seen is Seen.ELSEWHERE and cell.topology is Topology.FALLBACK
