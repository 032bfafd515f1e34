"""A sink of its name, as the configuration and the environment have it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from proxy import __version__
from proxy.config.callbacks import Targets, is_path
from proxy.config.schema import Config
from proxy.sinks.sink import Sink
from proxy.types import Secret


def made_by(name: str, config: Config, found: Targets, folder: Path | None) -> Sink:
    """Raises ConfigError. The modules are brought by who needs them: httpx alone takes 300 ms."""
    if is_path(name):
        from proxy.sinks.python import Python, load  # noqa: PLC0415

        return Python(name, load(name, folder))
    makers: Mapping[str, Callable[[], Sink]] = {
        "webhook": partial(_webhook, config, found),
        "langfuse": partial(_langfuse, config, found),
        "otel": partial(_otel, config, found),
        "s3": partial(_s3, config, found),
        "file": partial(_file, config, folder),
    }
    return makers[name]()


def _webhook(config: Config, found: Targets) -> Sink:
    from proxy.sinks.webhook import Webhook  # noqa: PLC0415

    said = found.webhook
    assert said.url is not None
    return Webhook(said.url, said.secret, _revealed(said.headers), config.sluice_settings.sinks.ca_bundle)


def _langfuse(config: Config, found: Targets) -> Sink:
    from proxy.sinks.langfuse import Langfuse  # noqa: PLC0415

    said = found.langfuse
    assert said.host is not None
    assert said.public_key is not None
    assert said.secret_key is not None
    return Langfuse(said.host, said.public_key, said.secret_key, config.sluice_settings.sinks.ca_bundle)


def _otel(config: Config, found: Targets) -> Sink:
    from proxy.sinks.otel import Otel  # noqa: PLC0415

    said = found.otel
    assert said.endpoint is not None
    assert said.service_name is not None
    bundle = config.sluice_settings.sinks.ca_bundle
    return Otel(said.endpoint, _revealed(said.headers), said.service_name, __version__, bundle)


def _s3(config: Config, found: Targets) -> Sink:
    from proxy.sinks.s3 import S3  # noqa: PLC0415
    from proxy.sinks.signing import Credentials  # noqa: PLC0415

    said = found.s3
    assert said.s3_bucket_name is not None
    assert said.s3_region_name is not None
    assert said.s3_aws_access_key_id is not None
    assert said.s3_aws_secret_access_key is not None
    who = Credentials(said.s3_aws_access_key_id, said.s3_aws_secret_access_key, said.s3_aws_session_token)
    return S3(
        said.s3_bucket_name,
        said.s3_region_name,
        who,
        said.s3_path,
        said.s3_endpoint_url,
        config.sluice_settings.sinks.ca_bundle,
    )


def _file(config: Config, folder: Path | None) -> Sink:
    from proxy.sinks.file import File  # noqa: PLC0415

    said = config.sluice_settings.sinks.file
    return File((folder or Path()) / said.path, int(said.max_mb * 1024 * 1024), said.keep)


def _revealed(headers: Mapping[str, Secret]) -> dict[str, str]:
    return {name: value.reveal() for name, value in headers.items()}
