"""The sinks that a configuration names, made for one worker."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from proxy import __version__
from proxy.accounting.record import Record
from proxy.config.callbacks import Callback, Targets, is_path, lacks, named, targets
from proxy.config.errors import ConfigError
from proxy.config.schema import Config
from proxy.limits.values import Rule
from proxy.sinks.alerts import Alerts, Hears
from proxy.sinks.delivery import Delivery, Limits
from proxy.sinks.events import SOFT, event_of
from proxy.sinks.sink import Sink, Spill, Wanted
from proxy.types import Secret

log = logging.getLogger("sluice")


def deliveries(
    config: Config, environ: Mapping[str, str], folder: Path | None, spill: Spill | None
) -> list[Delivery]:
    """`folder`: of the configuration. What cannot be made is told, and gets no records: requests are served all the
    same."""
    ours = config.sluice_settings.sinks
    limits = Limits(ours.batch, ours.linger_s, ours.queue, ours.timeout_s)
    found = targets(config, environ)
    made: list[Delivery] = []
    for callback in named(config.litellm_settings):
        if lacks(callback.name, found) is not None:
            continue  # told with the configuration
        try:
            sink = _sink(callback, config, found, folder)
        except (ConfigError, OSError, ValueError) as problem:
            log.error(  # noqa: TRY400 - where it was raised is here
                "sink %s gets no records: %s", callback.name, problem
            )
            continue
        made.append(Delivery(sink, Wanted(callback.good, callback.failed), limits, spill))
    return made


def alerts_by(made: Sequence[Delivery]) -> list[Alerts]:
    """Who hears of budgets: whoever can be told."""
    return [Alerts(delivery.sink) for delivery in made if isinstance(delivery.sink, Hears)]


def tell_soft(alerts: Sequence[Alerts], record: Record, rule: Rule, spent_nano: int) -> None:
    """For `Spending.on_soft_budget`."""
    for each in alerts:
        each.tell(event_of(SOFT, record, rule.shown, spent_nano, rule.soft))


def _sink(callback: Callback, config: Config, found: Targets, folder: Path | None) -> Sink:
    """Raises ConfigError. The modules are brought by who needs them: httpx alone takes 300 ms."""
    if is_path(callback.name):
        from proxy.sinks.python import Python, load  # noqa: PLC0415

        return Python(callback.name, load(callback.name, folder))
    makers: Mapping[str, Callable[[], Sink]] = {
        "webhook": partial(_webhook, config, found),
        "langfuse": partial(_langfuse, config, found),
        "otel": partial(_otel, config, found),
        "s3": partial(_s3, config, found),
        "file": partial(_file, config, folder),
    }
    return makers[callback.name]()


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
