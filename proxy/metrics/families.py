"""Every metric: its name, kind, labels and meaning. Names are LiteLLM's where the meaning is."""

from __future__ import annotations

import enum

import msgspec


class Kind(enum.Enum):
    COUNTER = "counter"
    """Only grows: workers' add up, those of dead ones too."""
    HISTOGRAM = "histogram"
    SUM = "sum"
    """A level, shown as a gauge: those of living workers add up."""
    MOST = "most"
    """A level of which the largest of the living workers' counts."""
    LEAST = "least"


class Family(msgspec.Struct, frozen=True, eq=False):
    """One metric. Counters are shown with `_total` behind the name."""

    number: int
    name: str
    kind: Kind
    labels: tuple[str, ...]
    help: str
    buckets: tuple[float, ...] = ()
    """Upper bounds; there is one more, without end."""

    @property
    def width(self) -> int:
        """Numbers of one series: of a histogram its buckets, the endless one, and the sum."""
        return len(self.buckets) + 2 if self.kind is Kind.HISTOGRAM else 1

    @property
    def is_level(self) -> bool:
        return self.kind not in (Kind.COUNTER, Kind.HISTOGRAM)


FAMILIES: list[Family] = []

LATENCY = (
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.0,
    5.0,
    10.0,
    30.0,
    60.0,
    120.0,
    300.0,
    420.0,
    600.0,
)
"""Seconds: LiteLLM's, so that its dashboards' quantiles mean the same."""
SHORT = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
"""Seconds: what the gateway itself takes."""
PER_TOKEN = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)


def _family(kind: Kind, name: str, labels: str, text: str, buckets: tuple[float, ...] = ()) -> Family:
    family = Family(len(FAMILIES), name, kind, tuple(labels.split()), text, buckets)
    FAMILIES.append(family)
    return family


def _counter(name: str, labels: str, text: str) -> Family:
    return _family(Kind.COUNTER, name, labels, text)


def _histogram(name: str, labels: str, text: str, buckets: tuple[float, ...] = LATENCY) -> Family:
    return _family(Kind.HISTOGRAM, name, labels, text, buckets)


_BY_CALLER = "requested_model api_key_alias team"

# -- of each request
REQUESTS = _counter(
    "litellm_proxy_total_requests_metric",
    f"route status_code {_BY_CALLER}",
    "Requests by clients, whatever became of them; status_code 0: the client left before there was one.",
)
FAILED = _counter(
    "litellm_proxy_failed_requests_metric",
    f"route exception_status exception_class {_BY_CALLER}",
    "Requests that got no good answer, by status; those that clients left are not among them.",
)
FAILURES = _counter(
    "sluice_failures", "outcome reason", "Requests that did not end well, by the record's outcome and error."
)
LIMITS_HIT = _counter(
    "sluice_limits_hit",
    "limit api_key_alias team",
    "Requests refused by a limit of a caller or of the gateway.",
)
INPUT_TOKENS = _counter("litellm_input_tokens_metric", _BY_CALLER, "Prompt tokens, cached ones among them.")
OUTPUT_TOKENS = _counter(
    "litellm_output_tokens_metric", _BY_CALLER, "Completion tokens, those of reasoning among them."
)
TOTAL_TOKENS = _counter("litellm_total_tokens_metric", _BY_CALLER, "Prompt and completion tokens.")
CACHED_TOKENS = _counter(
    "litellm_input_cached_tokens_metric", _BY_CALLER, "Prompt tokens that the provider had in its cache."
)
REASONING_TOKENS = _counter(
    "litellm_output_reasoning_tokens_metric", _BY_CALLER, "Completion tokens spent on reasoning."
)
SPEND = _counter("litellm_spend_metric", _BY_CALLER, "US dollars, of what has a known price.")
SAVED = _counter(
    "sluice_cache_saved_dollars",
    _BY_CALLER,
    "US dollars that providers' caches spared: at the full price, less the cached.",
)
UNPRICED = _counter(
    "sluice_unpriced_requests", "requested_model", "Requests with usage of which no price is known."
)
ESTIMATED = _counter(
    "sluice_estimated_requests", "requested_model", "Requests whose usage the gateway has reckoned itself."
)
RETRIES = _counter("sluice_retries", "requested_model", "Further attempts after a request's first.")
FALLBACKS_GOOD = _counter(
    "litellm_deployment_successful_fallbacks",
    "requested_model fallback_model",
    "Requests that another group answered well.",
)
FALLBACKS_FAILED = _counter(
    "litellm_deployment_failed_fallbacks",
    "requested_model fallback_model",
    "Requests that turned to another group, and failed there too.",
)
DURATION = _histogram(
    "litellm_request_total_latency_metric",
    "requested_model",
    "Seconds from a request's beginning to its end, where an upstream was asked.",
)
UPSTREAM_DURATION = _histogram(
    "litellm_llm_api_latency_metric",
    "requested_model model_id",
    "Seconds from the last attempt's beginning to the end of its answer.",
)
FIRST_BYTE = _histogram(
    "sluice_first_byte_seconds",
    "requested_model",
    "Seconds from a request's beginning to the head of the upstream's answer.",
)
OVERHEAD = _histogram(
    "litellm_overhead_latency_metric",
    "",
    "Seconds of the gateway's own before the upstream was asked; waiting for a key and attempts that failed count.",
    SHORT,
)
FIRST_CONTENT = _histogram(
    "litellm_llm_api_time_to_first_token_metric",
    "requested_model model_id",
    "Seconds from the last attempt's beginning to a stream's first event with content.",
)
STREAM_GAP = _histogram(
    "sluice_stream_longest_gap_seconds",
    "requested_model model_id",
    "Seconds of a stream's longest silence between two pieces; HTTP/1.1's streams.",
)
QUEUE_WAIT = _histogram(
    "sluice_queue_wait_seconds",
    "requested_model",
    "Seconds that a request waited for a deployment, where it did.",
)
CANCEL = _histogram(
    "sluice_cancel_latency_seconds",
    "",
    "Seconds from a client's leaving until its upstream was let go.",
    SHORT,
)
PER_OUTPUT_TOKEN = _histogram(
    "litellm_deployment_latency_per_output_token",
    "requested_model model_id",
    "Seconds of the upstream's answer for each of its completion tokens.",
    PER_TOKEN,
)
RECEIVED_BYTES = _counter("sluice_request_bytes", "", "Bytes of request bodies that were held.")
SENT_BYTES = _counter("sluice_response_bytes", "", "Bytes of answers' bodies, as sent to clients.")

# -- of deployments, and of what they stand on
_DEPLOYMENT = "model_id model_group litellm_model_name"
ATTEMPTS = _counter("litellm_deployment_total_requests", _DEPLOYMENT, "Attempts at a deployment.")
ATTEMPTS_GOOD = _counter(
    "litellm_deployment_success_responses", _DEPLOYMENT, "Attempts that did not fail by the deployment."
)
ATTEMPTS_FAILED = _counter(
    "litellm_deployment_failure_responses", _DEPLOYMENT, "Attempts that failed by the deployment."
)
STATE = _family(
    Kind.MOST,
    "litellm_deployment_state",
    _DEPLOYMENT,
    "0: takes requests; 1: rests, and waits for one to try it; 2: rests, or cannot be served.",
)
DEPLOYMENT_IN_FLIGHT = _family(
    Kind.SUM, "sluice_deployment_in_flight", _DEPLOYMENT, "Attempts under way at a deployment."
)
REMAINING_REQUESTS = _family(
    Kind.LEAST,
    "litellm_remaining_requests_metric",
    _DEPLOYMENT,
    "Requests that the key has left by its provider's word, less those sent since.",
)
REMAINING_TOKENS = _family(Kind.LEAST, "litellm_remaining_tokens_metric", _DEPLOYMENT, "The same of tokens.")
LAYER_STATE = _family(
    Kind.MOST,
    "sluice_layer_state",
    "layer name",
    "Of each host, key, model of a key and kind of request that rests: 1 where it waits for one request, else 2.",
)

# -- of money
_BUDGETS: dict[str, tuple[str, str]] = {
    "key": ("api_key", "api_key_alias"),
    "team": ("team", "team"),
    "user": ("user", "user"),
}
BUDGET_LEFT = {
    holder: _family(
        Kind.LEAST,
        f"litellm_remaining_{name}_budget_metric",
        label,
        f"US dollars that a {holder} may still spend in its budget's period.",
    )
    for holder, (name, label) in _BUDGETS.items()
}
BUDGET_MAX = {
    holder: _family(
        Kind.MOST, f"litellm_{name}_max_budget_metric", label, f"US dollars of a {holder}'s budget."
    )
    for holder, (name, label) in _BUDGETS.items()
}
STATE_PROBLEM = _family(
    Kind.MOST,
    "sluice_state_file_problem",
    "problem",
    "1 while the state file cannot be used, for this reason.",
)

# -- of the workers
IN_FLIGHT = _family(Kind.SUM, "litellm_in_flight_requests", "", "Requests under way.")
CONNECTIONS = _family(Kind.SUM, "sluice_client_connections", "", "Clients' connections of HTTP/1.1.")
UPSTREAM_IDLE = _family(Kind.SUM, "sluice_upstream_idle_connections", "", "Kept connections to upstreams.")
QUEUE = _family(Kind.SUM, "sluice_queue_length", "", "Requests that wait for a deployment.")
LOOP_LAG = _histogram(
    "sluice_event_loop_lag_seconds",
    "",
    "Seconds that a timer came late: twice a second, of each worker.",
    SHORT,
)
CONTAINED = _counter("sluice_contained_errors", "guest", "Bugs that ended their own guest alone.")
DROPPED = _counter("sluice_records_dropped", "consumer", "Records that a consumer never had, or failed at.")
WAITING = _family(Kind.SUM, "sluice_records_waiting", "consumer", "Records that wait for a consumer.")
SINK_DELIVERED = _counter("sluice_sink_delivered_records", "callback_name", "Records that a sink has.")
SINK_REFUSED = _counter("sluice_sink_lost_records", "callback_name", "Records that a sink would not take.")
SINK_FAILURES = _counter(
    "litellm_callback_logging_failures_metric",
    "callback_name",
    "Deliveries to a sink that failed.",
)
SINK_LAG = _family(
    Kind.MOST,
    "sluice_sink_lag_seconds",
    "callback_name",
    "Age of the oldest record that a sink has not yet.",
)
SINK_SPILLED = _family(
    Kind.MOST,
    "sluice_sink_spilled_batches",
    "callback_name",
    "Batches that wait for a sink in the state file.",
)
STATE_USABLE = _family(
    Kind.LEAST,
    "sluice_state_usable",
    "",
    "1: the state file can be written; 0: it cannot, `/health` says why.",
)
STATE_WAITING = _family(
    Kind.SUM,
    "sluice_state_writes_waiting",
    "",
    "Writes that wait for the state file, records not among them.",
)
STATE_DROPPED = _counter("sluice_state_writes_dropped", "", "Writes that found no room to wait, or failed.")
STATE_BYTES = _family(Kind.MOST, "sluice_state_file_bytes", "", "Size of the state file, without its log.")
WORKERS = _family(Kind.SUM, "sluice_workers", "", "Workers that live.")
BUILD = _family(Kind.MOST, "sluice_build_info", "version build", "1, for the version that runs.")
SERIES = _family(Kind.MOST, "sluice_metrics_series", "", "Series that a worker keeps.")
OVERFLOW = _counter(
    "sluice_metrics_overflows", "", "Times that labels found no room, and were counted as `other`."
)
CPU = _counter("process_cpu_seconds", "", "Seconds of processor time, of all workers.")
MEMORY = _family(
    Kind.SUM, "process_resident_memory_bytes", "", "Memory of all workers; what they share is in each."
)
