"""Whether a configuration may be served here, and all there is to say about it: one list, each word with its place.

The one judge of a start, a reload, `--health` and `--validate_config`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from proxy.command.defaults import needs_simulator, served_by_environment
from proxy.command.options import Options
from proxy.config.errors import ConfigError, unforeseen
from proxy.config.load import Examined, Loaded, examine
from proxy.config.notices import Findings, Notice, warning_lines
from proxy.config.paths import KeyPath
from proxy.config.schema import Config
from proxy.pricing.names import is_price
from proxy.process.listening import WILDCARDS, host_to_serve, is_loopback
from proxy.providers.table import Remark, Survey, env_deployment, survey
from proxy.providers.url import origin
from proxy.types import Deployment

_SIMULATED = "no models: without `model_list` and OPENAI_API_KEY, answers are simulated"
_NO_SIMULATOR = "no models are left to serve: the simulated upstream comes with a restart only"


class Place(msgspec.Struct, frozen=True):
    """What stays from the start to the end."""

    host: str
    port: int
    simulator: str | None = None
    """Its URL; None: there is none."""


class Verdict(msgspec.Struct, frozen=True):
    """`str()`: all of it as lines of text, for a terminal."""

    path: Path | None
    errors: tuple[Notice, ...]
    warnings: tuple[Notice, ...]
    good: Loaded | None
    """What may be served: with the models that the command line or the environment gives. None: there are errors."""
    models: int = 0
    """Public names that are served."""
    deployments: int = 0
    unservable: int = 0

    def loaded(self) -> Loaded:
        """Raises ConfigError, whose text has a line for every error."""
        if self.good is None:
            raise ConfigError("\n".join(map(str, self.errors)))
        return self.good

    def warning_lines(self) -> list[str]:
        return warning_lines(self.warnings, str(self.path or "the environment"))

    def __str__(self) -> str:
        lines = [f"error: {notice}" for notice in self.errors]
        lines += [f"warning: {notice}" for notice in self.warnings]
        return "\n".join([*lines, self._summary()])

    @property
    def _name(self) -> str:
        return str(self.path or "no config file")

    def _summary(self) -> str:
        warnings = _count(len(self.warnings), "warning")
        if self.good is None:
            return f"{self._name}: {_count(len(self.errors), 'error')}, {warnings}"
        counts = [_count(self.models, "model"), _count(self.deployments, "deployment")]
        if self.unservable:
            counts.append(f"{self.unservable} more that cannot be served")
        return f"{self._name}: OK, {', '.join(counts)}, {warnings}"


def judge(options: Options, environ: Mapping[str, str], place: Place | None = None) -> Verdict:
    """`place`: where it is served already; None: at a start. Raises nothing, whatever is wrong."""
    try:
        return _judged(options, environ, place)
    except Exception as error:  # noqa: BLE001 - a file that the checks themselves trip over is no good file
        where = str(options.config or "environment")
        return Verdict(options.config, (Notice(where, "", unforeseen(error)),), (), None)


def _judged(options: Options, environ: Mapping[str, str], place: Place | None) -> Verdict:
    examined = examine(options.config, environ)
    found, config = examined.findings, None
    served = Survey((), (), (), ())
    if examined.config is not None:
        config = _configured(examined.config, options, examined.environ, found)
        served = survey(config, examined.environ)
        _tell_entries(served, config, found)
        _tell_prices(config, found)
        _check_targets(config, found)
        _check_address(options, config, examined.environ, place, served, found)
        if not found.errors:
            _try_to_build(config, examined.environ, found)
    return _verdict(examined, config, served, strict=options.strict)


def asks_itself(deployments: Iterable[Deployment], place: Place) -> str | None:
    """A gateway that asks itself goes round until it has no sockets left."""
    if place.host not in WILDCARDS and not is_loopback(place.host):
        return None
    for deployment in deployments:
        upstream = None if deployment.unservable is not None else origin(deployment.api_base)
        if upstream is not None and upstream.port == place.port and is_loopback(upstream.host):
            return (
                f"{deployment.group}: its api_base {deployment.api_base} is this gateway itself."
                " Is OPENAI_BASE_URL, or OPENAI_API_BASE, set for a client?"
            )
    return None


def _configured(config: Config, options: Options, environ: Mapping[str, str], found: Findings) -> Config:
    """The file's models; without any, those that the command line or the environment gives."""
    config = _with_times(config, options)
    if config.model_list:
        return config
    try:
        return served_by_environment(options.wanted, config, environ)
    except ConfigError as problem:
        found.error_at("command line", str(problem))
        return config


def _with_times(config: Config, options: Options) -> Config:
    """The command line wins over the file."""
    replace = msgspec.structs.replace
    if options.request_timeout is not None:
        ours = replace(config.litellm_settings, request_timeout=options.request_timeout)
        config = replace(config, litellm_settings=ours)
    if options.keepalive_timeout is not None:
        limits = replace(config.sluice_settings, keep_alive_timeout_s=options.keepalive_timeout)
        config = replace(config, sluice_settings=limits)
    return config


def _tell_entries(served: Survey, config: Config, found: Findings) -> None:
    """An entry that cannot be served does not stop the others; with no other there is nothing to start for."""
    whole = any(one.unservable is None for one in served.deployments)
    others = whole or bool(config.general_settings.pass_through_endpoints)
    hurt = {remark.index for remark in served.unservable if found.is_wrong(("model_list", remark.index))}
    for remark in served.wrong:
        found.error(_path(remark), remark.text)
    for remark in served.unservable:
        if not remark.text or (remark.index in hurt and not _stands_alone(remark, config)):
            continue  # what is wrong with the entry has been told, and is why
        if remark.key[-1:] == ("model",):  # another vendor's parameters
            found.forgive((*_path(remark)[:2], "litellm_params"))
        if others:
            found.warn(_path(remark), f"{remark.text}. Not served; the other entries are")
        else:
            found.error(_path(remark), remark.text)
    for remark in served.notes:
        found.warn(_path(remark), remark.text)


def _tell_prices(config: Config, found: Findings) -> None:
    """LiteLLM has names of prices for what is not counted here."""
    for index, entry in enumerate(config.model_list):
        for section, prices in (
            ("litellm_params", entry.litellm_params.prices),
            ("model_info", entry.model_info.prices),
        ):
            for name in prices:
                if not is_price(name):
                    found.warn(("model_list", index, section, name), "is a price of what is not counted here")


def _stands_alone(remark: Remark, config: Config) -> bool:
    """Whatever else is wrong with the entry: another vendor's, or a variable that is not set."""
    flaw = config.model_list[remark.index].flaw
    return remark.key[-1:] == ("model",) or (flaw is not None and remark.text == flaw.text)


def _path(remark: Remark) -> KeyPath:
    return ("model_list", remark.index, *remark.key)


def _check_targets(config: Config, found: Findings) -> None:
    for endpoint in config.general_settings.pass_through_endpoints:
        try:
            origin(endpoint.target)
        except ValueError as problem:
            path = ("general_settings", "pass_through_endpoints", endpoint.place, "target")
            found.error(path, f"not a base URL: {problem}")


def _check_address(
    options: Options,
    config: Config,
    environ: Mapping[str, str],
    place: Place | None,
    served: Survey,
    found: Findings,
) -> None:
    """Also whether the environment's own upstream makes sense."""
    key_told = found.is_wrong(("general_settings", "master_key"))
    has_key = key_told or bool(config.general_settings.master_key)
    try:
        host = host_to_serve(place.host if place else options.host, has_key=has_key)
        env_deployment(environ)
    except ConfigError as problem:
        found.error_at("environment", str(problem))
        return
    itself = asks_itself(served.deployments, place or Place(host, options.port))
    if itself is not None:
        found.error_at("environment", itself)
    if place is None and options.config is not None and needs_simulator(options.wanted, config, environ):
        found.warn((), _SIMULATED)
    if place is not None and place.simulator is None and needs_simulator(options.wanted, config, environ):
        found.error((), _NO_SIMULATOR)


def _try_to_build(config: Config, environ: Mapping[str, str], found: Findings) -> None:
    from proxy.worker.trial import build  # noqa: PLC0415 - it brings all of the gateway, of which errors need nothing

    flop = build(config, environ)
    if flop is not None:
        found.error(flop.path, flop.text)


def _verdict(examined: Examined, config: Config | None, served: Survey, *, strict: bool) -> Verdict:
    errors, warnings = examined.errors, examined.warnings
    if strict or (config is not None and config.sluice_settings.strict):
        errors, warnings = (*errors, *warnings), ()
    good = None
    if config is not None and not errors:
        good = Loaded(config, examined.environ, warnings, examined.path, examined.key_variable)
    fit = [one for one in served.deployments if one.unservable is None]
    return Verdict(
        path=examined.path,
        errors=errors,
        warnings=warnings,
        good=good,
        models=len({one.group for one in fit}),
        deployments=len(fit),
        unservable=len(served.deployments) - len(fit),
    )


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
