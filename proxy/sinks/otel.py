"""`otel`: each request a span, by OTLP over HTTP in JSON, with the attributes of the GenAI conventions.

https://opentelemetry.io/docs/specs/otlp/#otlphttp and github.com/open-telemetry/semantic-conventions-genai. The
SDK is not needed for that: a span of its costs 140 us, and records know their beginning and end already.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from proxy.accounting.record import Record
from proxy.sinks.post import Post
from proxy.types import Outcome

_encode = msgspec.json.Encoder().encode
CLIENT_KIND = 3
ERROR_CODE = 2
OPERATIONS = {
    "/chat/completions": "chat",
    "/responses": "chat",
    "/v1/messages": "chat",
    "/completions": "text_completion",
    "/embeddings": "embeddings",
}
"""Route -> `gen_ai.operation.name`; others are called as their routes are."""
TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})")
"""https://www.w3.org/TR/trace-context/#traceparent-header"""
NANO = 1_000_000_000


class Otel:
    name = "otel"
    keeps = True

    def __init__(
        self,
        endpoint: str,
        headers: Mapping[str, str],
        service: str,
        version: str,
        ca_bundle: str | None = None,
    ) -> None:
        """`endpoint`: to which `/v1/traces` is added, unless it is there."""
        base = endpoint.rstrip("/")
        self._url = base if base.endswith("/v1/traces") else f"{base}/v1/traces"
        self._post = Post({**headers, "content-type": "application/json"}, ca_bundle)
        resource = {"service.name": service, "service.version": version}
        self._resource = {"attributes": list(_attributes(resource))}
        self._scope = {"name": "sluice", "version": version}

    async def send(self, records: Sequence[Record]) -> None:
        scope = {"scope": self._scope, "spans": [span(record) for record in records]}
        await self._post(
            self._url, _encode({"resourceSpans": [{"resource": self._resource, "scopeSpans": [scope]}]}), {}
        )


def span(record: Record) -> Mapping[str, object]:
    """A child of the client's span where it named one; its ids follow from the call's."""
    digest = hashlib.sha256(record.call_id.encode()).hexdigest()
    parent = TRACEPARENT.fullmatch(record.traceparent or "")
    operation = OPERATIONS.get(record.route, record.route)
    fields: dict[str, object] = {
        "traceId": parent[1] if parent else digest[:32],
        "spanId": digest[32:48],
        "name": f"{operation} {record.model_asked}" if record.model_asked else operation,
        "kind": CLIENT_KIND,
        "startTimeUnixNano": _nanoseconds(record.started_unix_s),
        "endTimeUnixNano": _nanoseconds(record.started_unix_s + record.duration_s),
        "attributes": list(_attributes(_facts(record, operation))),
    }
    if parent:
        fields["parentSpanId"] = parent[2]
    if record.outcome is not Outcome.OK:
        fields["status"] = {"code": ERROR_CODE, "message": record.error or record.outcome.value}
    return fields


def _nanoseconds(unix_s: float) -> str:
    """As text, since JSON's numbers end before. Clocks that tell seconds as a float know microseconds."""
    return f"{round(unix_s * 1_000_000)}000"


def _facts(record: Record, operation: str) -> Mapping[str, object]:
    usage, cost = record.usage, record.cost
    good = record.outcome is Outcome.OK
    return {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": record.model_asked,
        "gen_ai.request.stream": record.stream or None,
        "gen_ai.response.model": record.model_served,
        "gen_ai.response.time_to_first_chunk": record.first_byte_s if record.stream else None,
        "gen_ai.usage.input_tokens": usage and usage.input_tokens,
        "gen_ai.usage.output_tokens": usage and usage.output_tokens,
        "gen_ai.usage.cache_read.input_tokens": usage and usage.cached_tokens,
        "gen_ai.usage.reasoning.output_tokens": usage and usage.reasoning_tokens,
        "error.type": None if good else record.error or record.outcome.value,
        "http.request.method": record.method,
        "http.route": record.route,
        "http.response.status_code": record.status or None,
        "enduser.id": record.customer or record.user,
        "sluice.call_id": record.call_id,
        "sluice.deployment_id": record.deployment_id,
        "sluice.attempts": record.attempts,
        "sluice.fallbacks": record.fallbacks,
        "sluice.key_alias": record.key_alias,
        "sluice.team": record.team,
        "sluice.tags": list(record.tags) or None,
        "sluice.cost_usd": None if cost is None else cost.total / NANO,
    }


def _attributes(facts: Mapping[str, object]) -> Iterator[Mapping[str, object]]:
    for name, value in facts.items():
        if value is not None:
            yield {"key": name, "value": _value(value)}


def _value(value: object) -> Mapping[str, object]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, list):
        return {"arrayValue": {"values": [_value(each) for each in value]}}
    return {"stringValue": str(value)}
