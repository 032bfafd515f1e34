"""The sinks that a configuration names, made for one worker."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from proxy.accounting.record import Record
from proxy.config.callbacks import lacks, named, targets
from proxy.config.errors import ConfigError
from proxy.config.schema import Config
from proxy.limits.values import Rule
from proxy.sinks.alerts import Alerts, Hears
from proxy.sinks.delivery import Delivery, Limits
from proxy.sinks.events import SOFT, event_of
from proxy.sinks.making import made_by
from proxy.sinks.sink import Spill, Wanted

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
            sink = made_by(callback.name, config, found, folder)
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
