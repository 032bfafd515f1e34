"""LiteLLM's `success_callback`, `failure_callback` and `callbacks`: which sinks they name, and what those need."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from proxy.config.known import CALLBACKS
from proxy.config.notices import Findings
from proxy.config.schema import Config
from proxy.config.settings import LitellmSettings
from proxy.config.sinks import LangfuseSettings, OtelSettings, S3Settings, WebhookSettings
from proxy.config.wording import did_you_mean
from proxy.types import Secret

SINKS = ("webhook", "langfuse", "otel", "s3", "file")
OTHER_NAMES = {"generic_api": "webhook", "s3_v2": "s3"}
"""LiteLLM's for the same."""
ALWAYS = frozenset({"prometheus"})
"""`/metrics` is there without being asked for."""
LISTS = {"success_callback": (True, False), "failure_callback": (False, True), "callbacks": (True, True)}
"""Whether records of good, and of failed requests go there."""
LANGFUSE_CLOUD = "https://cloud.langfuse.com"
LOCAL_COLLECTOR = "http://localhost:4318"


class Callback(msgspec.Struct, frozen=True):
    """One that is served: a sink's name, or a Python path."""

    name: str
    good: bool
    failed: bool


def named(litellm: LitellmSettings) -> tuple[Callback, ...]:
    """In the order in which they are written; each once, whatever the lists that it is in."""
    found: dict[str, tuple[bool, bool]] = {}
    for key, (good, failed) in LISTS.items():
        for written in getattr(litellm, key):
            name = OTHER_NAMES.get(written, written)
            if name in SINKS or is_path(name):
                before = found.get(name, (False, False))
                found[name] = (before[0] or good, before[1] or failed)
    return tuple(Callback(name, *of) for name, of in found.items())


def is_path(name: str) -> bool:
    """`module.object`"""
    return "." in name and all(part.isidentifier() for part in name.split("."))


class Targets(msgspec.Struct, frozen=True):
    """Each sink's own settings, with what the environment says of it."""

    webhook: WebhookSettings
    langfuse: LangfuseSettings
    otel: OtelSettings
    s3: S3Settings


def targets(config: Config, environ: Mapping[str, str]) -> Targets:
    ours = config.sluice_settings.sinks
    return Targets(
        _webhook(ours.webhook, environ),
        _langfuse(ours.langfuse, environ),
        _otel(ours.otel, environ),
        _s3(config.litellm_settings.s3_callback_params, environ),
    )


def _webhook(said: WebhookSettings, environ: Mapping[str, str]) -> WebhookSettings:
    url = said.url or environ.get("WEBHOOK_URL") or environ.get("GENERIC_LOGGER_ENDPOINT")
    headers = said.headers or _headers(environ.get("GENERIC_LOGGER_HEADERS"))
    return msgspec.structs.replace(said, url=url, headers=headers)


def _langfuse(said: LangfuseSettings, environ: Mapping[str, str]) -> LangfuseSettings:
    return msgspec.structs.replace(
        said,
        host=said.host or environ.get("LANGFUSE_HOST") or LANGFUSE_CLOUD,
        public_key=said.public_key or environ.get("LANGFUSE_PUBLIC_KEY"),
        secret_key=said.secret_key or _secret(environ.get("LANGFUSE_SECRET_KEY")),
    )


def _otel(said: OtelSettings, environ: Mapping[str, str]) -> OtelSettings:
    endpoint = environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or environ.get("OTEL_ENDPOINT")
    headers = environ.get("OTEL_EXPORTER_OTLP_HEADERS") or environ.get("OTEL_HEADERS")
    return msgspec.structs.replace(
        said,
        endpoint=said.endpoint or endpoint or LOCAL_COLLECTOR,
        headers=said.headers or _headers(headers),
        service_name=said.service_name or environ.get("OTEL_SERVICE_NAME") or "sluice",
    )


def _s3(said: S3Settings, environ: Mapping[str, str]) -> S3Settings:
    region = environ.get("AWS_REGION_NAME") or environ.get("AWS_REGION")
    return msgspec.structs.replace(
        said,
        s3_region_name=said.s3_region_name or region or "us-east-1",
        s3_aws_access_key_id=said.s3_aws_access_key_id or environ.get("AWS_ACCESS_KEY_ID"),
        s3_aws_secret_access_key=said.s3_aws_secret_access_key
        or _secret(environ.get("AWS_SECRET_ACCESS_KEY")),
        s3_aws_session_token=said.s3_aws_session_token or _secret(environ.get("AWS_SESSION_TOKEN")),
    )


def _secret(text: str | None) -> Secret | None:
    return Secret(text) if text else None


def _headers(text: str | None) -> Mapping[str, Secret]:
    """`name=value,name=value`"""
    pairs = (pair.partition("=") for pair in (text or "").split(",") if "=" in pair)
    return {name.strip(): Secret(value.strip()) for name, _, value in pairs}


def lacks(name: str, found: Targets) -> str | None:
    """What a sink cannot do without; None: it has all."""
    needed: Mapping[str, tuple[tuple[object, str], ...]] = {
        "webhook": ((found.webhook.url, "`sluice_settings.sinks.webhook.url`, or WEBHOOK_URL"),),
        "langfuse": (
            (found.langfuse.public_key, "LANGFUSE_PUBLIC_KEY"),
            (found.langfuse.secret_key, "LANGFUSE_SECRET_KEY"),
        ),
        "s3": (
            (found.s3.s3_bucket_name, "`s3_callback_params.s3_bucket_name`"),
            (found.s3.s3_aws_access_key_id, "AWS_ACCESS_KEY_ID"),
            (found.s3.s3_aws_secret_access_key, "AWS_SECRET_ACCESS_KEY"),
        ),
    }
    missing = [where for value, where in needed.get(name, ()) if not value]
    return ", ".join(missing) or None


def check_callbacks(config: Config, environ: Mapping[str, str], findings: Findings) -> None:
    """One notice for each that gets no records."""
    found = targets(config, environ)
    for key in LISTS:
        for written in getattr(config.litellm_settings, key):
            text = _notice(written, found)
            if text is not None:
                findings.warn(("litellm_settings", key), text)


def _notice(written: str, found: Targets) -> str | None:
    name = OTHER_NAMES.get(written, written)
    if name in ALWAYS or is_path(name):
        return None
    if name in SINKS:
        missing = lacks(name, found)
        return None if missing is None else f"`{written}` gets no records: it needs {missing}"
    if name in CALLBACKS:
        return f"`{written}` is not there yet: it gets no records"
    return f"`{written}` is no sink, and no Python path (`module.object`)" + did_you_mean(written, SINKS)
