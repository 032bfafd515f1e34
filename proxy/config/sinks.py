"""`sluice_settings.sinks`, and LiteLLM's names for the same: where records go besides the log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from msgspec import Meta

from proxy.config.fields import Count, HttpUrl, Megabytes, Positive, Seconds, SecondsOrZero, Section, Text
from proxy.types import Secret


class WebhookSettings(Section, frozen=True, kw_only=True):
    """`webhook`: a POST of JSON."""

    url: HttpUrl | None = None
    """Where to; without it `WEBHOOK_URL`, else `GENERIC_LOGGER_ENDPOINT`."""
    secret: Secret | None = None
    """Signs each delivery (HMAC-SHA256, as standardwebhooks.com has it); `whsec_...` is taken as base64."""
    headers: Mapping[str, Secret] = {}
    """Sent along, such as `Authorization`."""


class LangfuseSettings(Section, frozen=True, kw_only=True):
    """`langfuse`: a trace for each request."""

    host: HttpUrl | None = None
    """Without it `LANGFUSE_HOST`, else Langfuse's cloud in the EU."""
    public_key: str | None = None
    """Without it `LANGFUSE_PUBLIC_KEY`."""
    secret_key: Secret | None = None
    """Without it `LANGFUSE_SECRET_KEY`."""


class OtelSettings(Section, frozen=True, kw_only=True):
    """`otel`: a span for each request, by OTLP over HTTP."""

    endpoint: HttpUrl | None = None
    """Of the collector; without it `OTEL_EXPORTER_OTLP_ENDPOINT`, else `OTEL_ENDPOINT`, else `http://localhost:4318`."""
    headers: Mapping[str, Secret] = {}
    """Sent along; without them those of `OTEL_EXPORTER_OTLP_HEADERS`, else `OTEL_HEADERS` (`name=value,name=value`)."""
    service_name: Text | None = None
    """Without it `OTEL_SERVICE_NAME`, else `sluice`."""


class S3Settings(Section, frozen=True, kw_only=True):
    """LiteLLM's `s3_callback_params`."""

    s3_bucket_name: Text | None = None
    """The bucket."""
    s3_region_name: Text | None = None
    """Its region; without it `AWS_REGION_NAME`, else `AWS_REGION`, else `us-east-1`."""
    s3_endpoint_url: HttpUrl | None = None
    """Another store that speaks S3's language."""
    s3_aws_access_key_id: str | None = None
    """Without it `AWS_ACCESS_KEY_ID`."""
    s3_aws_secret_access_key: Secret | None = None
    """Without it `AWS_SECRET_ACCESS_KEY`."""
    s3_aws_session_token: Secret | None = None
    """Without it `AWS_SESSION_TOKEN`."""
    s3_path: str = ""
    """What the objects' names begin with."""


class FileSettings(Section, frozen=True, kw_only=True):
    """`file`: JSON lines."""

    path: Text = "records.jsonl"
    """Beside the configuration, unless it is absolute."""
    max_mb: Megabytes = 100.0
    """MiB of one file, then the next is begun: what an editor still opens."""
    keep: Count = 5
    """Full files that are kept, as `path.1` (the latest) and so on."""


class SinkSettings(Section, frozen=True, kw_only=True):
    """What holds for all sinks, and each one's own."""

    batch: Annotated[int, Meta(ge=1, le=1_000)] = 100
    """Records in one delivery: some 80 KB, of which all sinks take more."""
    linger_s: SecondsOrZero = 1.0
    """Seconds that a delivery waits for more records: soon enough to watch."""
    queue: Positive = 10_000
    """Records that wait in memory, per sink and worker: about 10 MB; then the oldest are dropped, and counted."""
    timeout_s: Seconds = 10.0
    """Seconds that a delivery may take."""
    spill_mb: Megabytes = 256.0
    """MiB that wait in the state file, per sink, while it is away: 300,000 requests; then the oldest are dropped."""
    ca_bundle: str | None = None
    """Certificates to trust at the sinks, in PEM; without it the system's."""
    webhook: WebhookSettings = WebhookSettings()
    """`webhook`"""
    langfuse: LangfuseSettings = LangfuseSettings()
    """`langfuse`"""
    otel: OtelSettings = OtelSettings()
    """`otel`"""
    file: FileSettings = FileSettings()
    """`file`"""
