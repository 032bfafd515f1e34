"""What is counted of each request: a consumer of the records."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Hashable, Sequence

from proxy.accounting.record import Record
from proxy.metrics import families as f
from proxy.metrics.families import Family
from proxy.metrics.names import Names, caller, error_class, route
from proxy.metrics.table import Labels, Table
from proxy.types import Cost, Outcome, Usage

KINDS_REMEMBERED = 4_096
"""Kinds of records whose labels are remembered; emptied when full."""
NANO_DOLLARS = 1e9
_TOKENS = (
    ("input_tokens", f.INPUT_TOKENS),
    ("output_tokens", f.OUTPUT_TOKENS),
    ("total_tokens", f.TOTAL_TOKENS),
    ("cached_tokens", f.CACHED_TOKENS),
    ("reasoning_tokens", f.REASONING_TOKENS),
)
"""Fields of `Usage`."""
_OK, _GONE = Outcome.OK, Outcome.CLIENT_GONE


class _Kind:
    """What records that differ in nothing but numbers are counted under."""

    __slots__ = ("by_caller", "by_deployment", "by_model", "requests", "rows")

    def __init__(self, by_caller: Labels, deployment: str, requests: int) -> None:
        """`requests`: the row that counts them."""
        self.requests = requests
        self.by_caller = by_caller
        self.by_model = by_caller[:1]
        self.by_deployment = (by_caller[0], deployment)
        self.rows: dict[Family, int] = {}


class RecordCounter:
    """An `accounting.bus.Consumer`."""

    name = "metrics"
    limit = 50_000
    batch = 256
    linger_s = 0.0

    def __init__(self, table: Table, names: Names) -> None:
        self._table = table
        self._names = names
        self._kinds: dict[Hashable, _Kind] = {}
        self._received = table.row(f.RECEIVED_BYTES)
        self._sent = table.row(f.SENT_BYTES)

    def forget(self) -> None:
        """After a reload names may mean something else."""
        self._kinds.clear()

    async def take(self, records: Sequence[Record], dropped: int) -> None:
        self.finish(records, dropped)

    def finish(self, records: Sequence[Record], dropped: int) -> None:
        for record in records:
            self._count(record)

    def _count(self, record: Record) -> None:
        key = (
            record.route, record.status, record.outcome, record.error, record.model_asked, record.deployment_id,
            record.key, record.key_alias, record.caller, record.team,
        )  # fmt: skip
        kind = self._kinds.get(key) or self._remember(key, record)
        values = self._table.values
        values[kind.requests] += 1
        values[self._received] += record.request_bytes
        values[self._sent] += record.response_bytes
        if record.outcome is not _OK:
            self._count_failure(kind, record)
        if record.usage is not None:
            self._count_usage(kind, record, record.usage)
        if record.attempts:
            self._count_attempts(kind, record)
        if record.queued_s:
            self._observe(kind, f.QUEUE_WAIT, record.queued_s, kind.by_model)
        if record.cancel_s is not None:
            self._observe(kind, f.CANCEL, record.cancel_s, ())

    def _remember(self, key: Hashable, record: Record) -> _Kind:
        if len(self._kinds) >= KINDS_REMEMBERED:
            self._kinds.clear()
        by_caller = (self._names.model(record), caller(record), record.team or "")
        requests = self._table.row(f.REQUESTS, (route(record), str(record.status), *by_caller))
        kind = self._kinds[key] = _Kind(by_caller, record.deployment_id or "", requests)
        return kind

    def _count_failure(self, kind: _Kind, record: Record) -> None:
        reason = self._names.reason(record)
        self._add(kind, f.FAILURES, 1, (record.outcome.value, reason))
        if record.outcome is not _GONE:
            labels = (route(record), str(record.status), error_class(record.status), *kind.by_caller)
            self._add(kind, f.FAILED, 1, labels)
        if record.status == 429 and not record.attempts:
            self._add(kind, f.LIMITS_HIT, 1, (reason, *kind.by_caller[1:]))

    def _count_usage(self, kind: _Kind, record: Record, usage: Usage) -> None:
        for name, family in _TOKENS:
            if count := getattr(usage, name):
                self._add(kind, family, count, kind.by_caller)
        if record.estimated:
            self._add(kind, f.ESTIMATED, 1, kind.by_model)
        self._count_cost(kind, record.cost)

    def _count_cost(self, kind: _Kind, cost: Cost | None) -> None:
        if cost is None:
            self._add(kind, f.UNPRICED, 1, kind.by_model)
        else:
            self._add(kind, f.SPEND, cost.total / NANO_DOLLARS, kind.by_caller)
            if cost.saved:
                self._add(kind, f.SAVED, cost.saved / NANO_DOLLARS, kind.by_caller)

    def _count_attempts(self, kind: _Kind, record: Record) -> None:
        if record.attempts > 1:
            self._add(kind, f.RETRIES, record.attempts - 1, kind.by_model)
        if record.fallbacks:
            family = f.FALLBACKS_GOOD if record.outcome is _OK else f.FALLBACKS_FAILED
            self._add(kind, family, 1, (kind.by_caller[0], self._names.group(record)))
        self._observe(kind, f.DURATION, record.duration_s, kind.by_model)
        if record.longest_gap_s is not None:
            self._count_stream(kind, record, record.longest_gap_s)
        if record.first_byte_s is None:
            return
        self._observe(kind, f.FIRST_BYTE, record.first_byte_s, kind.by_model)
        if record.sent_s is None or record.outcome is not _OK:
            return
        took_s = record.duration_s - record.sent_s
        self._observe(kind, f.OVERHEAD, record.sent_s, ())
        self._observe(kind, f.UPSTREAM_DURATION, took_s, kind.by_deployment)
        tokens = None if record.usage is None else record.usage.output_tokens
        if tokens:
            self._observe(kind, f.PER_OUTPUT_TOKEN, took_s / tokens, kind.by_deployment)

    def _count_stream(self, kind: _Kind, record: Record, longest_gap_s: float) -> None:
        self._observe(kind, f.STREAM_GAP, longest_gap_s, kind.by_deployment)
        if record.first_content_s is not None and record.sent_s is not None:
            began_s = record.first_content_s - record.sent_s
            self._observe(kind, f.FIRST_CONTENT, max(0.0, began_s), kind.by_deployment)

    def _add(self, kind: _Kind, family: Family, count: float, labels: Labels = ()) -> None:
        row = kind.rows.get(family)
        if row is None:
            row = kind.rows[family] = self._table.row(family, labels)
        self._table.values[row] += count

    def _observe(self, kind: _Kind, family: Family, value: float, labels: Labels) -> None:
        row = kind.rows.get(family)
        if row is None:
            row = kind.rows[family] = self._table.row(family, labels)
        values: array[float] = self._table.values
        bounds = family.buckets
        values[row + bisect_left(bounds, value)] += 1
        values[row + len(bounds) + 1] += value
