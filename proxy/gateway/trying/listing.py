"""Lists of everybody's objects on their way to one whose own alone they may show."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from proxy.gateway.reading.call import Call
from proxy.gateway.reading.tenancy import Tenancy, lists_everybodys
from proxy.gateway.reading.whose import Whose
from proxy.gateway.telling.delivery import Delivery
from proxy.gateway.telling.listing import relay_own
from proxy.gateway.trying.lane import Lane
from proxy.gateway.trying.redirects import aimed_at, target_of
from proxy.gateway.trying.run import Run
from proxy.gateway.trying.sending import Sending
from proxy.providers.lists import further
from proxy.types import Result
from proxy.upstream.answer import Answer


class Listing:
    """One per worker and configuration."""

    __slots__ = ("_filters", "_most_pages", "_sending", "_whose")

    def __init__(self, whose: Whose, sending: Sending, tenancy: Tenancy) -> None:
        self._whose = whose
        self._sending = sending
        self._filters = tenancy.on and tenancy.lists == "filter"
        self._most_pages = tenancy.list_pages

    def is_for(self, call: Call) -> bool:
        return self._filters and lists_everybodys(call)

    def relay(
        self, run: Run, lane: Lane, answer: Answer, result: Result, extra: bytes
    ) -> Awaitable[Delivery]:
        """Of a good answer. Raises as `relay_own`."""
        call, exchange = run.call, run.exchange
        own = partial(self._whose.own, call.caller.owner, parking=exchange.parking)
        return relay_own(
            exchange,
            call.head.query or b"",
            answer,
            result,
            extra,
            run.record,
            own,
            self._next(run, lane),
            self._most_pages,
        )

    def _next(self, run: Run, lane: Lane) -> Callable[[str], Awaitable[Answer]]:
        sending = self._sending

        async def next_page(after: str) -> Answer:
            """From the same project: cursors are ids there."""
            outbound = sending.outbound(run, lane)
            path, _, query = target_of(outbound).partition(b"?")
            outbound = aimed_at(outbound, b"%b?%b" % (path, further(query, after)))
            answer = await sending.send(run, lane, outbound)
            answer.until = run.until
            return answer

        return next_page
