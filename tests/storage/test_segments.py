"""One caller's newest records, found without an index by caller: as if all were read."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from proxy.accounting.record import Record
from proxy.storage.file import StateFile
from proxy.storage.opening import connect_to_read
from proxy.storage.records import RecordRows
from proxy.storage.retention import Retention, RetentionLimits
from proxy.storage.rows import Wanted, found
from proxy.storage.segments import BITS
from proxy.types import Deployment
from tests.storage.making import DEPLOYMENT, NOON, record

RECORDS = 3 << BITS
STEP_S = 0.5


def one(number: int, chance: random.Random) -> Record:
    """Some take long, and are written behind others that began later; a few callers and customers are rare."""
    key = f"k{chance.randrange(4)}" if number % 5_000 else "rare"
    return record(
        started_unix_s=NOON + STEP_S * number,
        duration_s=chance.choice((0.1, 0.1, 900.0)),
        key=key,
        team=f"t{key[-1]}" if number % 3 else None,
        customer=f"c{chance.randrange(3)}"
        if number % 7 == 0
        else ("seldom" if number % 3_001 == 1 else None),
    )


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("segments") / "sluice.db"
    chance = random.Random(7)
    records = [one(number, chance) for number in range(RECORDS)]
    state = StateFile(path)
    workers = [RecordRows(state), RecordRows(state)]
    for each in workers:
        each.watch({"d1": DEPLOYMENT}.get, lambda _: False)
    while records:
        size = chance.randrange(1, 1_500)
        chance.choice(workers).finish(records[:size], 0)
        del records[:size]
    state.close()
    return path


@pytest.fixture
def connection(path: Path) -> Iterator[sqlite3.Connection]:
    connection = connect_to_read(path)
    yield connection
    connection.close()


def looked_for(connection: sqlite3.Connection, wanted: Wanted) -> list[int]:
    fields = {"key": wanted.key, "team": wanted.team, "customer": wanted.customer}
    said = {f"{name} = ?": value for name, value in fields.items() if value is not None}
    rows = connection.execute(
        "SELECT records.id FROM records JOIN callers ON callers.id = caller WHERE ended_ms BETWEEN ? AND ?"
        f" {''.join(f' AND {one}' for one in said)} ORDER BY ended_ms DESC, records.id DESC LIMIT ? OFFSET ?",
        (wanted.first_ms, wanted.last_ms, *said.values(), wanted.limit, wanted.skip),
    )
    return [id_ for (id_,) in rows]


SOME_MS = int((NOON + STEP_S * RECORDS / 3) * 1000), int((NOON + STEP_S * RECORDS / 2) * 1000)


@pytest.mark.parametrize(
    "wanted",
    [
        Wanted(key="k1", limit=50),
        Wanted(key="rare", limit=50),
        Wanted(key="nobody", limit=50),
        Wanted(team="t2", limit=100, skip=900),
        Wanted(customer="c1", limit=100),
        Wanted(customer="seldom", limit=100),
        Wanted(key="k0", customer="c2", limit=100, skip=10),
        Wanted(key="k3", first_ms=SOME_MS[0], last_ms=SOME_MS[1], limit=1_000),
        Wanted(customer="c0", first_ms=SOME_MS[0], last_ms=SOME_MS[1], limit=20),
        Wanted(first_ms=SOME_MS[0], last_ms=SOME_MS[1], limit=20),
    ],
)
def test_the_newest_are_those_that_a_look_through_all_finds(
    connection: sqlite3.Connection, wanted: Wanted
) -> None:
    assert [row.id for row in found(connection, wanted)] == looked_for(connection, wanted)


def test_each_record_is_in_a_segment_that_knows_of_it(connection: sqlite3.Connection) -> None:
    lost = connection.execute(
        f"SELECT count(*) FROM records WHERE NOT EXISTS (SELECT 1 FROM segments WHERE segment = id >> {BITS}"
        " AND ended_ms BETWEEN first_ms AND last_ms) OR NOT EXISTS (SELECT 1 FROM caller_segments AS its"
        f" WHERE its.segment = id >> {BITS} AND its.caller = records.caller) OR customer IS NOT NULL AND NOT EXISTS ("
        f"SELECT 1 FROM customer_segments AS its WHERE its.segment = id >> {BITS} AND its.customer = records.customer)"
    )
    assert lost.fetchone() == (0,)


def test_segments_go_with_their_records(tmp_path: Path, path: Path) -> None:
    copy = tmp_path / "sluice.db"
    copy.write_bytes(path.read_bytes())
    state = StateFile(copy)
    retention = Retention(RetentionLimits(records_s=0, days=1 << 20), state)
    now = NOON + STEP_S * RECORDS / 2
    with closing(state_connection(copy)) as connection:
        before = connection.execute("SELECT count(*) FROM segments").fetchone()
        while retention.step(now, connection):
            pass
        assert connection.execute("SELECT count(*) FROM segments").fetchone() < before
        (oldest,) = connection.execute("SELECT min(id) FROM records").fetchone()
        for table in ("segments", "caller_segments", "customer_segments"):
            assert connection.execute(f"SELECT min(segment) FROM {table}").fetchone() == (oldest >> BITS,)
    state.close()


def state_connection(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None)


def test_what_is_rolled_back_is_noted_anew(tmp_path: Path) -> None:
    """A second worker's record that fails to be written must not leave its caller noted in this process alone."""
    state = StateFile(tmp_path / "sluice.db")
    failing = Failing()
    rows = RecordRows(state, beside=[failing])
    rows.watch(nobody, lambda _: False)
    with pytest.raises(RuntimeError):
        rows.finish([record(key="k9")], 0)
    failing.fails = False
    rows.finish([record(key="k9")], 0)
    with closing(state_connection(state.path)) as connection:
        (caller,) = connection.execute("SELECT caller FROM records").fetchone()
        assert connection.execute("SELECT caller FROM caller_segments").fetchall() == [(caller,)]
        assert len(found(connection, Wanted(key="k9"))) == 1
    state.close()


class Failing:
    """Beside the records: takes the first batch's transaction back."""

    fails = True

    def write(self, connection: sqlite3.Connection, records: object) -> None:
        if self.fails:
            raise RuntimeError

    def written(self, records: object) -> None: ...


def nobody(_id: str) -> Deployment | None:
    return None
