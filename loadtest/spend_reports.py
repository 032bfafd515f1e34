"""Reports over many records: fills a state file through the gateway's own writer, and measures what it is asked.

`python -m loadtest.spend_reports --records 10000000` takes some minutes and 4 GB, which it removes again.
"""

from __future__ import annotations

import argparse
import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from proxy.accounting.record import Record
from proxy.storage.file import StateFile
from proxy.storage.opening import connect_to_read
from proxy.storage.records import BATCH_RECORDS, RecordRows
from proxy.storage.reports import MAIN, By, Scope, totals
from proxy.storage.rollups import DAY_S
from proxy.storage.rows import Wanted, found
from proxy.types import Cost, Deployment, Outcome, Secret, Usage

DAYS = 90
KEYS, TEAMS, USERS, MODELS, CUSTOMERS, TAGS = 200, 20, 100, 12, 5_000, 50
LAST_DAY = 20_786
LIMIT_S = 1.0
"""What a report may take."""
TURNS = 3


class Company:
    """Who asks for what: a customer belongs to a key, a key to a team and a few tags; some are busier than others."""

    def __init__(self, records: int, seed: int = 1) -> None:
        self.chance = random.Random(seed)
        self.records = records
        self.deployments = {f"d{n}": _deployment(n) for n in range(2 * MODELS)}

    def record(self, number: int) -> Record:
        chance = self.chance
        key = int(KEYS * chance.random() ** 2)
        model = int(MODELS * chance.random() ** 2)
        customer = key + KEYS * chance.randrange(CUSTOMERS // KEYS)
        tokens = chance.randrange(50, 5_000)
        started = (LAST_DAY - DAYS + 1 + DAYS * number / self.records) * DAY_S
        stamp = int(started * 1000)
        return Record(
            call_id=f"{stamp >> 16:08x}-{stamp & 0xFFFF:04x}-7{number & 0xFFF:03x}-a000-{number:012x}",
            started_unix_s=started,
            duration_s=2.0,
            first_byte_s=0.4,
            method="POST",
            route="/chat/completions",
            model_asked=f"model-{model}",
            model_served=f"model-{model}",
            deployment_id=f"d{2 * model + number % 2}",
            status=200,
            outcome=Outcome.OK if number % 50 else Outcome.UPSTREAM_ERROR,
            attempts=1,
            usage=Usage(
                input_tokens=tokens, output_tokens=tokens // 4, total_tokens=tokens * 5 // 4, cached_tokens=0
            ),
            cost=Cost(
                total=tokens * 350, input=tokens * 250, output=tokens * 100, source="openai 2026-11-01"
            ),
            caller=f"key-{key}",
            key=f"{key:064x}",
            key_alias=f"key-{key}",
            user=f"user-{key % USERS}",
            team=f"team-{key % TEAMS}",
            customer=f"customer-{customer}" if number % 2 else None,
            tags=(f"tag-{(key + number % 3) % TAGS}",) if number % 3 else (),
        )


def _deployment(number: int) -> Deployment:
    return Deployment(
        id=f"d{number}",
        group=f"model-{number // 2}",
        provider=("openai", "azure")[number % 2],
        model=f"model-{number // 2}",
        api_base="http://x",
        api_key=Secret("sk"),
        object_scope="s",
    )


def fill(path: Path, records: int) -> float:
    """Records per second."""
    company = Company(records)
    state = StateFile(path)
    rows = RecordRows(state)
    rows.watch(company.deployments.get, lambda _: False)
    writing_s = 0.0
    for first in range(0, records, BATCH_RECORDS):
        batch = [company.record(number) for number in range(first, min(first + BATCH_RECORDS, records))]
        began = time.perf_counter()
        rows.finish(batch, 0)
        writing_s += time.perf_counter() - began
    state.close()
    return records / writing_s


REPORTS: dict[str, tuple[tuple[By, ...], Scope]] = {
    "by model, all days": (("name",), Scope()),
    "by key, all days": (("caller",), Scope()),
    "by day and team, all days": (("day", "team"), Scope()),
    "by day and key, all days": (("day", "caller"), Scope()),
    "by customer, all days": (("customer",), Scope()),
    "the whole, all days": ((), Scope()),
    "by customer, 30 days": (("customer",), Scope(first_day=LAST_DAY - 29, last_day=LAST_DAY)),
    "by tag, all days": (("tag",), Scope()),
    "one key by day, all days": (("day",), Scope(only={"caller": "key-7"})),
    "one customer by day, all days": (("day",), Scope(only={"customer": "customer-7"})),
}
_NOON_MS = (LAST_DAY - DAYS // 2) * DAY_S * 1000
ROWS: dict[str, Wanted] = {
    "the newest 100 records": Wanted(limit=100),
    "100 of one key": Wanted(key=f"{7:064x}", limit=100),
    "100 of one team": Wanted(team="team-7", limit=100),
    "100 of one customer": Wanted(customer="customer-7", limit=100),
    "100 of one day": Wanted(first_ms=_NOON_MS, last_ms=_NOON_MS + DAY_S * 1000, limit=100),
}


@contextmanager
def _connected(path: Path) -> Iterator[sqlite3.Connection]:
    connection = connect_to_read(path)
    try:
        yield connection
    finally:
        connection.close()


def _totals(by: tuple[By, ...], scope: Scope, connection: sqlite3.Connection) -> object:
    return totals(connection, by, scope, figures=MAIN)


def _rows(wanted: Wanted, connection: sqlite3.Connection) -> object:
    return found(connection, wanted)


def measure(path: Path) -> dict[str, float]:
    """Seconds of each, on a connection of its own as the gateway has it; the median of three."""
    asked: dict[str, Callable[[sqlite3.Connection], object]] = {
        **{name: partial(_totals, *one) for name, one in REPORTS.items()},
        **{name: partial(_rows, wanted) for name, wanted in ROWS.items()},
    }
    times: dict[str, float] = {}
    for name, ask in asked.items():
        taken = []
        for _ in range(TURNS):
            began = time.perf_counter()
            with _connected(path) as connection:
                ask(connection)
            taken.append(time.perf_counter() - began)
        times[name] = sorted(taken)[TURNS // 2]
    return times


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--records", type=int, default=10_000_000)
    options.add_argument("--folder", type=Path, default=None, help="default: a temporary one")
    options.add_argument("--state", type=Path, default=None, help="a file that was filled before, and stays")
    asked = options.parse_args()
    with TemporaryDirectory(dir=asked.folder) as folder:
        path = asked.state or Path(folder) / "sluice.db"
        if not path.exists():
            print(f"{asked.records:,} records: {fill(path, asked.records):,.0f} a second written", flush=True)
        with _connected(path) as connection:
            for table in ("records", "days", "customer_days", "tag_days"):
                (count,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
                print(f"{table}: {count:,} rows")
        print(f"{path.stat().st_size / 1e9:.2f} GB")
        times = measure(path)
    for name, taken_s in times.items():
        print(f"{taken_s * 1000:8.1f} ms  {name}{'' if taken_s < LIMIT_S else '  TOO SLOW'}")
    print(msgspec.json.encode({"slowest_s": max(times.values())}).decode())
    return int(max(times.values()) >= LIMIT_S)


if __name__ == "__main__":
    raise SystemExit(main())
