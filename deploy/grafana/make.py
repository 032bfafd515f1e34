"""Writes sluice.json, the dashboard, beside this file: `python deploy/grafana/make.py`.

A table of panels; what it asks for is held to what `/metrics` shows by tests/test_deploy_metrics.py.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import NamedTuple

DASHBOARD = Path(__file__).with_name("sluice.json")
WIDTH, HEIGHT, PER_ROW = 8, 8, 3
SOURCE = {"type": "prometheus", "uid": "${source}"}
OPTIONS = {
    "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
    "tooltip": {"mode": "multi", "sort": "desc"},
}
EVERY = "$__rate_interval"


class Panel(NamedTuple):
    title: str
    unit: str
    """https://grafana.com/docs/grafana/latest/panels-visualizations/configure-standard-options/#unit"""
    queries: tuple[tuple[str, str], ...]
    """PromQL, and the legend."""
    text: str
    kind: str = "timeseries"


def rate(metric: str, by: str = "", where: str = "") -> str:
    rated = f"rate({metric}{{{_where(where)}}}[{EVERY}])"
    return f"sum by ({by}) ({rated})" if by else f"sum({rated})"


def share(part: str, whole: str, by: str = "") -> str:
    return f"{rate(part, by)} / {rate(whole, by)}"


def left(whose: str, label: str) -> str:
    part = level(f"litellm_remaining_{whose}_budget_metric", label, "min")
    return f"{part} / {level(f'litellm_{whose}_max_budget_metric', label, 'max')}"


def quantile(of: float, metric: str, by: str = "") -> str:
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({of}, sum by ({labels}) (rate({metric}_bucket{{{_where('')}}}[{EVERY}])))"


def level(metric: str, by: str = "", how: str = "sum") -> str:
    return f"{how} by ({by}) ({metric}{{{_where('')}}})" if by else f"{how}({metric}{{{_where('')}}})"


def _where(more: str) -> str:
    return ", ".join(filter(None, ('instance=~"$instance"', more)))


REQUESTS = "litellm_proxy_total_requests_metric_total"
FAILED = "litellm_proxy_failed_requests_metric_total"
DURATION = "litellm_request_total_latency_metric"
TO_FIRST = "litellm_llm_api_time_to_first_token_metric"
MODEL = "requested_model"
DEPLOYMENT = "model_group, model_id"

LOST = f"increase(sluice_records_dropped_total{{{_where('')}}}[1h])"

ROWS: dict[str, tuple[Panel, ...]] = {
    "Requests": (
        Panel(
            "Requests",
            "reqps",
            ((rate(REQUESTS, "status_code"), "{{status_code}}"),),
            "By the status that clients got.",
        ),
        Panel(
            "Share that failed",
            "percentunit",
            ((share(FAILED, REQUESTS), "failed"),),
            "Of all requests; those that clients left are not failures.",
        ),
        Panel(
            "Failures by reason",
            "reqps",
            ((rate("sluice_failures_total", "outcome, reason"), "{{outcome}} {{reason}}"),),
            "As records say.",
        ),
        Panel(
            "Duration",
            "s",
            tuple(
                (quantile(of, DURATION), name) for of, name in ((0.5, "median"), (0.95, "p95"), (0.99, "p99"))
            ),
            "From a request's beginning to its end.",
        ),
        Panel(
            "Time to first token",
            "s",
            (
                (quantile(0.5, TO_FIRST, MODEL), "median {{requested_model}}"),
                (quantile(0.95, TO_FIRST, MODEL), "p95 {{requested_model}}"),
            ),
            "Of streams, from the attempt's beginning to the first event with content.",
        ),
        Panel(
            "Longest silence within a stream",
            "s",
            (
                (quantile(0.5, "sluice_stream_longest_gap_seconds"), "median"),
                (quantile(0.95, "sluice_stream_longest_gap_seconds"), "p95"),
            ),
            "Between two pieces, per stream.",
        ),
        Panel(
            "Under way",
            "short",
            (
                (level("litellm_in_flight_requests"), "requests"),
                (level("sluice_client_connections"), "connections"),
            ),
            "Now.",
        ),
        Panel(
            "Waiting for a key",
            "short",
            (
                (level("sluice_queue_length"), "requests"),
                (quantile(0.95, "sluice_queue_wait_seconds"), "p95 of the wait, in s"),
            ),
            "Requests that no deployment was free for.",
        ),
        Panel(
            "Refused by a limit",
            "reqps",
            ((rate("sluice_limits_hit_total", "limit"), "{{limit}}"),),
            "Of keys, teams, budgets; not the upstreams'.",
        ),
    ),
    "Money and tokens": (
        Panel(
            "Spend per hour",
            "currencyUSD",
            ((f"3600 * {rate('litellm_spend_metric_total', MODEL)}", "{{requested_model}}"),),
            "By model.",
        ),
        Panel(
            "Spend per hour, by key",
            "currencyUSD",
            (
                (
                    f"topk(10, 3600 * {rate('litellm_spend_metric_total', 'api_key_alias')})",
                    "{{api_key_alias}}",
                ),
            ),
            "The ten that spend most.",
        ),
        Panel(
            "Tokens",
            "short",
            (
                (rate("litellm_input_tokens_metric_total"), "in"),
                (rate("litellm_output_tokens_metric_total"), "out"),
                (rate("litellm_output_reasoning_tokens_metric_total"), "of these reasoning"),
            ),
            "Per second.",
        ),
        Panel(
            "Prompt tokens from the provider's cache",
            "percentunit",
            (
                (
                    share("litellm_input_cached_tokens_metric_total", "litellm_input_tokens_metric_total"),
                    "cached",
                ),
            ),
            "They cost a fraction.",
        ),
        Panel(
            "Usage that is guessed, or has no price",
            "reqps",
            (
                (rate("sluice_estimated_requests_total"), "estimated"),
                (rate("sluice_unpriced_requests_total"), "no price"),
            ),
            "Set a price beside the deployment.",
        ),
        Panel(
            "Budgets: what is left",
            "percentunit",
            (
                (left("api_key", "api_key_alias"), "key {{api_key_alias}}"),
                (left("team", "team"), "team {{team}}"),
                (left("user", "user"), "user {{user}}"),
            ),
            "Of the budget's present period.",
        ),
    ),
    "Upstreams": (
        Panel(
            "What rests",
            "short",
            ((level("sluice_layer_state", "layer, name", "max"), "{{layer}} {{name}}"),),
            "Hosts, keys, models and kinds of request: 1 waits for one request to try it, 2 rests.",
            "table",
        ),
        Panel(
            "State of deployments",
            "short",
            (
                (
                    level("litellm_deployment_state", "model_group, model_id", "max"),
                    "{{model_group}} {{model_id}}",
                ),
            ),
            "0 takes requests, 1 is tried, 2 rests.",
        ),
        Panel(
            "Attempts that failed",
            "percentunit",
            (
                (
                    share(
                        "litellm_deployment_failure_responses_total",
                        "litellm_deployment_total_requests_total",
                        DEPLOYMENT,
                    ),
                    "{{model_group}} {{model_id}}",
                ),
            ),
            "By deployment.",
        ),
        Panel(
            "Retries and fallbacks",
            "reqps",
            (
                (rate("sluice_retries_total"), "retries"),
                (rate("litellm_deployment_successful_fallbacks_total"), "fallbacks that helped"),
                (rate("litellm_deployment_failed_fallbacks_total"), "fallbacks that did not"),
            ),
            "Per second.",
        ),
        Panel(
            "Seconds of an upstream's answer",
            "s",
            ((quantile(0.95, "litellm_llm_api_latency_metric", "model_id"), "p95 {{model_id}}"),),
            "By deployment.",
        ),
        Panel(
            "Seconds per output token",
            "s",
            (
                (
                    quantile(0.5, "litellm_deployment_latency_per_output_token", "model_id"),
                    "median {{model_id}}",
                ),
            ),
            "By deployment.",
        ),
        Panel(
            "What keys have left",
            "short",
            (
                (level("litellm_remaining_requests_metric", "model_id", "min"), "requests {{model_id}}"),
                (level("litellm_remaining_tokens_metric", "model_id", "min"), "tokens {{model_id}}"),
            ),
            "By their providers' word.",
        ),
    ),
    "The gateway": (
        Panel(
            "Overhead",
            "s",
            (
                (quantile(0.5, "litellm_overhead_latency_metric"), "median"),
                (quantile(0.99, "litellm_overhead_latency_metric"), "p99"),
            ),
            "Before the upstream is asked.",
        ),
        Panel(
            "Event loop's lag",
            "s",
            ((quantile(0.99, "sluice_event_loop_lag_seconds"), "p99"),),
            "How late timers are.",
        ),
        Panel(
            "Cancel latency",
            "s",
            ((quantile(0.95, "sluice_cancel_latency_seconds"), "p95"),),
            "From a client's leaving until its upstream is let go.",
        ),
        Panel(
            "Processor", "short", ((rate("process_cpu_seconds_total"), "cores"),), "Cores, of all workers."
        ),
        Panel(
            "Memory",
            "bytes",
            ((level("process_resident_memory_bytes"), "resident"),),
            "Of all workers; what they share is in each.",
        ),
        Panel("Workers", "short", ((level("sluice_workers"), "workers"),), "That live."),
        Panel(
            "Records that wait, and that are lost",
            "short",
            (
                (level("sluice_records_waiting", "consumer"), "wait for {{consumer}}"),
                (LOST, "lost to {{consumer}} in an hour"),
            ),
            "By who gets them.",
        ),
        Panel(
            "How far sinks are behind",
            "s",
            ((level("sluice_sink_lag_seconds", "callback_name", "max"), "{{callback_name}}"),),
            "Age of the oldest record that they have not.",
        ),
        Panel(
            "State file",
            "short",
            (
                (level("sluice_state_writes_waiting"), "writes that wait"),
                (level("sluice_state_file_problem", "problem", "max"), "{{problem}}"),
            ),
            "1 by the reason why it cannot be used.",
        ),
        Panel(
            "Bugs contained",
            "short",
            ((rate("sluice_contained_errors_total", "guest"), "{{guest}}"),),
            "Each ended its own guest alone: please report them.",
        ),
    ),
}


def dashboard() -> dict[str, object]:
    panels: list[dict[str, object]] = []
    top = 0
    for title, row in ROWS.items():
        panels.append(_row(title, len(panels) + 1, top))
        top += 1
        for place, panel in enumerate(row):
            panels.append(
                _panel(panel, len(panels) + 1, place % PER_ROW * WIDTH, top + place // PER_ROW * HEIGHT)
            )
        top += -(-len(row) // PER_ROW) * HEIGHT
    return {
        "title": "Sluice",
        "uid": "sluice-gateway",
        "tags": ["sluice", "llm"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "browser",
        "templating": {"list": [_source(), _instance()]},
        "annotations": {"list": []},
        "links": [],
        "panels": panels,
    }


def _source() -> dict[str, object]:
    return {"name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus", "hide": 0}


def _instance() -> dict[str, object]:
    return {
        "name": "instance",
        "label": "Instance",
        "type": "query",
        "datasource": SOURCE,
        "query": {"query": "label_values(sluice_workers, instance)", "refId": "instances"},
        "refresh": 2,
        "includeAll": True,
        "multi": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
    }


def _row(title: str, number: int, top: int) -> dict[str, object]:
    place = {"h": 1, "w": 24, "x": 0, "y": top}
    return {"id": number, "type": "row", "title": title, "gridPos": place, "collapsed": False, "panels": []}


def _panel(panel: Panel, number: int, left: int, top: int) -> dict[str, object]:
    targets = [
        {"refId": chr(ord("A") + place), "datasource": SOURCE, "expr": query, "legendFormat": legend}
        for place, (query, legend) in enumerate(panel.queries)
    ]
    if panel.kind == "table":
        targets = [{**target, "instant": True, "format": "table"} for target in targets]
    defaults: dict[str, object] = {"unit": panel.unit}
    if panel.kind == "timeseries":
        defaults |= {"min": 0, "custom": {"fillOpacity": 10, "showPoints": "never", "spanNulls": False}}
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.text,
        "datasource": SOURCE,
        "gridPos": {"h": HEIGHT, "w": WIDTH, "x": left, "y": top},
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": OPTIONS if panel.kind == "timeseries" else {},
        "targets": targets,
    }


def text() -> str:
    return json.dumps(dashboard(), indent=1) + "\n"


if __name__ == "__main__":
    DASHBOARD.write_text(text())
    sys.stdout.write(f"{DASHBOARD}\n")
