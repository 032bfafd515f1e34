"""Reads the configuration anew, for a reload: a good one becomes the next edition, a bad one changes nothing."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable

import msgspec

from proxy.config.errors import ConfigError
from proxy.config.load import Loaded
from proxy.config.notices import warning_lines
from proxy.config.schema import Config
from proxy.process.edition import Edition, News

FIXED: dict[str, tuple[str, ...]] = {
    "litellm_settings": (
        "callbacks",
        "failure_callback",
        "json_logs",
        "s3_callback_params",
        "success_callback",
    ),
    "sluice_settings": (
        "access_log",
        "keep_alive_timeout_s",
        "listen_backlog",
        "max_connections",
        "max_header_bytes",
        "max_headers",
        "metrics",
        "metrics_host",
        "metrics_port",
        "metrics_series",
        "objects_keep",
        "objects_keep_days",
        "records_keep_days",
        "records_keep_mb",
        "records_queue",
        "remembered_objects",
        "sinks",
        "spend_keep_days",
        "state",
        "state_flush_s",
        "state_queue",
        "upstream_idle_connections",
        "upstream_idle_timeout_s",
    ),
}
"""What sockets, pools and logs were made with, and keep until a restart."""


class Editions:
    """One good configuration after the other."""

    def __init__(self, first: Edition, read: Callable[[], Loaded]) -> None:
        """`read` raises ConfigError, its text telling all that is wrong."""
        self.newest = first
        self._read = read

    def latest(self) -> News:
        """As the files are now. What is wrong with them goes to standard error, and there is no new edition."""
        try:
            loaded = self._read()
        except ConfigError as problem:
            _tell(str(problem), "sluice: not reloaded: the configuration before it stays in force")
            return News()
        config, kept = with_fixed(self.newest.config, loaded.config)
        warnings = warning_lines(loaded.warnings, str(loaded.path or "the environment"))
        if kept:
            warnings.append(f"warning: these change with a restart only: {', '.join(kept)}")
        self.newest = Edition(self.newest.number + 1, config, loaded.environ)
        _tell(*warnings, "sluice: reloaded: new requests are served by the new configuration")
        return News(self.newest)


def _tell(*lines: str) -> None:
    with contextlib.suppress(OSError):  # that nobody listens is no reason to end
        print(*lines, sep="\n", file=sys.stderr, flush=True)


def with_fixed(old: Config, new: Config) -> tuple[Config, list[str]]:
    """`new` with what only a restart changes as it is in `old`, and the names of what differs."""
    kept: list[str] = []
    for section, names in FIXED.items():
        before, after = getattr(old, section), getattr(new, section)
        stays = {
            name: getattr(before, name) for name in names if getattr(before, name) != getattr(after, name)
        }
        if stays:
            new = msgspec.structs.replace(new, **{section: msgspec.structs.replace(after, **stays)})
            kept += [f"{section}.{name}" for name in stays]
    return new, kept
