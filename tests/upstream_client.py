"""An upstream client as a worker has it, for tests of what stands above it."""

from proxy.upstream.client import UpstreamClient
from proxy.upstream.connecting import Connector
from proxy.upstream.dialling import Dial, Dialler
from proxy.upstream.pool import ConnectionPool
from proxy.upstream.resolving import Resolver
from proxy.wire.reactor import Reactor


def upstream_client(
    reactor: Reactor, pool: ConnectionPool, dial: Dial | None = None, resolver: Resolver | None = None
) -> UpstreamClient:
    """`dial`: over TCP if None. `resolver`: one that runs, where hosts are named; without it they are addresses."""
    over_tcp = Dialler(reactor, resolver or Resolver(30.0, 300.0)).dial
    return UpstreamClient(pool, Connector(reactor, pool, dial or over_tcp))
