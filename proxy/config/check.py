"""`--validate_config`: what `load` would say, without starting anything."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from proxy.config.load import examine
from proxy.config.notices import Notice


class Report(msgspec.Struct, frozen=True):
    """The verdict on a configuration file."""

    path: Path | None
    errors: tuple[Notice, ...]
    warnings: tuple[Notice, ...]
    models: int = 0
    """Public names."""
    deployments: int = 0
    """Upstream keys behind them: a list of organizations counts one each."""

    @property
    def ok(self) -> bool:
        return not self.errors


def validate(path: Path | None, environ: Mapping[str, str]) -> Report:
    """Reads the file as `load` does; raises nothing for what is wrong with it."""
    examined = examine(path, environ)
    if examined.loaded is None:
        return Report(path, examined.errors, examined.warnings)
    entries = examined.loaded.config.model_list
    return Report(
        path,
        examined.errors,
        examined.warnings,
        models=len({entry.model_name for entry in entries}),
        deployments=sum(len(entry.litellm_params.organization) or 1 for entry in entries),
    )


def render(report: Report) -> str:
    """The report as lines of text, for a terminal."""
    lines = [f"error: {notice}" for notice in report.errors]
    lines += [f"warning: {notice}" for notice in report.warnings]
    return "\n".join([*lines, _verdict(report)])


def _verdict(report: Report) -> str:
    name = report.path or "no config file"
    if not report.ok:
        return f"{name}: {_count(len(report.errors), 'error')}, {_count(len(report.warnings), 'warning')}"
    counts = (_count(report.models, "model"), _count(report.deployments, "deployment"))
    return f"{name}: OK, {', '.join(counts)}, {_count(len(report.warnings), 'warning')}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
