"""What is counted of each request: a consumer of the records."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Hashable, Sequence
from functools import partial
from operator import attrgetter

from proxy.accounting.record import Record
from proxy.metrics import families as f
from proxy.metrics.families import Family
from proxy.metrics.names import Names, caller, error_class, route
from proxy.metrics.table import Labels, Table
from proxy.types import Outcome, Usage

KINDS_REMEMBERED = 4_096
"""Kinds of records whose labels are remembered; emptied when full."""
NANO_DOLLARS = 1e9
_TOKENS = (
    (attrgetter("input_tokens"), f.INPUT_TOKENS),
    (attrgetter("output_tokens"), f.OUTPUT_TOKENS),
    (attrgetter("total_tokens"), f.TOTAL_TOKENS),
    (attrgetter("cached_tokens"), f.CACHED_TOKENS),
    (attrgetter("reasoning_tokens"), f.REASONING_TOKENS),
)
"""Of a `Usage`."""
_kind_of = attrgetter(
    "route", "status", "outcome", "error", "model_asked", "deployment_id", "key", "key_alias", "caller", "team",
    "attempts", "fallbacks", "estimated",
)  # fmt: skip
"""What those have in common that are counted together: all but times, bytes, tokens and money."""
_total, _saved = attrgetter("total"), attrgetter("saved")
_duration_s = attrgetter("duration_s")
_request_bytes, _response_bytes = attrgetter("request_bytes"), attrgetter("response_bytes")
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
    """An `accounting.bus.Consumer`. It counts a batch kind by kind: a few additions for many records."""

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
        values = self._table.values
        values[self._received] += sum(map(_request_bytes, records))
        values[self._sent] += sum(map(_response_bytes, records))
        kinds: defaultdict[Hashable, list[Record]] = defaultdict(list)
        for key, record in zip(map(_kind_of, records), records, strict=True):
            kinds[key].append(record)
        for what, alike in kinds.items():
            self._count(self._kinds.get(what) or self._remember(what, alike[0]), alike)

    def _count(self, kind: _Kind, records: list[Record]) -> None:
        first = records[0]
        self._table.values[kind.requests] += len(records)
        if first.outcome is not _OK:
            self._count_failures(kind, first, len(records))
        usages = [usage for record in records if (usage := record.usage) is not None]
        if usages:
            self._count_usage(kind, records, usages)
        if first.attempts:
            self._count_attempts(kind, records)
        self._observe(
            kind, f.QUEUE_WAIT, [wait for record in records if (wait := record.queued_s)], kind.by_model
        )
        cancelled = [after for record in records if (after := record.cancel_s) is not None]
        self._observe(kind, f.CANCEL, cancelled, ())

    def _remember(self, key: Hashable, record: Record) -> _Kind:
        if len(self._kinds) >= KINDS_REMEMBERED:
            self._kinds.clear()
        by_caller = (self._names.model(record), caller(record), record.team or "")
        requests = self._table.row(f.REQUESTS, (route(record), str(record.status), *by_caller))
        kind = self._kinds[key] = _Kind(by_caller, record.deployment_id or "", requests)
        return kind

    def _count_failures(self, kind: _Kind, first: Record, count: int) -> None:
        reason = self._names.reason(first)
        self._add(kind, f.FAILURES, count, (first.outcome.value, reason))
        if first.outcome is not _GONE:
            labels = (route(first), str(first.status), error_class(first.status), *kind.by_caller)
            self._add(kind, f.FAILED, count, labels)
        if first.status == 429 and not first.attempts:
            self._add(kind, f.LIMITS_HIT, count, (reason, *kind.by_caller[1:]))

    def _count_usage(self, kind: _Kind, records: list[Record], usages: list[Usage]) -> None:
        for tokens, family in _TOKENS:
            if count := sum(filter(None, map(tokens, usages))):
                self._add(kind, family, count, kind.by_caller)
        if records[0].estimated:
            self._add(kind, f.ESTIMATED, len(usages), kind.by_model)
        costs = [cost for record in records if (cost := record.cost) is not None and record.usage is not None]
        if len(costs) < len(usages):
            self._add(kind, f.UNPRICED, len(usages) - len(costs), kind.by_model)
        if costs:
            self._add(kind, f.SPEND, sum(map(_total, costs)) / NANO_DOLLARS, kind.by_caller)
            if saved := sum(map(_saved, costs)):
                self._add(kind, f.SAVED, saved / NANO_DOLLARS, kind.by_caller)

    def _count_attempts(self, kind: _Kind, records: list[Record]) -> None:
        first, count = records[0], len(records)
        if first.attempts > 1:
            self._add(kind, f.RETRIES, count * (first.attempts - 1), kind.by_model)
        if first.fallbacks:
            family = f.FALLBACKS_GOOD if first.outcome is _OK else f.FALLBACKS_FAILED
            self._add(kind, family, count, (kind.by_caller[0], self._names.group(first)))
        self._observe(kind, f.DURATION, list(map(_duration_s, records)), kind.by_model)
        begun = [record for record in records if record.first_byte_s is not None]
        self._observe(kind, f.FIRST_BYTE, [record.first_byte_s or 0.0 for record in begun], kind.by_model)
        streams = [record for record in records if record.longest_gap_s is not None]
        if streams:
            self._count_streams(kind, streams)
        if first.outcome is _OK:
            self._count_times(kind, [record for record in begun if record.sent_s is not None])

    def _count_times(self, kind: _Kind, records: list[Record]) -> None:
        """Of good answers: the gateway's own, and the upstream's."""
        sent_s = [record.sent_s or 0.0 for record in records]
        took_s = [record.duration_s - at_s for record, at_s in zip(records, sent_s, strict=True)]
        self._observe(kind, f.OVERHEAD, sent_s, ())
        self._observe(kind, f.UPSTREAM_DURATION, took_s, kind.by_deployment)
        per_token_s = [
            time_s / usage.output_tokens
            for record, time_s in zip(records, took_s, strict=True)
            if (usage := record.usage) is not None and usage.output_tokens
        ]
        self._observe(kind, f.PER_OUTPUT_TOKEN, per_token_s, kind.by_deployment)

    def _count_streams(self, kind: _Kind, records: list[Record]) -> None:
        gaps_s = [record.longest_gap_s or 0.0 for record in records]
        self._observe(kind, f.STREAM_GAP, gaps_s, kind.by_deployment)
        began_s = [
            max(0.0, content_s - sent_s)
            for record in records
            if (content_s := record.first_content_s) is not None and (sent_s := record.sent_s) is not None
        ]
        self._observe(kind, f.FIRST_CONTENT, began_s, kind.by_deployment)

    def _add(self, kind: _Kind, family: Family, count: float, labels: Labels = ()) -> None:
        row = kind.rows.get(family)
        if row is None:
            row = kind.rows[family] = self._table.row(family, labels)
        self._table.values[row] += count

    def _observe(self, kind: _Kind, family: Family, seen: list[float], labels: Labels) -> None:
        if not seen:
            return
        row = kind.rows.get(family)
        if row is None:
            row = kind.rows[family] = self._table.row(family, labels)
        values: array[float] = self._table.values
        bounds = family.buckets
        for bucket in map(partial(bisect_left, bounds), seen):
            values[row + bucket] += 1
        values[row + len(bounds) + 1] += sum(seen)
