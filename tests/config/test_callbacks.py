from __future__ import annotations

from pathlib import Path

import pytest

from proxy.config.callbacks import Callback, named, targets
from proxy.config.load import Examined, examine

ENTRY = "model_list:\n  - {model_name: m, litellm_params: {model: openai/m, api_key: k}}\n"


def examined(tmp_path: Path, text: str, **environ: str) -> Examined:
    path = tmp_path / "config.yaml"
    path.write_text(ENTRY + text)
    return examine(path, environ)


def test_each_sink_is_named_once_with_what_it_gets(tmp_path: Path) -> None:
    found = examined(
        tmp_path,
        "litellm_settings:\n  success_callback: [webhook, s3_v2, prometheus]\n  failure_callback: webhook\n"
        "  callbacks: [otel, my_module.handler]\n  s3_callback_params: {s3_bucket_name: b}\n",
        WEBHOOK_URL="http://hook",
        AWS_ACCESS_KEY_ID="a",
        AWS_SECRET_ACCESS_KEY="b",
    )
    assert found.warnings == ()
    assert found.config is not None
    assert named(found.config.litellm_settings) == (
        Callback("webhook", good=True, failed=True),
        Callback("s3", good=True, failed=False),
        Callback("otel", good=True, failed=True),
        Callback("my_module.handler", good=True, failed=True),
    )


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (
            "webhook",
            "`webhook` gets no records: it needs `sluice_settings.sinks.webhook.url`, or WEBHOOK_URL",
        ),
        ("generic_api", "`generic_api` gets no records: it needs"),
        ("langfuse", "it needs LANGFUSE_PUBLIC_KEY, LANGFUSE_SECRET_KEY"),
        ("s3", "it needs `s3_callback_params.s3_bucket_name`, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY"),
        ("datadog", "`datadog` is not there yet: it gets no records"),
        ("langfsue", "`langfsue` is no sink, and no Python path (`module.object`); did you mean `langfuse`?"),
        ("a.b-c", "is no sink, and no Python path"),
    ],
)
def test_what_gets_no_records_is_told_and_stops_nothing(tmp_path: Path, written: str, said: str) -> None:
    found = examined(tmp_path, f"litellm_settings: {{success_callback: [{written}]}}\n")
    assert found.errors == ()
    (warning,) = found.warnings
    assert said in str(warning)
    assert "config.yaml:3" in str(warning)


@pytest.mark.parametrize("written", ["prometheus", "file", "otel", "my.module.handler"])
def test_what_needs_nothing_more_is_not_talked_about(tmp_path: Path, written: str) -> None:
    assert examined(tmp_path, f"litellm_settings: {{callbacks: {written}}}\n").warnings == ()


def test_the_environment_says_what_the_file_does_not(tmp_path: Path) -> None:
    found = examined(
        tmp_path,
        "sluice_settings: {sinks: {langfuse: {public_key: own}, otel: {headers: {x-a: b}}}}\n",
        LANGFUSE_PUBLIC_KEY="theirs",
        LANGFUSE_SECRET_KEY="nobody-sees-this",
        LANGFUSE_HOST="http://fuse",
        OTEL_ENDPOINT="http://collector",
        OTEL_HEADERS="x-c=d",
        OTEL_EXPORTER_OTLP_HEADERS="x-e=f=g, x-h=i",
        GENERIC_LOGGER_ENDPOINT="http://logger",
        GENERIC_LOGGER_HEADERS="authorization=Bearer x",
    )
    assert found.config is not None
    said = targets(found.config, found.environ)
    assert (said.langfuse.public_key, said.langfuse.host) == ("own", "http://fuse")
    assert said.langfuse.secret_key is not None
    assert said.langfuse.secret_key.reveal() == "nobody-sees-this"
    assert "nobody-sees-this" not in repr(said)
    assert said.otel.endpoint == "http://collector"
    assert {name: value.reveal() for name, value in said.otel.headers.items()} == {"x-a": "b"}
    assert said.webhook.url == "http://logger"
    assert said.webhook.headers["authorization"].reveal() == "Bearer x"
    bare = examined(tmp_path, "", OTEL_EXPORTER_OTLP_HEADERS="x-e=f=g, x-h=i")
    assert bare.config is not None
    headers = targets(bare.config, bare.environ).otel.headers
    assert {name: value.reveal() for name, value in headers.items()} == {"x-e": "f=g", "x-h": "i"}
