"""Reserves for a request what it may take of everybody who pays for it, all or nothing, and settles what it took.

For `rpm` a request counts from its reservation. For `tpm` its tokens count from then as expected, and until a minute
after its end as used: that is within the limit whether tokens are counted at the beginning or the end. Of a budget the
most that it may cost is reserved; where not that much is left it may still go if nobody else's request runs, and so
what is spent is beyond the budget by one request's error at most.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import inf
from typing import Final

from proxy.limits.journal import HEAD_BYTES, SHARE_BYTES, Journal, Row
from proxy.limits.layout import CELL, HEAD, MOST_RULES, RING_BYTES, SHARE, SLOTS, WRITING, Layout
from proxy.limits.minute import KEPT, TOKENS_AT, counted, move_on, slot_of, wait_s
from proxy.limits.table import Table
from proxy.limits.values import Demand, Full, Lock, Refused, Rule, Seen, Standing, Unknown

_Head = tuple[int, ...]
_BORN, _NEWEST, _REQUESTS, _TOKENS, _RUNNING, _RUN_TOKENS, _RUN_NANO = range(7)
_WRITTEN, _SETTLED, _START, _KIND, _USED = range(7, 12)
_unpack_head = HEAD.unpack_from
_pack_head = HEAD.pack
_unpack_share = SHARE.unpack_from
_pack_share = SHARE.pack
RING_CELLS: Final = RING_BYTES // CELL


class Reservation:
    """What one request has reserved. Settled once."""

    __slots__ = ("demand", "rows", "seen", "settled", "until")

    def __init__(self, rows: tuple[tuple[Rule, int], ...], demand: Demand, seen: Seen) -> None:
        self.rows = rows
        self.demand = demand
        self.seen = seen
        self.until = inf
        """Unix seconds: then a budget's period ends."""
        self.settled = False


class Charge:
    """What a request that is over cost those whose spend is counted here, until the state file has it."""

    __slots__ = ("nano", "passed", "rows")

    def __init__(
        self, rows: tuple[tuple[int, int, int], ...], nano: int, passed: tuple[tuple[Rule, int], ...] = ()
    ) -> None:
        self.rows = rows
        """(Row, birth, start of the period) each."""
        self.nano = nano
        self.passed = passed
        """Soft budgets that it went beyond, and what is spent by now."""


NOTHING = Charge((), 0)


class Ledger:
    """One worker's hand on the memory that all share. Times are seconds of a clock that is the same for all of them."""

    def __init__(self, memory: memoryview, lock: Lock, layout: Layout, worker: int = 1) -> None:
        """`memory`: `layout.size` bytes, zeros in the beginning. `worker`: its number, from 1."""
        self._memory: Final = memory
        self._cells: Final = memory.cast("q")
        self._lock: Final = lock
        self._layout: Final = layout
        self._worker: Final = worker
        self._journal: Final = Journal(memory)
        self._table: Final = Table(memory, layout, self._journal)
        self._heads: Final = layout.heads
        self._shares: Final = layout.share(worker, 0)
        self._rings: Final = layout.ring(0)

    def reserve(
        self, rules: Sequence[Rule], demand: Demand, now: float
    ) -> Reservation | Refused | Unknown | Full:
        """HOT. All of it, or nothing."""
        lock = self._lock
        lock.acquire()
        try:
            if self._cells[WRITING]:
                self._journal.mend()
            return self._reserve(rules, demand, now)
        finally:
            lock.release()

    def _reserve(  # noqa: C901 - unrolled: a request has few subjects, and each of their numbers is looked at once
        self, rules: Sequence[Rule], demand: Demand, now: float
    ) -> Reservation | Refused | Unknown | Full:
        if len(rules) > MOST_RULES:
            raise ValueError(f"a request has {MOST_RULES} subjects at most")
        slot = slot_of(now)
        late = slot - KEPT
        cells, memory = self._cells, self._memory
        asked, least, most, free = demand.tokens, demand.least, demand.most, demand.free
        writes: list[Row] = []
        moves: list[tuple[int, int, tuple[int, int]]] = []
        rows: list[tuple[Rule, int]] = []
        seen: Seen | None = None
        refused: Refused | None = None
        for (
            rule
        ) in rules:  # unrolled: a request has few subjects, and each of their numbers is looked at once
            row = self._row(rule, slot, rows)
            if row < 0:
                return Full() if row == _FULL else self._unknown(rules, slot)
            rows.append((rule, row))
            at, share_at = self._heads + row * HEAD_BYTES, self._shares + row * SHARE_BYTES
            head = _unpack_head(memory, at)
            rpm, tpm, budget = rule.rpm, rule.tpm, rule.budget
            if budget is not None and head[_START] < rule.start:
                head = self._begin_period(row, head, rule.start)
            (
                born,
                newest,
                requests,
                tokens,
                running,
                run_tokens,
                run_nano,
                written,
                settled,
                start,
                kind,
                used,
            ) = head
            need = asked if tpm is None or asked <= tpm else tpm
            spent = written + settled
            count = made = 0
            if rpm is not None or tpm is not None:
                if late <= newest:
                    cell = self._rings + row * RING_CELLS + late % SLOTS
                    count, made = requests - cells[cell], tokens - cells[cell + TOKENS_AT]
                made += run_tokens
                count += 1
                if slot > newest:
                    moves.append((self._rings + row * RING_CELLS, newest, (requests, tokens)))
                    newest = slot
                requests += 1
            if seen is None:
                seen = Seen(count, made, spent)
            if (
                (rpm is not None and count > rpm)
                or (tpm is not None and (made + need > tpm or tpm <= 0))
                or (rule.parallel is not None and running >= rule.parallel)
                or (budget is not None and not free and _is_beyond(budget, spent, run_nano, least, most))
            ):
                found = self._refusal(rule, row, head, demand, now, slot)
                if found is not None and (refused is None or _is_longer(found, refused)):
                    refused = found
            own, own_tokens, own_nano, own_settled = _unpack_share(memory, share_at)
            head = (
                born, newest, requests, tokens, running + 1, run_tokens + need, run_nano + most,
                written, settled, start, kind, slot if slot > used else used,  # noqa: FURB136
            )  # fmt: skip
            share = (own + 1, own_tokens + need, own_nano + most, own_settled)
            writes.append((at, head, share_at, share))
        if refused is not None:
            return refused
        for ring, before, totals in moves:
            move_on(cells, ring, before, totals, slot)
        self._journal.write_rows(writes)
        return Reservation(tuple(rows), demand, seen or _NOTHING_SEEN)

    def _row(self, rule: Rule, slot: int, others: Sequence[tuple[Rule, int]] = ()) -> int:
        """`_FULL`, or `_UNKNOWN` where what it has spent must be loaded first. `others`: of the same request, whose
        rows may be idle until it is reserved."""
        row = self._table.find(rule.subject)
        if rule.budget is None:
            if row >= 0:
                return row
            row = self._table.give(rule.subject, slot, [row for _, row in others])
            return row if row >= 0 else _FULL
        if row < 0:
            return _UNKNOWN
        kind = self._cells[(self._heads + row * HEAD_BYTES) // CELL + _KIND]
        return row if kind == rule.kind + 1 else _UNKNOWN

    def _unknown(self, rules: Sequence[Rule], slot: int) -> Unknown:
        return Unknown(tuple([rule for rule in rules if self._row(rule, slot) == _UNKNOWN]))

    def _begin_period(self, row: int, head: _Head, start: int) -> _Head:
        """What is on its way to the state file was spent in the period before."""
        layout = self._layout
        head = (*head[:_WRITTEN], 0, 0, start, *head[_KIND:])
        writes = [(layout.head(row), _pack_head(*head))]
        for worker in range(1, layout.workers + 1):
            at = layout.share(worker, row)
            share = _unpack_share(self._memory, at)
            if share[3]:
                writes.append((at, _pack_share(*share[:3], 0)))
        self._journal.write(writes)
        return head

    def _refusal(
        self, rule: Rule, row: int, head: _Head, demand: Demand, now: float, slot: int
    ) -> Refused | None:
        """What stands in the way, of one subject: of several limits the one that lasts longest."""
        found: Refused | None = None
        if rule.rpm is not None or rule.tpm is not None:
            found = self._per_minute(rule, row, head, demand, now, slot)
        if rule.parallel is not None and head[_RUNNING] >= rule.parallel:
            found = _longer(found, Refused(rule, "parallel", rule.parallel, head[_RUNNING]))
        if rule.budget is not None and not demand.free:
            spent = head[_WRITTEN] + head[_SETTLED]
            if spent >= rule.budget or spent + demand.least > rule.budget:
                return Refused(rule, "budget", rule.budget, spent, final=True)
            reserved = head[_RUN_NANO]
            if reserved and spent + reserved + demand.most > rule.budget:
                found = _longer(found, Refused(rule, "budget", rule.budget, spent + reserved))
        return found

    def _per_minute(
        self, rule: Rule, row: int, head: _Head, demand: Demand, now: float, slot: int
    ) -> Refused | None:
        cells, ring, newest = self._cells, self._layout.ring(row), head[_NEWEST]
        found: Refused | None = None
        if rule.rpm is not None:
            total = head[_REQUESTS]
            used = counted(cells, ring, newest, total, slot)
            if used >= rule.rpm:
                wait = wait_s(cells, ring, newest, total, rule.rpm - 1, now)
                found = Refused(rule, "requests", rule.rpm, used, wait)
        if rule.tpm is not None:
            total = head[_TOKENS]
            used = counted(cells, ring + TOKENS_AT, newest, total, slot) + head[_RUN_TOKENS]
            need = _need(demand.tokens, rule.tpm)
            if used + need > rule.tpm or rule.tpm <= 0:
                room = rule.tpm - need - head[_RUN_TOKENS]
                wait = wait_s(cells, ring + TOKENS_AT, newest, total, room, now) if rule.tpm > 0 else None
                found = _longer(found, Refused(rule, "tokens", rule.tpm, used, wait))
        return found

    def turn(self, rules: Sequence[Rule]) -> None:
        """Their budgets' periods have begun by now. Before what ended in them is settled."""
        with self._held():
            for rule in rules:
                row = self._table.find(rule.subject) if rule.budget is not None else -1
                if row >= 0:
                    head = _unpack_head(self._memory, self._layout.head(row))
                    if head[_KIND] == rule.kind + 1 and head[_START] < rule.start:
                        self._begin_period(row, head, rule.start)

    def settle(
        self, reservation: Reservation, tokens: int, nano: int, ended_unix_s: float, now: float
    ) -> Charge:
        """HOT. What it really took; once. `nano`: what it cost, at its end."""
        if reservation.settled:
            return NOTHING
        reservation.settled = True
        lock = self._lock
        lock.acquire()
        try:
            if self._cells[WRITING]:
                self._journal.mend()
            return self._settle(reservation, tokens, nano, ended_unix_s, slot_of(now))
        finally:
            lock.release()

    def _settle(
        self, reservation: Reservation, tokens: int, nano: int, ended_unix_s: float, slot: int
    ) -> Charge:
        memory, demand = self._memory, reservation.demand
        writes: list[Row] = []
        charged: list[tuple[int, int, int]] = []
        passed: list[tuple[Rule, int]] = []
        for rule, row in reservation.rows:
            at, share_at = self._heads + row * HEAD_BYTES, self._shares + row * SHARE_BYTES
            (
                born, newest, requests, all_tokens, running, run_tokens, run_nano,
                written, settled, start, kind, used,
            ) = _unpack_head(memory, at)  # fmt: skip
            need, most, tpm = demand.tokens, demand.most, rule.tpm
            if tpm is not None:
                if need > tpm:
                    need = tpm
                if tokens:
                    if slot > newest:
                        ring = self._layout.ring(row)
                        move_on(self._cells, ring, newest, (requests, all_tokens), slot)
                        newest = slot
                    all_tokens += tokens
            paid = nano if rule.budget is not None and ended_unix_s >= start else 0
            if paid:
                charged.append((row, born, start))
                if rule.soft is not None and written + settled < rule.soft <= written + settled + paid:
                    passed.append((rule, written + settled + paid))
            own, own_tokens, own_nano, own_settled = _unpack_share(memory, share_at)
            head = (
                born, newest, requests, all_tokens, running - 1, run_tokens - need, run_nano - most,
                written, settled + paid, start, kind, slot if slot > used else used,  # noqa: FURB136
            )  # fmt: skip
            share = (own - 1, own_tokens - need, own_nano - most, own_settled + paid)
            writes.append((at, head, share_at, share))
        self._journal.write_rows(writes)
        return Charge(tuple(charged), nano, tuple(passed)) if charged else NOTHING

    def written(self, charges: Iterable[Charge], *, undone: bool = False) -> None:
        """The state file has them: inside the transaction that writes them, before its end; `undone` if that failed."""
        sums: dict[tuple[int, int, int], int] = {}
        for charge in charges:
            for where in charge.rows:
                sums[where] = sums.get(where, 0) + charge.nano
        with self._held():
            for (row, born, start), nano in sums.items():
                self._move(row, born, start, -nano if undone else nano)

    def _move(self, row: int, born: int, start: int, nano: int) -> None:
        at = self._layout.head(row)
        head = list(_unpack_head(self._memory, at))
        if (head[_BORN], head[_START]) != (born, start):  # of a period that is over
            return
        head[_WRITTEN] += nano
        head[_SETTLED] -= nano
        share_at = self._layout.share(self._worker, row)
        share = _unpack_share(self._memory, share_at)
        self._journal.write([(at, _pack_head(*head)), (share_at, _pack_share(*share[:3], share[3] - nano))])

    def load(self, rule: Rule, nano: int, now: float) -> bool:
        """What the state file says that it has spent in this period, while nothing can be written there. False: the
        table is full."""
        with self._held():
            row = self._table.find(rule.subject)
            if row < 0:
                row = self._table.give(rule.subject, slot_of(now))
            if row < 0:
                return False
            at = self._layout.head(row)
            head = list(_unpack_head(self._memory, at))
            if (
                head[_KIND] == rule.kind + 1 and head[_START] > rule.start
            ):  # another worker was told of the next
                return True
            if (head[_KIND], head[_START]) != (rule.kind + 1, rule.start):
                head = list(self._begin_period(row, tuple(head), rule.start))
            head[_WRITTEN], head[_KIND] = nano, rule.kind + 1
            self._journal.write([(at, _pack_head(*head))])
            return True

    def standing(self, rule: Rule, now: float) -> Standing | None:
        """None: nobody has asked for it of late, or not for a budget of this sort; the state file knows."""
        with self._held():
            row = self._table.find(rule.subject)
            if row < 0:
                return None
            head = _unpack_head(self._memory, self._layout.head(row))
            if rule.budget is not None and head[_KIND] != rule.kind + 1:
                return None
            ring, slot = self._layout.ring(row), slot_of(now)
            over = rule.budget is not None and head[_START] < rule.start
            return Standing(
                counted(self._cells, ring, head[_NEWEST], head[_REQUESTS], slot),
                counted(self._cells, ring + TOKENS_AT, head[_NEWEST], head[_TOKENS], slot),
                head[_RUNNING],
                head[_RUN_TOKENS],
                0 if over else head[_WRITTEN] + head[_SETTLED],
                head[_RUN_NANO],
            )

    def spending(self, now: float) -> list[tuple[bytes, int, int]]:
        """Subject, kind and start of each whose spend is counted here and who came within the last minute. Without the
        lock: hints, which may be old."""
        oldest = slot_of(now) - KEPT
        return [
            (digest, head[_KIND] - 1, head[_START])
            for digest, head in self._spenders()
            if head[_USED] >= oldest
        ]

    def _spenders(self) -> list[tuple[bytes, _Head]]:
        heads = [
            (digest, _unpack_head(self._memory, self._layout.head(row))) for digest, row in self._table.rows()
        ]
        return [(digest, head) for digest, head in heads if head[_KIND]]

    def compare(self, whose: bytes, kind: int, start: int, nano: int) -> None:
        """What the state file says that it has spent, while nothing can be written there: right from now on."""
        with self._held():
            row = self._table.find(whose)
            if row < 0:
                return
            at = self._layout.head(row)
            head = list(_unpack_head(self._memory, at))
            if (head[_KIND], head[_START]) == (kind + 1, start) and head[_WRITTEN] != nano:
                head[_WRITTEN] = nano
                self._journal.write([(at, _pack_head(*head))])

    def spent(self, whose: bytes, start: int) -> int | None:
        """In the period that began then; None: the state file knows."""
        with self._held():
            row = self._table.find(whose)
            if row < 0:
                return None
            head = _unpack_head(self._memory, self._layout.head(row))
            return head[_WRITTEN] + head[_SETTLED] if head[_KIND] and head[_START] == start else None

    @property
    def workers(self) -> int:
        return self._layout.workers

    def give_back(self, worker: int) -> int:
        """What the requests of a worker that has died had reserved. Returns how many they were."""
        count = 0
        for row in range(self._layout.rows):
            at = self._layout.share(worker, row)
            if any(_unpack_share(self._memory, at)[:3]):
                with self._held():
                    running, tokens, nano, settled = _unpack_share(self._memory, at)
                    head_at = self._layout.head(row)
                    head = list(_unpack_head(self._memory, head_at))
                    head[_RUNNING] -= running
                    head[_RUN_TOKENS] -= tokens
                    head[_RUN_NANO] -= nano
                    self._journal.write([(head_at, _pack_head(*head)), (at, _pack_share(0, 0, 0, settled))])
                count += running
        return count

    def orphans(self, worker: int) -> list[tuple[bytes, int, int]]:
        """As `spending`: those of whose spend a worker that has died held some that may not have been written."""
        found = {
            digest
            for digest, row in self._table.rows()
            if _unpack_share(self._memory, self._layout.share(worker, row))[3]
        }
        return [
            (digest, head[_KIND] - 1, head[_START]) for digest, head in self._spenders() if digest in found
        ]

    def adopt(self, subject: bytes, start: int, nano: int, worker: int) -> None:
        """What the state file says, in place of what that worker had settled, while nothing can be written there."""
        with self._held():
            row = self._table.find(subject)
            if row < 0:
                return
            at, share_at = self._layout.head(row), self._layout.share(worker, row)
            head = list(_unpack_head(self._memory, at))
            if head[_START] != start:
                return
            share = _unpack_share(self._memory, share_at)
            head[_SETTLED] -= share[3]
            head[_WRITTEN] = nano
            self._journal.write([(at, _pack_head(*head)), (share_at, _pack_share(*share[:3], 0))])

    def _held(self) -> _Held:
        return _Held(self._lock, self._journal)


_FULL, _UNKNOWN = -1, -2
_NOTHING_SEEN = Seen(0, 0, 0)


class _Held:
    """The lock, and nothing half done."""

    __slots__ = ("_journal", "_lock")

    def __init__(self, lock: Lock, journal: Journal) -> None:
        self._lock = lock
        self._journal = journal

    def __enter__(self) -> None:
        self._lock.acquire()
        self._journal.mend()

    def __exit__(self, *_exc: object) -> None:
        self._lock.release()


def _is_beyond(budget: int, spent: int, reserved: int, least: int, most: int) -> bool:
    """HOT. One goes alone, though it may cost more than is left."""
    if spent >= budget or spent + least > budget:
        return True
    return reserved > 0 and spent + reserved + most > budget


def _need(tokens: int, tpm: int | None) -> int:
    """HOT. One that is expected to use more than a minute's may go alone: what it uses is less, as a rule."""
    return tokens if tpm is None or tokens <= tpm else tpm


def _longer(one: Refused | None, other: Refused) -> Refused:
    return other if one is None or _is_longer(other, one) else one


def _is_longer(one: Refused, other: Refused) -> bool:
    """A budget that is spent outlasts all; nobody knows when running requests end."""
    return _length(one) > _length(other)


def _length(refused: Refused) -> tuple[bool, float]:
    return refused.final, refused.wait_s or 0.0
