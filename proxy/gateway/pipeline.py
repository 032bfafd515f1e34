"""A request's life, phase by phase: who, what, where, the wire, the relay, the record.

bytes -> Exchange -> Caller -> Call -> Choice -> Deployment -> Outbound -> Answer -> bytes; one Record
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Protocol, TypeAlias

import trio

from proxy.access.identity import Caller
from proxy.access.keys import UnknownKey
from proxy.accounting.bus import Records
from proxy.accounting.record import Record, call_id
from proxy.errors import Fault, GatewayError
from proxy.gateway.accounts.accounts import Accounts
from proxy.gateway.accounts.plans import Plan
from proxy.gateway.exchange import Exchange
from proxy.gateway.reading.call import Call
from proxy.gateway.reading.intake import page_body, read_at_once, read_call
from proxy.gateway.reading.intake_limits import IntakeLimits
from proxy.gateway.reading.labels import NONE as NO_LABELS
from proxy.gateway.reading.permission import may_use, permitted
from proxy.gateway.reading.reception import Reception
from proxy.gateway.telling.cors import CLOSED, Cors, is_preflight
from proxy.gateway.telling.ends import break_off
from proxy.gateway.telling.refusals import STOPPING, bug, stopping
from proxy.gateway.telling.shapes import reads_anthropics, reply_of
from proxy.gateway.trying.choosing import Choosing
from proxy.gateway.trying.run import Run
from proxy.types import Headers, Outcome, Page, PageRequest
from proxy.wire.form import RequestHead
from proxy.wire.gone import ClientGone
from proxy.wire.scope import RequestScope
from proxy.wire.walls import Wall

_FAULTS = {
    Fault.CLIENT: Outcome.CLIENT_ERROR,
    Fault.UPSTREAM: Outcome.UPSTREAM_ERROR,
    Fault.GATEWAY: Outcome.GATEWAY_ERROR,
}
LAST_WORDS_S = 1.0
"""For a client to take them when the worker has run out of time: they fit into any socket's buffer."""
_CLIENT_GONE = Outcome.CLIENT_GONE
PREFLIGHT = "preflight"
"""In place of a route: a browser asks on every path whether a page may."""


KeepPrompt: TypeAlias = Callable[[str, bytes], None]
"""Given the call's id and its JSON."""


class Answering(Protocol):
    """What answers a call from an upstream: `trying.attempts`."""

    async def run(self, run: Run) -> None:
        """Raises GatewayError when none can, ClientGone."""

    def call_line(self, record: Record) -> Headers:
        """For errors of the gateway's own making."""


class Pipeline:
    """Serves exchanges from either door. One per worker and configuration."""

    def __init__(
        self,
        reception: Reception,
        choosing: Choosing,
        attempts: Answering,
        recorder: Records,
        limits: IntakeLimits,
        cors: Cors = CLOSED,
        wall: Wall | None = None,
        accounts: Accounts | None = None,
        keep_prompt: KeepPrompt | None = None,
    ) -> None:
        """`wall`: around each request. `accounts`: who may have how much; None: everybody, all. `keep_prompt`: what is
        asked is kept; None: it is not."""
        self._reception = reception
        self._choosing = choosing
        self._attempts = attempts
        self._recorder = recorder
        self._limits = limits
        self._cors = cors
        self._wall = wall or Wall("request")
        self._accounts = accounts
        self._keep_prompt = keep_prompt

    async def serve(self, exchange: Exchange) -> None:
        """Answer one request and record it, whatever happens. Raises nothing but cancellation.

        The request's scope owns every task that it starts; most start none.
        """
        started = time.monotonic()
        record = Record(
            call_id=call_id(),
            started_unix_s=time.time(),
            method=exchange.head.method.decode(),
            route="",
            door=exchange.door,
        )
        scope = RequestScope(exchange.parking, self._wall)
        call: Call | None = None
        run: Run | None = None
        try:
            if exchange.beside is not None:
                await scope.start(exchange.beside)
            if b"origin" in exchange.head.form.first and await self._meet_browser(exchange, record):
                return
            try:
                known = self._reception.introduce(exchange.head, record)
            except UnknownKey as unknown:
                known = await self._reception.introduce_anew(exchange, record, unknown)
            if known.route.page is not None:
                await self._show(exchange, known.route.page, known.caller, record)
            else:
                limits = self._limits
                call = read_at_once(exchange, known, limits) or await read_call(exchange, known, limits)
                call = self._noted(call, record)
                choice = self._choosing.choose(call) or await self._choosing.choose_anew(exchange, call)
                run = Run(exchange, call, choice, record, started, [], scope)
                plan = self._plan(call, record)
                if plan is not None and not self._reserved(plan, run):
                    await self._reserve(plan, run)
                await self._attempts.run(run)
        except ClientGone:
            record.outcome = Outcome.CLIENT_GONE
            if exchange.opened_early:
                record.status = 200
        except GatewayError as error:
            await self._refuse(exchange, error, record)
        except trio.Cancelled:  # the worker stops, and has waited as long as it may
            with trio.move_on_after(LAST_WORDS_S, shield=True):
                await self._break_off(exchange, record)
            raise
        except Exception as error:  # noqa: BLE001 - the wall: a bug costs one request, never its connection's others
            self._wall.stop(error, record.call_id)
            await self._refuse(exchange, bug(), record)
        finally:
            try:
                if scope.opened:
                    await scope.close()
            finally:  # a worker that stops cuts the closing off
                self._end(exchange, record, started, call, run)

    def _plan(self, call: Call, record: Record) -> Plan | None:
        """HOT. What of it is limited; None: nothing."""
        return None if self._accounts is None else self._accounts.plan(call, record.started_unix_s)

    def _reserved(self, plan: Plan, run: Run) -> bool:
        """HOT where there are limits. False: it may have to wait, or is refused."""
        assert self._accounts is not None
        run.reservation = self._accounts.reserve_at_once(plan, run)
        return run.reservation is not None

    async def _reserve(self, plan: Plan, run: Run) -> None:
        """Raises GatewayError 422, 429, 503; ClientGone."""
        assert self._accounts is not None
        run.reservation = await self._accounts.reserve(plan, run)

    def _end(
        self, exchange: Exchange, record: Record, started: float, call: Call | None, run: Run | None
    ) -> None:
        """HOT. The record is whole, what was reserved is settled, and the record goes its way: each once."""
        if call is not None and call.held is not None:
            call.held.close()
        now = time.monotonic()
        record.duration_s = now - started
        if record.outcome is _CLIENT_GONE and exchange.parking.gone:
            record.cancel_s = max(0.0, now - exchange.parking.left_at)
        record.response_bytes = exchange.sent_bytes
        if run is not None and run.reservation is not None:
            assert self._accounts is not None
            try:
                self._accounts.settle(run, run.reservation)
            except Exception as error:  # noqa: BLE001 - the wall: the record comes in any case
                self._wall.stop(error, record.call_id)
        self._recorder.record(record)

    async def _meet_browser(self, exchange: Exchange, record: Record) -> bool:
        """A page asks: its answers say whether it may read them. True: it only asked for that."""
        head = exchange.head
        origin = head.get(b"origin") or b""
        exchange.lines = self._cors.lines(origin)
        if not is_preflight(head):
            return False
        record.route = PREFLIGHT
        reply = self._cors.preflight(head, origin)
        record.status, record.outcome = reply.status, Outcome.OK
        await exchange.answer(reply)
        return True

    def _noted(self, call: Call, record: Record) -> Call:
        """HOT. Raises GatewayError 403 for what its caller, or whom it names, may not."""
        record.model_asked, record.stream = call.model, call.stream
        record.request_bytes = len(call.body) if call.spool is None else call.length
        labels = call.labels
        if labels is not NO_LABELS:
            record.customer, record.tags = labels.customer, labels.tags
            if labels.customer is not None:
                self._reception.check_customer(labels.customer)
        call = call if call.caller.key is None else permitted(call)
        if self._keep_prompt is not None and call.json is not None:
            self._keep_prompt(record.call_id, call.json)
        return call

    async def _show(self, exchange: Exchange, page: Page, caller: Caller, record: Record) -> None:
        head = exchange.head
        request = PageRequest(
            head.method.decode(),
            head.path.decode("latin-1"),
            (head.query or b"").decode("latin-1"),
            _base_url(head),
            await page_body(exchange, self._limits),
            None if caller.key is None else caller.key.id,
            admin=caller.admin,
            accept=(head.get(b"accept") or b"").decode("latin-1"),
            anthropic=reads_anthropics(head),
            may_use=partial(may_use, caller),
        )
        await exchange.parking.own()
        reply = await page.answer(request)
        record.status = reply.status
        good = reply.status < 400
        record.outcome = Outcome.OK if good else Outcome.CLIENT_ERROR
        await exchange.answer(reply, () if good else self._attempts.call_line(record))

    async def _refuse(self, exchange: Exchange, error: GatewayError, record: Record) -> None:
        record.outcome = _FAULTS[error.fault]
        record.error = record.error or error.code or error.kind
        if exchange.committed:
            # A stream that is the gateway's own so far can tell why it ends.
            record.status = record.status or 200
            await break_off(exchange, record, error if exchange.opened_early else None)
            return
        record.status = error.status
        try:
            await exchange.answer(
                reply_of(error, record.route, exchange.head), self._attempts.call_line(record)
            )
        except ClientGone:
            record.outcome = Outcome.CLIENT_GONE

    async def _break_off(self, exchange: Exchange, record: Record) -> None:
        """A stream ends with an error event, an answer that has not begun becomes a 503."""
        if not exchange.committed:
            await self._refuse(exchange, stopping(), record)
            return
        record.outcome, record.error, record.status = Outcome.TRUNCATED, STOPPING, record.status or 200
        await break_off(exchange, record, stopping() if record.stream else None)


def _base_url(head: RequestHead) -> str:
    """A load balancer that ends TLS says so in `X-Forwarded-Proto`."""
    host = head.get(b"host")
    if not host:
        return ""
    scheme = "https" if head.get(b"x-forwarded-proto") == b"https" else "http"
    return f"{scheme}://{host.decode('latin-1')}"
