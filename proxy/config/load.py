"""`load()`: from a path and an environment to the configuration, or to every problem it has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import msgspec
from yaml.nodes import MappingNode, ScalarNode

from proxy.config import consistency
from proxy.config.clean import clean
from proxy.config.compose import NULL, compose, construct
from proxy.config.environ import read_env_file, resolve
from proxy.config.explain import explain_section
from proxy.config.fields import decode_custom
from proxy.config.fill import fill
from proxy.config.notices import Findings, Notice
from proxy.config.origins import origin
from proxy.config.schema import Config
from proxy.errors import ConfigError

ENV_FILE = ".env"
_VARIABLES = "environment_variables"


class Loaded(msgspec.Struct, frozen=True):
    """A configuration that may be used."""

    config: Config
    environ: Mapping[str, str]
    """The process's environment, over `.env`'s, under the config's own `environment_variables`."""
    warnings: tuple[Notice, ...] = ()
    path: Path | None = None

    def __repr__(self) -> str:
        return f"Loaded(path={self.path!s}, config={self.config!r})"


class Examined(msgspec.Struct, frozen=True):
    """Everything there is to say about a configuration, good or bad."""

    errors: tuple[Notice, ...]
    warnings: tuple[Notice, ...]
    loaded: Loaded | None
    """None when there are errors."""


def load(path: Path | None, environ: Mapping[str, str]) -> Loaded:
    """Reads the YAML at `path`; without one, the defaults, and `.env` of the working directory.

    Raises ConfigError; its text has a line for every problem: `file:line: path.to.key: what is wrong, what to write`.
    """
    examined = examine(path, environ)
    if examined.loaded is None:
        raise ConfigError("\n".join(map(str, examined.errors)))
    return examined.loaded


def examine(path: Path | None, environ: Mapping[str, str]) -> Examined:
    """As `load`, but errors are part of the answer."""
    findings = Findings(str(path) if path else "environment")
    environ = {**read_env_file(_beside(path), findings), **environ}
    written: dict[object, object] = {}
    origin_of: Callable[[int], object] = lambda _: {}  # noqa: E731
    if path is not None:
        root = compose(path, findings)
        if root is None:
            return _failed(findings)
        findings.root = root
        environ = _with_own_variables(root, environ, findings)
        variables = resolve(root, environ, findings)
        origin_of = partial(origin, root, variables)
        written = construct(root, findings)
    config = _decode(written, environ, findings, origin_of)
    if config is None or findings.errors:
        return _failed(findings)
    warnings = findings.warnings()
    return Examined((), warnings, Loaded(config, environ, warnings, path))


def _beside(path: Path | None) -> Path:
    return (path.parent if path else Path()) / ENV_FILE


def _failed(findings: Findings) -> Examined:
    return Examined(findings.errors_in_order(), findings.warnings(), None)


def _with_own_variables(root: MappingNode, environ: Mapping[str, str], findings: Findings) -> dict[str, str]:
    section = next((value for key, value in root.value if key.value == _VARIABLES), None)
    if not isinstance(section, MappingNode):
        return dict(environ)
    resolve(section, environ, findings, (_VARIABLES,))
    own = {
        key.value: value.value
        for key, value in section.value
        if isinstance(value, ScalarNode) and value.tag != NULL
    }
    return {**environ, **own}


def _decode(
    written: dict[object, object],
    environ: Mapping[str, str],
    findings: Findings,
    origin_of: Callable[[int], object],
) -> Config | None:
    cleaned = clean(Config, written, (), findings)
    assert isinstance(cleaned, dict)
    filled = fill(cleaned, environ, findings, origin_of)
    try:
        config = msgspec.convert(filled, Config, strict=False, dec_hook=decode_custom)
    except msgspec.ValidationError as error:
        explain_section(Config, cleaned, (), findings)
        if not findings.errors:  # the value came from outside the file
            findings.error((), str(error))
        return None
    consistency.check(config, findings)
    return config
