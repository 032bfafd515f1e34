"""What a user's own class is told of a request, under the names that LiteLLM's callbacks have.

https://docs.litellm.ai/docs/observability/custom_callback. Without prompts and answers, since records hold none.
"""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from proxy.accounting.record import Record
from proxy.types import Outcome

NANO_DOLLARS = 1e9
Fields = dict[str, object]
_plain = msgspec.to_builtins


def arguments(record: Record) -> tuple[Fields, Fields | None, datetime, datetime]:
    """`kwargs`, `response_obj`, `start_time`, `end_time`."""
    start = datetime.fromtimestamp(record.started_unix_s, UTC)
    end = datetime.fromtimestamp(record.started_unix_s + record.duration_s, UTC)
    good = record.outcome is Outcome.OK
    kwargs: Fields = {
        "litellm_call_id": record.call_id,
        "call_type": record.route,
        "model": record.model_served or record.model_asked,
        "stream": record.stream,
        "user": record.customer,
        "response_cost": _dollars(record),
        "exception": None if good else record.error or record.outcome.value,
        "litellm_params": {"metadata": _metadata(record)},
        "standard_logging_object": _standard(record),
    }
    return kwargs, _response(record) if good else None, start, end


def _dollars(record: Record) -> float | None:
    return None if record.cost is None else record.cost.total / NANO_DOLLARS


def _metadata(record: Record) -> Fields:
    return {
        "user_api_key": record.key,
        "user_api_key_alias": record.key_alias,
        "user_api_key_user_id": record.user,
        "user_api_key_team_id": record.team,
        "tags": list(record.tags),
        "model_group": record.model_asked,
        "model_info": {"id": record.deployment_id},
    }


def _tokens(record: Record) -> Fields:
    usage = record.usage
    return {
        "prompt_tokens": usage and usage.input_tokens,
        "completion_tokens": usage and usage.output_tokens,
        "total_tokens": usage and usage.total_tokens,
    }


def _response(record: Record) -> Fields:
    return {"id": record.call_id, "model": record.model_served, "usage": _tokens(record)}


def _standard(record: Record) -> Fields:
    """The part of LiteLLM's StandardLoggingPayload that a record knows, and the record itself."""
    return {
        "id": record.call_id,
        "call_type": record.route,
        "status": "success" if record.outcome is Outcome.OK else "failure",
        "response_cost": _dollars(record),
        "model": record.model_served or record.model_asked,
        "model_id": record.deployment_id,
        "model_group": record.model_asked,
        "startTime": record.started_unix_s,
        "endTime": record.started_unix_s + record.duration_s,
        "completionStartTime": record.started_unix_s + (record.first_byte_s or record.duration_s),
        "end_user": record.customer,
        "request_tags": list(record.tags),
        "error_str": record.error,
        "metadata": _metadata(record),
        **_tokens(record),
        "record": _plain(record),
    }
