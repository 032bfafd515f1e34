"""`langfuse`: each request a trace with one generation in it.

https://langfuse.com/docs/api (POST /api/public/ingestion). No prompt and no answer is in it, since records hold none.
"""

from __future__ import annotations

import base64
import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from proxy.accounting.record import Record
from proxy.sinks.post import Post
from proxy.sinks.sink import Refused
from proxy.types import Cost, Outcome, Secret, Usage

log = logging.getLogger("sluice")

DEFAULT_HOST = "https://cloud.langfuse.com"
NANO_DOLLARS = 1e9
_encode = msgspec.json.Encoder().encode
_LEVELS = {Outcome.OK: "DEFAULT", Outcome.CLIENT_ERROR: "WARNING", Outcome.CLIENT_GONE: "WARNING"}


class _Failed(msgspec.Struct):
    status: int = 0


class _Answer(msgspec.Struct):
    """207: which events were taken, and which were not."""

    errors: list[_Failed] = []


_decode = msgspec.json.Decoder(_Answer).decode


class Langfuse:
    name = "langfuse"
    keeps = True

    def __init__(self, host: str, public_key: str, secret_key: Secret, ca_bundle: str | None = None) -> None:
        credentials = base64.b64encode(f"{public_key}:{secret_key.reveal()}".encode()).decode()
        self._url = f"{host.rstrip('/')}/api/public/ingestion"
        self._post = Post(
            {"authorization": f"Basic {credentials}", "content-type": "application/json"}, ca_bundle
        )

    async def send(self, records: Sequence[Record]) -> None:
        batch = [event for record in records for event in events(record)]
        answer = await self._post(self._url, _encode({"batch": batch}), {})
        try:
            failed = _decode(answer).errors
        except msgspec.DecodeError:
            return
        if failed:
            refused = f"{len(failed)} of {len(batch)} events were not taken ({failed[0].status})"
            if len(failed) == len(batch):
                raise Refused(refused)
            log.warning("sink langfuse: %s", refused)


def events(record: Record) -> Iterator[Mapping[str, object]]:
    """Their ids are the same however often they are sent: Langfuse counts each once."""
    ended = _moment(record.started_unix_s + record.duration_s)
    yield _event(record, "trace-create", ended, _trace(record))
    yield _event(record, "generation-create", ended, _generation(record, ended))


def _event(record: Record, kind: str, at: str, body: Mapping[str, object]) -> Mapping[str, object]:
    return {"id": f"{record.call_id}/{kind}", "type": kind, "timestamp": at, "body": body}


def _trace(record: Record) -> Mapping[str, object]:
    return {
        "id": record.call_id,
        "timestamp": _moment(record.started_unix_s),
        "name": record.route,
        "userId": record.customer or record.user,
        "tags": list(record.tags),
        "metadata": {"key_alias": record.key_alias, "team": record.team, "caller": record.caller},
    }


def _generation(record: Record, ended: str) -> Mapping[str, object]:
    first_s = record.first_byte_s
    return {
        "id": f"{record.call_id}-generation",
        "traceId": record.call_id,
        "name": record.route,
        "startTime": _moment(record.started_unix_s),
        "completionStartTime": None if first_s is None else _moment(record.started_unix_s + first_s),
        "endTime": ended,
        "model": record.model_served or record.model_asked,
        "level": _LEVELS.get(record.outcome, "ERROR"),
        "statusMessage": record.error,
        "usageDetails": _usage(record.usage),
        "costDetails": _cost(record.cost),
        "metadata": {
            "status": record.status,
            "outcome": record.outcome.value,
            "deployment_id": record.deployment_id,
            "attempts": record.attempts,
            "fallbacks": record.fallbacks,
            "stream": record.stream,
            "estimated": record.estimated,
        },
    }


def _usage(usage: Usage | None) -> Mapping[str, int] | None:
    """Langfuse adds kinds up: what was cached is not input once more."""
    if usage is None:
        return None
    cached, reasoning = usage.cached_tokens or 0, usage.reasoning_tokens or 0
    kinds = {
        "input": None if usage.input_tokens is None else max(0, usage.input_tokens - cached),
        "input_cached_tokens": cached or None,
        "output": None if usage.output_tokens is None else max(0, usage.output_tokens - reasoning),
        "output_reasoning_tokens": reasoning or None,
        "total": usage.total_tokens,
    }
    return {name: count for name, count in kinds.items() if count is not None}


def _cost(cost: Cost | None) -> Mapping[str, float] | None:
    return None if cost is None else {"total": cost.total / NANO_DOLLARS}


def _moment(unix_s: float) -> str:
    return datetime.fromtimestamp(unix_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
