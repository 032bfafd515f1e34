"""Asking an upstream whether it answers: `GET {api_base}/models` with the deployment's key, which costs no tokens."""

from __future__ import annotations

import functools
import ssl
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING

import msgspec
import trio

from proxy.providers.dialect import dialect_of, own_headers
from proxy.providers.sigv4 import signature
from proxy.providers.url import origin
from proxy.types import Deployment, Headers

if TYPE_CHECKING:
    import httpx

PROBE_TIMEOUT_S = 5.0
"""For one upstream, connecting included: a model list is small and comes at once."""
PROBES_AT_ONCE = 16
"""Per worker: a probe is a new TLS connection, and must not crowd out requests."""
ALL_PROBES_TIMEOUT_S = 30.0
"""For one health page: clients and load balancers rarely wait longer."""
NO_MODEL_LIST = (404, 405)
"""Some upstreams keep no model list: they were reached and did not refuse the key."""


class ProbeResult(msgspec.Struct, frozen=True):
    ok: bool
    status: int = 0
    """0: no answer came."""
    latency_s: float = 0.0
    error: str | None = None


More = Callable[[Deployment], Headers]


def no_more(_: Deployment) -> Headers:
    return ()


Probe = Callable[[str], Awaitable[ProbeResult]]
"""deployment id -> what its upstream answered; raises nothing."""


async def probe_all(probe: Probe, deployment_ids: Iterable[str]) -> dict[str, ProbeResult]:
    """All answers within `ALL_PROBES_TIMEOUT_S`; who did not get its turn by then is not ok."""
    late = ProbeResult(ok=False, error=f"not asked within {ALL_PROBES_TIMEOUT_S:g} s")
    results = dict.fromkeys(deployment_ids, late)

    async def ask(deployment_id: str) -> None:
        results[deployment_id] = await probe(deployment_id)

    with trio.move_on_after(ALL_PROBES_TIMEOUT_S):
        async with trio.open_nursery() as nursery:
            for deployment_id in results:
                nursery.start_soon(ask, deployment_id)
    return results


class HttpProbe:
    """The `Probe` of real upstreams. `find` gives the deployment of an id, None when there is none."""

    def __init__(self, find: Callable[[str], Deployment | None], more: More = no_more) -> None:
        """`more`: what a deployment is asked with beside its own headers."""
        self._find = find
        self._more = more
        self._turns = trio.CapacityLimiter(PROBES_AT_ONCE)

    async def __call__(self, deployment_id: str) -> ProbeResult:
        deployment = self._find(deployment_id)
        if deployment is None:
            return ProbeResult(ok=False, error="no longer configured")
        if deployment.unservable is not None:
            return ProbeResult(ok=False, error=deployment.unservable)
        if deployment.mock_response is not None:
            return ProbeResult(ok=True)
        async with self._turns:
            return await _probe(deployment, self._more)


async def _probe(deployment: Deployment, more: More) -> ProbeResult:
    try:
        client = await trio.to_thread.run_sync(http_client, deployment.ssl_verify)
    except OSError as failure:
        return ProbeResult(ok=False, error=f"ssl_verify: {failure.strerror}")
    started = trio.current_time()
    status, error = await _ask(client, deployment, more)
    ok = 200 <= status < 300 or status in NO_MODEL_LIST
    return ProbeResult(ok, status, round(trio.current_time() - started, 4), None if ok else error)


def http_client(verify: bool | str) -> httpx.AsyncClient:  # noqa: FBT001 - the deployment's own setting
    """Runs in a thread: importing httpx takes 300 ms, reading the CA list 20 ms, and streams must flow meanwhile.

    The import stands here and not on top because most processes never probe.
    """
    import httpx  # noqa: PLC0415

    return httpx.AsyncClient(verify=_tls(verify), timeout=None, trust_env=False)  # noqa: S113 - see _ask


@functools.lru_cache(maxsize=16)
def _tls(verify: bool | str) -> ssl.SSLContext:  # noqa: FBT001
    context = ssl.create_default_context(cafile=verify if isinstance(verify, str) else None)
    if verify is False:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


async def _ask(client: httpx.AsyncClient, deployment: Deployment, more: More) -> tuple[int, str]:
    """(status, error): status 0 when no answer came. The body is not read."""
    import httpx  # noqa: PLC0415 - loaded by http_client already

    status, error = 0, f"no answer within {PROBE_TIMEOUT_S:g} s"
    url, headers = models_url(deployment), key_headers(deployment, more)
    with trio.move_on_after(PROBE_TIMEOUT_S):
        try:
            async with client, client.stream("GET", url, headers=headers) as response:
                status, error = response.status_code, f"HTTP {response.status_code}"
        except httpx.ConnectError as failure:
            error = f"no connection: {_why(failure)}"
        except httpx.HTTPError as failure:
            error = type(failure).__name__  # its text may quote a header, and so the key
    return status, error


def _why(failure: BaseException) -> str:
    """The innermost reason that has words: trio's own exceptions around OpenSSL's have none."""
    said = str(failure)
    inner = failure.__cause__ or failure.__context__
    while inner is not None:
        if isinstance(inner, ssl.SSLCertVerificationError):
            return f"TLS: certificate not trusted: {inner.verify_message}"
        if isinstance(inner, ssl.SSLError):
            return f"TLS: {inner.reason or type(inner).__name__}"
        said = said or str(inner)
        inner = inner.__cause__ or inner.__context__
    return said or type(failure).__name__


def models_url(deployment: Deployment) -> str:
    return deployment.api_base + dialect_of(deployment).models.decode()


def key_headers(deployment: Deployment, more: More = no_more) -> dict[bytes, bytes]:
    """What the deployment is asked for its list of models with."""
    own = [*own_headers(deployment), *more(deployment)]
    if deployment.signing is not None:
        place = origin(deployment.api_base)
        target = place.base_path + dialect_of(deployment).models
        own += signature(deployment.signing, b"GET", place.host_header, target, b"", time.time())
    return {b"accept": b"application/json"} | {name.lower(): value for name, value in own}
