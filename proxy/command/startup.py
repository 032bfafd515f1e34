"""From the command's options to running processes; and the command's other actions."""

from __future__ import annotations

import gc
import os
import re
import shlex
import socket
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import msgspec

from proxy import BUILD, __version__
from proxy.command.banner import banner
from proxy.command.defaults import needs_simulator, simulated
from proxy.command.options import Action, Options
from proxy.command.verdict import Place, asks_itself, judge
from proxy.config.errors import ConfigError
from proxy.config.fill import MASTER_KEY_VARIABLE
from proxy.config.load import Loaded
from proxy.config.schema import Config
from proxy.process.edition import Edition, Latest
from proxy.process.editions import Editions
from proxy.process.exit_codes import EX_CONFIG, EX_OK
from proxy.process.listening import LOOPBACK, StartError, host_to_serve, listen, listen_apart
from proxy.process.reports import Parent
from proxy.process.systemd import Service, watchdog_s
from proxy.providers.table import deployments
from proxy.storage.opening import open_file
from proxy.storage.place import state_path
from proxy.storage.problems import StateError

__all__ = ["Action", "Options", "start"]


def start(options: Options, environ: Mapping[str, str]) -> int:
    """Returns the exit code. Raises ConfigError, StartError."""
    verdict = judge(options, environ)
    if options.action is Action.VALIDATE:
        print(verdict)
        return EX_OK if verdict.good is not None else EX_CONFIG
    loaded = verdict.loaded()
    for line in verdict.warning_lines():
        print(line, file=sys.stderr)
    if options.action is Action.SERVE:
        return _serve(options, loaded, environ)
    from proxy.command import inquiries  # noqa: PLC0415 - brings httpx, which a server need not wait for

    if options.action is Action.HEALTH:
        return inquiries.health(loaded.config, loaded.environ)
    return inquiries.test(options.host or LOOPBACK, options.port, loaded)


def _serve(options: Options, loaded: Loaded, environ: Mapping[str, str]) -> int:
    key = loaded.config.general_settings.master_key
    host = host_to_serve(options.host, has_key=bool(key))
    simulates = needs_simulator(options.wanted, loaded.config, loaded.environ)
    with ExitStack() as open_until_exit:
        simulator = None
        if simulates:
            from proxy.process import simulation  # noqa: PLC0415 - only who has no upstream needs one

            simulator = open_until_exit.enter_context(simulation.running())
        config = loaded.config if simulator is None else simulated(loaded.config, simulator)
        names = _names(config, loaded.environ)
        backlog = config.sluice_settings.listen_backlog
        state = _state(options, config, loaded.environ)
        listener = open_until_exit.enter_context(listen(host, options.port, backlog, environ))
        place = Place(host, listener.getsockname()[1], simulator)
        if (
            options.port == 0
            and (itself := asks_itself(deployments(config, loaded.environ), place)) is not None
        ):
            raise ConfigError(itself)
        shown = _shown_key(options, loaded, environ, key.reveal()) if key else None
        greeting = banner(
            version=__version__,
            host=host,
            port=place.port,
            models=names,
            key=shown,
            simulated=simulates,
            header=config.general_settings.litellm_key_header_name,
            build=BUILD,
        )
        editions = Editions(Edition(1, config, loaded.environ), partial(_reread, options, environ, place))
        ours = config.sluice_settings
        aside = None
        if ours.metrics and ours.metrics_port is not None:
            aside = open_until_exit.enter_context(listen_apart(ours.metrics_host, ours.metrics_port, backlog))
        return _run(options, editions, listener, Service(greeting), state, aside)


def _state(options: Options, config: Config, environ: Mapping[str, str]) -> Path | None:
    """The file, proved to be usable: each worker opens it anew. Raises StartError."""
    path = state_path(config.sluice_settings.state, options.config, environ)
    if path is not None:
        try:
            open_file(path).connection.close()
        except StateError as problem:
            raise StartError(str(problem)) from problem
    return path


def _reread(options: Options, environ: Mapping[str, str], place: Place) -> Loaded:
    """The files as they are now. Raises ConfigError."""
    loaded = judge(options, environ, place).loaded()
    if place.simulator is None or not needs_simulator(options.wanted, loaded.config, loaded.environ):
        return loaded
    return msgspec.structs.replace(loaded, config=simulated(loaded.config, place.simulator))


def _run(
    options: Options,
    editions: Editions,
    listener: socket.socket,
    service: Service,
    state: Path | None,
    metrics_listener: socket.socket | None,
) -> int:
    """`metrics_listener`: where metrics have a port of their own."""
    watched_s = watchdog_s(os.environ)
    folder = options.config.absolute().parent if options.config else None
    # Imported before workers are forked: they share what is loaded.
    from proxy.worker.work import work  # noqa: PLC0415

    gc.enable()
    if options.num_workers == 1:
        return work(
            editions.newest,
            listener,
            watched_s,
            service,
            editions.latest,
            state=state,
            metrics_listener=metrics_listener,
            folder=folder,
        )
    from proxy.process.workers import Workers  # noqa: PLC0415

    def one(edition: Edition, parent: Parent, latest: Latest, lifeline: int, number: int) -> None:
        work(edition, listener, watched_s, parent, latest, lifeline, number, state, metrics_listener, folder)

    shared = [sock for sock in (listener, metrics_listener) if sock is not None]
    return Workers(options.num_workers, one, editions, service, shared, watched_s).supervise()


def _names(config: Config, environ: Mapping[str, str]) -> tuple[str, ...]:
    """The names served."""
    served = (one for one in deployments(config, environ) if one.unservable is None)
    groups = dict.fromkeys(deployment.group for deployment in served)
    aliases = (name for name, alias in config.router_settings.model_group_alias.items() if not alias.hidden)
    return (*groups, *aliases)


def _shown_key(options: Options, loaded: Loaded, environ: Mapping[str, str], key: str) -> str:
    """The key, for a person at a terminal or one who keeps it in `.env`; never for a service's log.

    There it is what a shell finds it by: the variable, or the line of the file.
    """
    from_env_file = options.config is None and MASTER_KEY_VARIABLE not in environ
    in_a_log = "JOURNAL_STREAM" in environ or not (sys.stdout.isatty() or from_env_file)
    if not in_a_log:
        return key
    if loaded.key_variable is not None or loaded.path is None:
        return f"${loaded.key_variable or MASTER_KEY_VARIABLE}"
    return _read_from(loaded.path, key) or f"${MASTER_KEY_VARIABLE}"


_KEY_OF_FILE = r"s/^[^#]*master_key: *[^A-Za-z0-9]\{0,1\}\([A-Za-z0-9_.~-]\{1,\}\).*/\1/p"
"""For sed: what `_read_from` finds."""


def _read_from(path: Path, key: str) -> str | None:
    """A command that prints the key out of the file, in quotes or not; None where it does not stand there so."""
    found = re.findall(
        r"^[^#\n]*master_key: *[^A-Za-z0-9\n]?([A-Za-z0-9_.~-]+).*$", path.read_text(), re.MULTILINE
    )
    return f"$(sed -n '{_KEY_OF_FILE}' {shlex.quote(str(path))})" if found == [key] else None
