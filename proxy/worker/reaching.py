"""How this worker reaches upstreams: its sockets, and the credentials that it renews."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from proxy.config.sluice import SluiceSettings
from proxy.gateway.trying.confirming import Confirmer
from proxy.routing.router import Router, Suspicion
from proxy.types import Deployment
from proxy.upstream.client import UpstreamClient
from proxy.upstream.connecting import Connector
from proxy.upstream.destination import Destination
from proxy.upstream.dialling import Dial, Dialler
from proxy.upstream.pool import ConnectionPool
from proxy.upstream.preopening import Preopener
from proxy.upstream.resolving import Resolver
from proxy.wire.reactor import Poller, Reactor
from proxy.worker.renewing import Renewals
from proxy.worker.settings import destination_of


class Reaching:
    def __init__(self, limits: SluiceSettings, poller: Poller | None, dial: Dial | None) -> None:
        """`poller` and `dial`: what sockets are watched with and made by, if not by the kernel."""
        self.reactor = Reactor(poller)
        self.pool = ConnectionPool(limits.upstream_idle_connections, limits.upstream_idle_timeout_s)
        self.resolver = Resolver(limits.dns_fresh_s, limits.dns_stale_s)
        self.renewals = Renewals()
        connector = Connector(self.reactor, self.pool, dial or Dialler(self.reactor, self.resolver).dial)
        self.client = UpstreamClient(self.pool, connector)
        self.confirmer = Confirmer(self.reactor, self.client, self._admitted)
        most = limits.upstream_preopened_connections
        self.preopener = Preopener(self.reactor, self.pool, connector, most)

    @property
    def tasks(self) -> list[Callable[[], Awaitable[object]]]:
        """While the gateway serves."""
        return [self.resolver.run, self.pool.reap, self.preopener.run, self.confirmer.run, self.renewals.run]

    def configure(self, limits: SluiceSettings) -> None:
        self.resolver.configure(limits.dns_fresh_s, limits.dns_stale_s)
        self.preopener.most = limits.upstream_preopened_connections

    def confirm_for(self, router: Router) -> None:
        """Keys that are suspected there are asked for."""

        def tell(suspicion: Suspicion, refused: bool) -> None:  # noqa: FBT001 - the verdict
            router.confirm(suspicion, time.monotonic(), right=refused)

        router.on_suspicion(lambda suspicion: self.confirmer.hear(suspicion, tell))

    def _admitted(self, deployment: Deployment) -> Destination:
        """For a call of the gateway's own."""
        destination = destination_of(deployment, forwards_organization=False)
        destination.admit(self.renewals.headers(deployment))
        return destination
