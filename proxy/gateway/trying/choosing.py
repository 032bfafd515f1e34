"""Who may serve a call, where other workers may know more of what it names."""

from __future__ import annotations

import trio

from proxy.errors import GatewayError
from proxy.gateway.exchange import Exchange
from proxy.gateway.reading.call import Call
from proxy.gateway.reading.session import Named, nobody
from proxy.gateway.reading.tenancy import APART, NOT_FOUND, Tenancy
from proxy.gateway.reading.whose import WRITTEN_BEHIND_S, SharedObjects
from proxy.gateway.trying.choice import Choice
from proxy.gateway.trying.selection import choose
from proxy.routing.router import Router

LOOKS_AGAIN_S = (WRITTEN_BEHIND_S, 0.2, 0.5)
"""For what may have been made a moment ago: where the machine is loaded, it is written later."""


class Choosing:
    def __init__(
        self,
        router: Router,
        named: Named = nobody,
        tenancy: Tenancy = APART,
        objects: SharedObjects | None = None,
    ) -> None:
        """`named`: which conversation a call goes on with. `objects`: where those may be known that the router's store
        has missed."""
        self._router = router
        self._named = named
        self._tenancy = tenancy
        self._objects = objects

    def choose(self, call: Call) -> Choice | None:
        """HOT. None: an object that it names may be known elsewhere. Raises as `choose` does."""
        missed = self._router.store.missed
        try:
            choice = self._chosen(call)
        except GatewayError:
            if missed:
                return None
            raise
        return None if missed and choice.scope is None else choice

    async def choose_anew(self, exchange: Exchange, call: Call) -> Choice:
        """It may be one that another worker saw made, or that was made before a restart. Raises as `choose` does."""
        objects = self._objects
        if objects is None:
            return self._chosen(call)
        await exchange.parking.own()
        await objects.seek()
        for wait_s in LOOKS_AGAIN_S:
            try:
                return self._chosen(call)
            except GatewayError as error:
                if error.code != NOT_FOUND:
                    raise
            await trio.sleep(wait_s)
            await objects.hear()
        return self._chosen(call)

    def _chosen(self, call: Call) -> Choice:
        return choose(call, self._router, self._named, self._tenancy)
