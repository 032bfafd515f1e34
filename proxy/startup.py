"""From the command's options to running processes; and the command's other actions."""

from __future__ import annotations

import enum
import ipaddress
import os
import socket
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import msgspec

from proxy import __version__
from proxy.accounting.recorder import LogFormat, Recorder
from proxy.banner import banner
from proxy.config.check import render, validate
from proxy.config.load import Loaded, load
from proxy.config.schema import Config
from proxy.defaults import every_model, needs_simulator, one_model, simulated
from proxy.errors import ConfigError

ANYWHERE = "0.0.0.0"  # noqa: S104 - the default that LiteLLM's users expect, and only with a master key
LOOPBACK = "127.0.0.1"
STDOUT = 1


class StartError(Exception):
    """The gateway cannot start; `str()` says why and what to do."""


class Action(enum.Enum):
    SERVE = "serve"
    VALIDATE = "validate"
    HEALTH = "health"
    TEST = "test"


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """The command line, parsed."""

    config: Path | None
    model: str | None
    api_base: str | None
    host: str | None
    port: int
    num_workers: int
    action: Action = Action.SERVE


def start(options: Options, environ: Mapping[str, str]) -> int:
    """Returns the exit code. Raises ConfigError, StartError."""
    if options.action is Action.VALIDATE:
        report = validate(options.config, environ)
        print(render(report))
        return 0 if report.ok else 78
    loaded = load(options.config, environ)
    for warning in loaded.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    if options.action is Action.SERVE:
        return _serve(options, loaded, environ)
    from proxy import inquiries  # noqa: PLC0415 - brings httpx, which a server need not wait for

    if options.action is Action.HEALTH:
        return inquiries.health(_without_simulator(options, loaded), loaded.environ)
    return inquiries.test(options.host or LOOPBACK, options.port, loaded)


def _serve(options: Options, loaded: Loaded, environ: Mapping[str, str]) -> int:
    key = loaded.config.general_settings.master_key
    host = _host(options.host, has_key=bool(key))
    with ExitStack() as open_until_exit:
        listener = open_until_exit.enter_context(_listen(host, options.port, loaded.config))
        simulates = options.model is None and needs_simulator(loaded.config, loaded.environ)
        if simulates:
            from proxy import simulation  # noqa: PLC0415 - only who has no upstream needs one

            config = simulated(loaded.config, open_until_exit.enter_context(simulation.running()))
        else:
            config = _without_simulator(options, loaded)
        names = _check(config, loaded.environ)
        shows_key = sys.stdout.isatty() or "LITELLM_MASTER_KEY" not in environ
        text = banner(
            version=__version__,
            host=host,
            port=listener.getsockname()[1],
            models=names,
            key=(key.reveal() if shows_key else "$LITELLM_MASTER_KEY") if key else None,
            simulated=simulates,
        )
        return _run(options, config, loaded.environ, listener, text)


def _run(
    options: Options, config: Config, environ: Mapping[str, str], listener: socket.socket, text: str
) -> int:
    if options.num_workers == 1:
        _work(config, environ, listener, text)
        return 0
    from proxy.workers import Workers  # noqa: PLC0415

    print(text, flush=True)
    return Workers(options.num_workers, partial(_work, config, environ, listener, None)).supervise()


def _work(config: Config, environ: Mapping[str, str], listener: socket.socket, text: str | None) -> None:
    """One worker, in this process, until it is told to stop."""
    from proxy.assembly import Gateway  # noqa: PLC0415
    from proxy.main import notify, run_worker  # noqa: PLC0415

    recorder = Recorder(STDOUT, _log_format(config), colour=sys.stdout.isatty() and "NO_COLOR" not in environ)
    gateway = Gateway(config, environ, recorder)

    def ready() -> None:
        if text is not None:
            print(text, flush=True)
        notify("READY=1")

    run_worker(gateway, [listener], config.sluice_settings, ready)
    notify("STOPPING=1")


def _check(config: Config, environ: Mapping[str, str]) -> tuple[str, ...]:
    """The names served; raises ConfigError here, before any worker could die of it."""
    from proxy.providers.table import deployments  # noqa: PLC0415

    groups = dict.fromkeys(deployment.group for deployment in deployments(config, environ))
    aliases = (name for name, alias in config.router_settings.model_group_alias.items() if not alias.hidden)
    return tuple(groups) + tuple(aliases)


def _without_simulator(options: Options, loaded: Loaded) -> Config:
    config = loaded.config
    if options.model is not None:
        return one_model(config, options.model, options.api_base)
    if not config.model_list and loaded.environ.get("OPENAI_API_KEY"):
        return every_model(config, options.api_base)
    return config


def _log_format(config: Config) -> LogFormat:
    wanted = config.sluice_settings.access_log
    if wanted != "auto":
        return wanted
    return "text" if sys.stdout.isatty() and not config.litellm_settings.json_logs else "json"


def _host(asked: str | None, *, has_key: bool) -> str:
    """Without a master key, loopback only. Raises ConfigError for a public address."""
    if asked is None:
        return ANYWHERE if has_key else LOOPBACK
    if has_key or _is_loopback(asked):
        return asked
    raise ConfigError(
        f"Without a master key this gateway serves loopback only, and {asked} is not loopback."
        " Set general_settings.master_key or LITELLM_MASTER_KEY, or use --host 127.0.0.1."
    )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _listen(host: str, port: int, config: Config) -> socket.socket:
    """The one listening socket, or systemd's. Raises StartError when it cannot be had: never another port."""
    passed = _passed_by_systemd()
    if passed is not None:
        return passed
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.bind((host, port))
        sock.listen(config.sluice_settings.listen_backlog)
    except OSError as error:
        sock.close()
        hint = " Stop what uses it, or choose another with --port." if error.errno == 98 else ""
        raise StartError(
            f"cannot listen on {host} port {port}: {os.strerror(error.errno or 0)}.{hint}"
        ) from error
    sock.settimeout(0)
    return sock


def _passed_by_systemd() -> socket.socket | None:
    """Socket activation: https://www.freedesktop.org/software/systemd/man/sd_listen_fds.html"""
    if os.environ.get("LISTEN_PID") != str(os.getpid()) or os.environ.get("LISTEN_FDS", "0") == "0":
        return None
    sock = socket.socket(fileno=3)
    sock.settimeout(0)
    return sock
