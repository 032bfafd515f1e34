"""Who asks, and where the path leads: what a request's head says of both, each time anew."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from proxy.access.identity import Caller, VirtualKey
from proxy.access.keys import Keys, UnknownKey
from proxy.accounting.record import Record
from proxy.errors import GatewayError
from proxy.gateway.exchange import Exchange
from proxy.gateway.reading.introduction import Introduction, introduce
from proxy.gateway.reading.permission import check_customer, check_route
from proxy.gateway.reading.routes import Kind, Route, Routes
from proxy.gateway.refusals import master_key_needed, websocket_not_carried
from proxy.gateway.telling.rebinding import HomeGuard
from proxy.wire.form import RequestHead, asks_for_websocket

_NATIVE = Kind.NATIVE
NOBODY = Caller("anonymous", b"")
TOKEN_HOLDER = Caller("token", b"")
"""With a key that opens one page and nothing else."""
TRACEPARENT = b"traceparent"
"""https://www.w3.org/TR/trace-context/#traceparent-header"""
TRACEPARENT_BYTES = 55
SHOWN_PATH_BYTES = 200
"""Of an unknown path, in its record: what a person needs to see the slip."""
Seek: TypeAlias = Callable[[bytes], Awaitable[bool]]
"""Looks for the key of a digest where other processes write theirs. True: it is known now."""


class Reception:
    def __init__(
        self,
        routes: Routes,
        keys: Keys,
        guard: HomeGuard | None = None,
        seek: Seek | None = None,
        *,
        traces: bool = False,
    ) -> None:
        """`guard`: where no key is asked for. `seek`: where keys may be that are not known here yet. `traces`: records
        say which span of the client's they are of."""
        self._routes = routes
        self._keys = keys
        self._guard = guard
        self._seek = seek
        self._traces = traces

    def introduce(self, head: RequestHead, record: Record) -> Introduction:
        """HOT. Where the path leads and who asks, each time anew. Raises GatewayError 401, 403, 404, 405, 426."""
        try:
            route = self._routes.find(head.method, head.path)
        except GatewayError:  # nothing else is known of it
            record.route = head.path[:SHOWN_PATH_BYTES].decode("latin-1")
            raise
        record.route = route.name
        if self._traces and (parent := head.get(TRACEPARENT)) is not None:
            record.traceparent = parent[:TRACEPARENT_BYTES].decode("latin-1")
        if self._guard is not None:
            self._guard.check(head)
        now = record.started_unix_s
        caller = self._keys.who(head.get, now) if route.kind is _NATIVE else self._who(head, route, now)
        if head.form.upgrade and asks_for_websocket(head):
            raise websocket_not_carried()
        record.caller = caller.name
        if caller.key is not None:
            _note(record, caller.key)
            if caller.routes is not None:
                check_route(caller, route, head.path)
        return introduce(head, route, caller)

    async def introduce_anew(self, exchange: Exchange, record: Record, unknown: UnknownKey) -> Introduction:
        """The key may be a moment old, and another process's. Raises as `introduce` does."""
        await exchange.parking.own()
        if self._seek is None or not await self._seek(unknown.digest):
            raise unknown
        return self.introduce(exchange.head, record)

    def _who(self, head: RequestHead, route: Route, now: float) -> Caller:
        if (route.page is not None and route.page.public) or (
            route.custom is not None and not route.custom.auth
        ):
            return NOBODY
        if (
            route.page is not None
            and route.page.token is not None
            and self._keys.sent(head.get, route.page.token)
        ):
            return TOKEN_HOLDER
        caller = self._keys.who(head.get, now)
        if route.page is not None and route.page.admin and not caller.admin:
            raise master_key_needed()
        return caller

    def check_customer(self, name: str) -> None:
        """Whom a call says it is for. Raises GatewayError 403."""
        check_customer(self._keys.directory.customer(name))


def _note(record: Record, key: VirtualKey) -> None:
    record.key, record.key_alias, record.user, record.team = key.id, key.key_alias, key.user_id, key.team_id
