"""`webhook`: batches of records as JSON, signed as https://www.standardwebhooks.com says: by HMAC-SHA256 over an id,
the moment and the body."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import urlsplit

import msgspec

from proxy.accounting.record import Record
from proxy.sinks.events import BudgetEvent, KeyEvent
from proxy.sinks.post import Post
from proxy.sinks.sink import Refused
from proxy.types import Secret

PREFIX = "whsec_"
"""Of a secret that is written in base64; any other is taken as it is."""
_HERE = frozenset(("localhost", "127.0.0.1", "::1"))
_encode = msgspec.json.Encoder().encode


class _Records(msgspec.Struct, frozen=True):
    type: str
    timestamp: float
    records: Sequence[Record]


class _Event(msgspec.Struct, frozen=True):
    type: str
    timestamp: float
    data: BudgetEvent | KeyEvent


class Webhook:
    name = "webhook"
    keeps = True

    def __init__(
        self,
        url: str,
        secret: Secret | None,
        headers: Mapping[str, str],
        ca_bundle: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._url = url
        self._secret = None if secret is None else _key(secret.reveal())
        self._post = Post({**headers, "content-type": "application/json"}, ca_bundle)
        self._clock = clock

    async def send(self, records: Sequence[Record]) -> None:
        await self._deliver(_encode(_Records("records", self._clock(), records)), _id_of(records))

    async def tell(self, event: BudgetEvent | KeyEvent) -> None:
        """Raises Away, Refused."""
        if isinstance(event, KeyEvent) and not is_private(self._url):
            raise Refused("a secret is told over https, or on this machine, alone")
        about = event.token if isinstance(event, KeyEvent) else event.call_id
        body = _encode(_Event(event.type, self._clock(), event))
        await self._deliver(body, uuid.uuid5(uuid.NAMESPACE_URL, f"{event.type}/{about}").hex)

    async def _deliver(self, body: bytes, id_: str) -> None:
        lines = {"webhook-id": f"msg_{id_}", "webhook-timestamp": str(int(self._clock()))}
        if self._secret is not None:
            lines["webhook-signature"] = signature(
                self._secret, lines["webhook-id"], lines["webhook-timestamp"], body
            )
        await self._post(self._url, body, lines)


def is_private(url: str) -> bool:
    """Nobody on the way can read what goes there."""
    parts = urlsplit(url)
    return parts.scheme == "https" or parts.hostname in _HERE


def _key(secret: str) -> bytes:
    return base64.b64decode(secret[len(PREFIX) :]) if secret.startswith(PREFIX) else secret.encode()


def signature(key: bytes, id_: str, timestamp: str, body: bytes) -> str:
    signed = b".".join((id_.encode(), timestamp.encode(), body))
    return f"v1,{base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()}"


def _id_of(records: Sequence[Record]) -> str:
    """The same for the same batch: whoever gets it twice can tell."""
    return hashlib.sha256("".join(record.call_id for record in records).encode()).hexdigest()[:32]
