"""From the command's options to running processes; and the command's other actions."""

from __future__ import annotations

import enum
import os
import socket
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import msgspec

from proxy import __version__
from proxy.command.banner import banner
from proxy.command.defaults import Wanted, needs_simulator, served_by_environment, simulated
from proxy.config.check import render, validate
from proxy.config.load import Loaded, load
from proxy.config.notices import Notice
from proxy.config.schema import Config
from proxy.errors import ConfigError
from proxy.process.edition import Edition, Latest
from proxy.process.editions import Editions
from proxy.process.exit_codes import EX_CONFIG, EX_OK
from proxy.process.listening import LOOPBACK, WILDCARDS, host_to_serve, is_loopback, listen
from proxy.process.reports import Parent
from proxy.process.systemd import Service, watchdog_s
from proxy.providers.table import deployments
from proxy.providers.url import origin

KEY_VARIABLE = "LITELLM_MASTER_KEY"


class Action(enum.Enum):
    SERVE = "serve"
    VALIDATE = "validate"
    HEALTH = "health"
    TEST = "test"


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """The command line, parsed."""

    config: Path | None = None
    model: str | None = None
    api_base: str | None = None
    host: str | None = None
    port: int = 4000
    num_workers: int = 1
    action: Action = Action.SERVE

    @property
    def wanted(self) -> Wanted:
        return Wanted(self.model, self.api_base)


def start(options: Options, environ: Mapping[str, str]) -> int:
    """Returns the exit code. Raises ConfigError, StartError."""
    if options.action is Action.VALIDATE:
        return _validate(options, environ)
    loaded = load(options.config, environ)
    for warning in loaded.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    if options.action is Action.SERVE:
        return _serve(options, loaded, environ)
    from proxy.command import inquiries  # noqa: PLC0415 - brings httpx, which a server need not wait for

    if options.action is Action.HEALTH:
        return inquiries.health(_configured(options, loaded), loaded.environ)
    return inquiries.test(options.host or LOOPBACK, options.port, loaded)


def _validate(options: Options, environ: Mapping[str, str]) -> int:
    report = validate(options.config, environ)
    if report.ok:
        report = msgspec.structs.replace(report, errors=_unservable(options, environ))
    print(render(report))
    return EX_OK if report.ok else EX_CONFIG


def _unservable(options: Options, environ: Mapping[str, str]) -> tuple[Notice, ...]:
    """What is well written and cannot be served all the same."""
    loaded = load(options.config, environ)
    try:
        deployments(_configured(options, loaded), loaded.environ)
    except ConfigError as problem:
        return tuple(
            Notice(str(options.config or "environment"), "", line) for line in str(problem).splitlines()
        )
    return ()


class _Place(msgspec.Struct, frozen=True):
    """What stays from the start to the end."""

    host: str
    port: int
    simulator: str | None
    """Its URL; None: there is none."""


def _serve(options: Options, loaded: Loaded, environ: Mapping[str, str]) -> int:
    key = loaded.config.general_settings.master_key
    host = host_to_serve(options.host, has_key=bool(key))
    simulates = needs_simulator(options.wanted, loaded.config, loaded.environ)
    with ExitStack() as open_until_exit:
        simulator = None
        if simulates:
            from proxy.process import simulation  # noqa: PLC0415 - only who has no upstream needs one

            simulator = open_until_exit.enter_context(simulation.running())
        config = _to_serve(options, loaded, simulator)
        names = _names(config, loaded.environ)
        backlog = config.sluice_settings.listen_backlog
        listener = open_until_exit.enter_context(listen(host, options.port, backlog, environ))
        place = _Place(host, listener.getsockname()[1], simulator)
        _refuse_itself(config, loaded.environ, host, place.port)
        shown = _shown_key(options, environ, key.reveal()) if key else None
        greeting = banner(
            version=__version__, host=host, port=place.port, models=names, key=shown, simulated=simulates
        )
        editions = Editions(Edition(1, config, loaded.environ), partial(_reread, options, environ, place))
        return _run(options, editions, listener, Service(greeting))


def _reread(options: Options, environ: Mapping[str, str], place: _Place) -> Loaded:
    """The files as they are now. Raises ConfigError also for what could be loaded and not be served here."""
    # Not on top: the other actions need not wait for it.
    from proxy.routing.affinity import MemoryStore  # noqa: PLC0415
    from proxy.worker.assembly import Parts  # noqa: PLC0415

    loaded = load(options.config, environ)
    host_to_serve(place.host, has_key=bool(loaded.config.general_settings.master_key))
    config = _to_serve(options, loaded, place.simulator)
    Parts(config, loaded.environ, MemoryStore(0))
    _refuse_itself(config, loaded.environ, place.host, place.port)
    return msgspec.structs.replace(loaded, config=config)


def _run(options: Options, editions: Editions, listener: socket.socket, service: Service) -> int:
    watched_s = watchdog_s(os.environ)
    # Imported before workers are forked: they share what is loaded.
    from proxy.worker.work import work  # noqa: PLC0415

    if options.num_workers == 1:
        return work(editions.newest, listener, watched_s, service, editions.latest)
    from proxy.process.workers import Workers  # noqa: PLC0415

    def one(edition: Edition, parent: Parent, latest: Latest, lifeline: int, number: int) -> None:
        work(edition, listener, watched_s, parent, latest, lifeline, number)

    return Workers(options.num_workers, one, editions, service, [listener], watched_s).supervise()


def _to_serve(options: Options, loaded: Loaded, simulator: str | None) -> Config:
    """Raises ConfigError where a simulator is needed and there is none."""
    if not needs_simulator(options.wanted, loaded.config, loaded.environ):
        return _configured(options, loaded)
    if simulator is None:
        raise ConfigError("No models are left to serve. The simulated upstream comes with a restart only.")
    return simulated(_configured(options, loaded), simulator)


def _configured(options: Options, loaded: Loaded) -> Config:
    """The file's models; without any, those that the command line or the environment gives."""
    if loaded.config.model_list:
        return loaded.config
    return served_by_environment(options.wanted, loaded.config, loaded.environ)


def _names(config: Config, environ: Mapping[str, str]) -> tuple[str, ...]:
    """The names served; raises ConfigError here, before any worker could die of it."""
    groups = dict.fromkeys(deployment.group for deployment in deployments(config, environ))
    aliases = (name for name, alias in config.router_settings.model_group_alias.items() if not alias.hidden)
    return (*groups, *aliases)


def _refuse_itself(config: Config, environ: Mapping[str, str], host: str, port: int) -> None:
    """A gateway that asks itself goes round until it has no sockets left. Raises ConfigError."""
    if host not in WILDCARDS and not is_loopback(host):
        return
    for deployment in deployments(config, environ):
        upstream = origin(deployment.api_base)
        if upstream.port == port and is_loopback(upstream.host):
            raise ConfigError(
                f"{deployment.group}: its api_base {deployment.api_base} is this gateway itself."
                " Is OPENAI_BASE_URL, or OPENAI_API_BASE, set for a client?"
            )


def _shown_key(options: Options, environ: Mapping[str, str], key: str) -> str:
    """The key, for a person at a terminal or one who keeps it in `.env`; never for a service's log."""
    from_env_file = options.config is None and KEY_VARIABLE not in environ
    in_a_log = "JOURNAL_STREAM" in environ or not (sys.stdout.isatty() or from_env_file)
    return f"${KEY_VARIABLE}" if in_a_log else key
