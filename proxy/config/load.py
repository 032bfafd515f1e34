"""`load()`: from a path and an environment to the configuration, or to every problem it has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import msgspec
from yaml.nodes import MappingNode, ScalarNode

from proxy.config import consistency
from proxy.config.callbacks import check_callbacks
from proxy.config.compose import NULL, compose, construct
from proxy.config.decoding import decoded
from proxy.config.environ import UNSET, read_env_file, resolve
from proxy.config.errors import ConfigError
from proxy.config.fill import MASTER_KEY_VARIABLE
from proxy.config.nodes import find
from proxy.config.notices import Findings, Notice
from proxy.config.origins import origin
from proxy.config.schema import Config

ENV_FILE = ".env"
_VARIABLES = "environment_variables"
_CLIENTS_KEY = "OPENAI_API_KEY"


class Loaded(msgspec.Struct, frozen=True):
    """A configuration that may be used."""

    config: Config
    environ: Mapping[str, str]
    """The process's environment, over `.env`'s, under the config's own `environment_variables`."""
    warnings: tuple[Notice, ...] = ()
    path: Path | None = None
    key_variable: str | None = None
    """Which variable the master key came from; None: it stands in the file, or there is none."""

    def __repr__(self) -> str:
        return f"Loaded(path={self.path!s}, config={self.config!r})"


class Examined(msgspec.Struct, frozen=True):
    """What can be said of a configuration by its text and its environment alone."""

    findings: Findings
    """All that is wrong or odd so far; what serves it may add to them."""
    config: Config | None
    """Of a file with errors: the rest of it, to look for more. None: it cannot be read."""
    environ: Mapping[str, str]
    path: Path | None
    key_variable: str | None = None

    @property
    def errors(self) -> tuple[Notice, ...]:
        return self.findings.errors_in_order()

    @property
    def warnings(self) -> tuple[Notice, ...]:
        return self.findings.warnings()

    @property
    def loaded(self) -> Loaded | None:
        """None when there are errors."""
        if self.config is None or self.findings.errors:
            return None
        return Loaded(self.config, self.environ, self.warnings, self.path, self.key_variable)


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
    origin_of: Callable[[int], object] = _nowhere
    key_variable: str | None = MASTER_KEY_VARIABLE
    if path is not None:
        root = compose(path, findings)
        if root is None:
            return Examined(findings, None, environ, path)
        findings.root = root
        environ = _with_own_variables(root, environ)
        resolved = resolve(root, environ)
        origin_of = partial(origin, root, resolved.variables)
        written = construct(root, resolved.unset, findings)
        key = find(root, ("general_settings", "master_key"))
        key_variable = MASTER_KEY_VARIABLE if key is None else resolved.variables.get(key)
    config = decoded(written, environ, findings, origin_of)
    if config is not None:
        environ = _without_own_key(environ, config, findings)
        consistency.check(config, findings)
        check_callbacks(config, environ, findings)
    return Examined(findings, config, environ, path, key_variable)


def _nowhere(_index: int) -> object:
    return {}


def _without_own_key(environ: Mapping[str, str], config: Config, findings: Findings) -> Mapping[str, str]:
    """`OPENAI_API_KEY` may be set for this gateway's clients: OpenAI must not be sent the gateway's own key."""
    key = config.general_settings.master_key
    if not key or environ.get(_CLIENTS_KEY) != key.reveal():
        return environ
    text = f"{_CLIENTS_KEY} is this gateway's own master key, as its clients set it: it is not sent to any upstream"
    findings.warn_at("environment", text, ())
    return {name: value for name, value in environ.items() if name != _CLIENTS_KEY}


def _beside(path: Path | None) -> Path:
    return (path.parent if path else Path()) / ENV_FILE


def _with_own_variables(root: MappingNode, environ: Mapping[str, str]) -> dict[str, str]:
    section = find(root, (_VARIABLES,))
    if not isinstance(section, MappingNode):
        return dict(environ)
    resolve(section, environ)
    own = {
        key.value: value.value
        for key, value in section.value
        if isinstance(value, ScalarNode) and value.tag not in (NULL, UNSET)
    }
    return {**environ, **own}
