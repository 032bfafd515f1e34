"""`s3`: each batch an object of JSON lines, in S3 or what speaks its language."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from proxy.accounting.lines import json_lines
from proxy.accounting.record import Record
from proxy.sinks.post import Post
from proxy.sinks.signing import Credentials, quoted, signed


class S3:
    name = "s3"
    keeps = True

    def __init__(
        self,
        bucket: str,
        region: str,
        credentials: Credentials,
        prefix: str = "",
        endpoint: str | None = None,
        ca_bundle: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`endpoint`: of another store; the bucket then is the path's first part."""
        self._base = (
            f"{endpoint.rstrip('/')}/{bucket}" if endpoint else f"https://{bucket}.s3.{region}.amazonaws.com"
        )
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._region = region
        self._credentials = credentials
        self._clock = clock
        self._post = Post({}, ca_bundle)

    async def send(self, records: Sequence[Record]) -> None:
        body = json_lines(records)
        url = f"{self._base}/{quoted(self._prefix + object_name(records))}"
        headers = {"content-type": "application/x-ndjson"}
        lines = signed("PUT", url, body, headers, self._credentials, self._region, self._clock())
        await self._post(url, body, lines, "PUT")


def object_name(records: Sequence[Record]) -> str:
    """`2026-11-29/21-30-05_0123456789abcdef.jsonl`: the same for the same batch, which is stored once."""
    first = datetime.fromtimestamp(records[0].started_unix_s, UTC)
    digest = hashlib.sha256("".join(record.call_id for record in records).encode()).hexdigest()[:16]
    return f"{first:%Y-%m-%d/%H-%M-%S}_{digest}.jsonl"
