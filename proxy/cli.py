"""The `sluice` command. Exit codes: 0, 1 at run time, 2 for usage, 78 (EX_CONFIG) for a bad configuration."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from proxy import __version__

if TYPE_CHECKING:
    from proxy.startup import Options

EX_CONFIG = 78
"""sysexits.h: systemd is told not to restart on it (RestartPreventExitStatus)."""
DEFAULT_PORT = 4000


def parser(environ: Mapping[str, str]) -> argparse.ArgumentParser:
    """Every option, with its default from the environment."""
    command = argparse.ArgumentParser(prog="sluice", description="A gateway for the OpenAI API.")
    add = command.add_argument
    add(
        "-c",
        "--config",
        type=Path,
        default=environ.get("CONFIG_FILE_PATH"),
        metavar="FILE",
        help="LiteLLM's YAML; without it: OPENAI_API_KEY, or a simulated upstream (env CONFIG_FILE_PATH)",
    )
    add(
        "-m",
        "--model",
        help="serve this one model, without a config file (needs OPENAI_API_KEY or --api_base)",
    )
    add("--api_base", help="the upstream's base URL, for --model or OPENAI_API_KEY")
    add(
        "--host",
        default=environ.get("HOST"),
        help="address to listen on; default 0.0.0.0 with a master key, else 127.0.0.1 (env HOST)",
    )
    add("--port", type=_port, default=environ.get("PORT", str(DEFAULT_PORT)), help="default 4000 (env PORT)")
    add(
        "--num_workers",
        type=_count,
        default=environ.get("NUM_WORKERS", "1"),
        help="processes that share the port; default 1 (env NUM_WORKERS)",
    )
    add("--debug", action="store_true", help="log failures of attempts and what became of them")
    add("--detailed_debug", action="store_true", help="log every attempt as well")
    add("--validate_config", action="store_true", help="say what is wrong with the config, then exit")
    add("--health", action="store_true", help="ask every configured upstream for its models, then exit")
    add(
        "--test",
        action="store_true",
        help="send a chat completion to the gateway at --host and --port, then exit",
    )
    add("-v", "--version", action="version", version=f"sluice {__version__}")
    return command


def _port(text: str) -> int:
    port = _number(text)
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError(f"{text} is not a port: write 0 to 65535")
    return port


MAX_WORKERS = 256
"""More processes than any machine has cores is a typing mistake."""


def _count(text: str) -> int:
    count = _number(text)
    if not 1 <= count <= MAX_WORKERS:
        raise argparse.ArgumentTypeError(f"{text}: write 1 to {MAX_WORKERS}")
    return count


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not a number")
    return int(text)


def run() -> NoReturn:
    """The console script's entry point."""
    sys.exit(main(sys.argv[1:], os.environ))


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Returns the exit code. argparse itself exits with 2 on wrong usage."""
    options = parser(environ).parse_args(arguments)
    if options.config is not None and (options.model or options.api_base):
        parser(environ).error("--model and --api_base are for running without --config")
    _log(options.debug, options.detailed_debug)
    # Imported here so that --help and --version answer at once.
    from proxy import startup  # noqa: PLC0415
    from proxy.errors import ConfigError  # noqa: PLC0415

    try:
        return startup.start(_options(options), environ)
    except ConfigError as problem:
        print(problem, file=sys.stderr)
        return EX_CONFIG
    except startup.StartError as problem:
        print(f"sluice: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _options(parsed: argparse.Namespace) -> Options:
    from proxy.startup import Action, Options  # noqa: PLC0415

    asked = {
        Action.VALIDATE: parsed.validate_config,
        Action.HEALTH: parsed.health,
        Action.TEST: parsed.test,
    }
    return Options(
        config=parsed.config,
        model=parsed.model,
        api_base=parsed.api_base,
        host=parsed.host,
        port=parsed.port,
        num_workers=parsed.num_workers,
        action=next((action for action, wanted in asked.items() if wanted), Action.SERVE),
    )


def _log(debug: bool, detailed: bool) -> None:  # noqa: FBT001
    level = logging.DEBUG if detailed else logging.INFO if debug else logging.WARNING
    logging.basicConfig(stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("sluice").setLevel(level)
