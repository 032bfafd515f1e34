"""From what is written, in a file or a program, to the configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from proxy.config.clean import clean
from proxy.config.explain import explain_section
from proxy.config.fields import decode_custom
from proxy.config.fill import fill
from proxy.config.notices import Findings
from proxy.config.prune import pruned
from proxy.config.schema import Config


def decoded(
    written: Mapping[object, object],
    environ: Mapping[str, str],
    findings: Findings,
    origin_of: Callable[[int], object] = lambda _: {},
) -> Config | None:
    """None: it cannot be read. What is wrong is in `findings`; with errors there, what is left of the rest."""
    cleaned = clean(Config, written, (), findings)
    assert isinstance(cleaned, dict)
    filled = fill(cleaned, environ, findings, origin_of)
    try:
        return _convert(filled)
    except msgspec.ValidationError as error:
        explain_section(Config, cleaned, (), findings)
        if not findings.errors:  # the value came from outside the file
            findings.error((), str(error))
    try:
        return _convert(pruned(filled, findings.wrong))
    except msgspec.ValidationError:
        return None


def _convert(filled: object) -> Config:
    return msgspec.convert(filled, Config, strict=False, dec_hook=decode_custom)
