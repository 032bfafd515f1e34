"""What an attempt cost: its usage at its deployment's prices, as soon as the usage is known.

The record's cost is whole before the record goes to the bus, and before the request's reservations are settled.
Attempts that failed and were paid for are in it.
"""

from __future__ import annotations

import logging

from proxy.accounting.record import Record
from proxy.accounting.taps import tap_for
from proxy.gateway.telling.delivery import Delivery
from proxy.gateway.trying.lane import Lane
from proxy.gateway.trying.reckoning import Reckoning
from proxy.gateway.trying.run import Run
from proxy.pricing.book import PriceBook
from proxy.pricing.cost import added, cost
from proxy.pricing.rates import Prices
from proxy.providers.body import upstream_model
from proxy.types import Cost, Deployment
from proxy.upstream.answer import Answer

log = logging.getLogger("sluice")
MAX_TOLD = 1000
"""Models of which it was told that they have no price; clients may make up names."""
_NANO = 10**9


class Unpriced:
    """What was used and has no price: one per worker."""

    __slots__ = ("_told", "answers")

    def __init__(self) -> None:
        self.answers = 0
        """How many, since the start."""
        self._told: set[str] = set()

    def tell(self, model: str, where: str) -> None:
        self.answers += 1
        if model not in self._told and len(self._told) < MAX_TOLD:
            self._told.add(model)
            log.warning(
                "no price is known of %s (%s): its requests cost null; see docs/costs.md", model, where
            )


class Costing:
    """One per worker and configuration."""

    __slots__ = ("_book", "_reckoning", "_unpriced")

    def __init__(self, book: PriceBook, unpriced: Unpriced, reckoning: Reckoning) -> None:
        self._book = book
        self._unpriced = unpriced
        self._reckoning = reckoning

    def delivered(self, run: Run, lane: Lane, answer: Answer, delivery: Delivery | None) -> None:
        """HOT. An answer is with its client, as far as it came. None: its client has left; or it broke off before
        anything was heard of it, and what it does not say itself is not guessed."""
        if delivery is None and not (run.exchange.committed or run.exchange.parking.gone):
            self.charge(run, lane)
        elif answer.unsaid and answer.head.status == 200 and run.call.head.method == b"POST":
            self._left(run, lane, answer)
        elif delivery is None or delivery.hidden is None:
            self.answered(run, lane, answer.head.status, answer.received_bytes)
        else:
            self.charge(run, lane)

    def answered(self, run: Run, lane: Lane, status: int, answer_bytes: int) -> None:
        """HOT. What a good answer used, said or not, is priced. Once."""
        record, call, model = run.record, run.call, lane.destination.deployment.model
        usage = record.usage
        if usage is not None and usage is not run.charged:
            self._reckoning.learn(call, model, usage, answer_bytes)
        elif status == 200 and usage is None and answer_bytes and call.head.method == b"POST":
            self._reckoning.fill(call, record, model, answer_bytes, self._prices(run, lane))
        self.charge(run, lane)

    def _left(self, run: Run, lane: Lane, answer: Answer) -> None:
        """A stream that did not come to its end, by what came of it."""
        record = run.record
        said = None if record.usage is run.charged else record.usage
        model = lane.destination.deployment.model
        self._reckoning.reckon_left(run.call, record, model, said, answer)
        self.charge(run, lane)

    def charge(self, run: Run, lane: Lane) -> None:
        """HOT. Prices the usage in the record, once."""
        record = run.record
        usage = record.usage
        if usage is None or usage is run.charged:
            return
        run.charged = usage
        prices = self._prices(run, lane)
        priced = None if prices is None else cost(usage, prices)
        if priced is None:
            self._unpriced.tell(*_unpriced(run, lane.destination.deployment))
        record.cost = priced if record.cost is None else added(record.cost, priced)

    def lost(self, run: Run, lane: Lane, answer: Answer) -> None:
        """An answer that another attempt takes the place of may say what it used, and that is paid for all the same."""
        if answer.head.status == 200 and not answer.head.content_encoding:
            tap = tap_for(answer.head.content_type)
            tap.feed(answer.beginning())
            run.record.usage = tap.result()
            self.charge(run, lane)

    def _prices(self, run: Run, lane: Lane) -> Prices | None:
        """HOT. Otherwise than the deployment's only behind a pattern, or of an object whose model nobody named."""
        if lane.one_model and run.choice.group_named:
            return lane.prices
        deployment, call = lane.destination.deployment, run.call
        if run.choice.group_named and call.model is not None:
            return self._book.prices(deployment, upstream_model(deployment, run.choice.wildcard, call.model))
        return self._book.prices(deployment, run.record.model_served or call.model)


def _unpriced(run: Run, deployment: Deployment) -> tuple[str, str]:
    model = deployment.model
    if "*" in model or not run.choice.group_named:
        model = run.call.model or run.record.model_served or "a model that nobody named"
    return model, deployment.called


def cost_lines(record: Record) -> bytes:
    """HOT. Header lines, by LiteLLM's names: dollars."""
    told = record.cost
    if told is None:
        return b""
    lines = b"x-litellm-response-cost: %b\r\n" % dollars(told.total)
    return lines if told.total == 0 else lines + _parts(told)


def _parts(told: Cost) -> bytes:
    sent = told.input + told.cached + told.cache_write
    lines = b"x-litellm-response-cost-input: %b\r\nx-litellm-response-cost-output: %b\r\n" % (
        dollars(sent),
        dollars(told.output),
    )
    if told.cached:
        lines += b"x-litellm-response-cost-cache-read: %b\r\n" % dollars(told.cached)
    if told.cache_write:
        lines += b"x-litellm-response-cost-cache-creation: %b\r\n" % dollars(told.cache_write)
    return lines


def dollars(nanos: int) -> bytes:
    """Exactly, without an exponent."""
    return b"%d.%09d" % divmod(nanos, _NANO)
