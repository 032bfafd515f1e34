"""The `sluice` command.

Exit codes: 0, 1 at run time, 2 for usage, 78 (EX_CONFIG) for a bad configuration, 130 after Ctrl-C.
"""

from __future__ import annotations

import argparse
import gc
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from proxy import BUILD, __version__
from proxy.command import litellm_options, subcommands
from proxy.process.exit_codes import EX_CONFIG, EX_FAILED, EX_INTERRUPTED

if TYPE_CHECKING:
    from proxy.command.startup import Options

DEFAULT_PORT = 4000
MAX_PORT = 65535
MAX_SECONDS = 86_400
MAX_TOKENS = 10_000_000
EPILOG = f"""\
commands (each has --help):
{subcommands.summaries()}

examples:
  sluice                                         all of OpenAI's models with OPENAI_API_KEY, or a simulated upstream
  sluice --config config.yaml                    LiteLLM's file
  sluice --config config.yaml --validate_config  all that is wrong with it, with line numbers
  sluice --model gpt-4o --port 8080              one model
  sluice --config config.yaml --num_workers 4    for a machine of its own

Hyphens may stand for underscores. The API is described at http://localhost:4000/docs while the gateway runs, every
key of the file in docs/configuration.md. Exit codes: 1 could not start, 2 wrong usage, 78 wrong configuration."""
MAX_WORKERS = 256
"""More processes than any machine has cores is a typing mistake."""


def parser(environ: Mapping[str, str]) -> argparse.ArgumentParser:
    """Every option, with its default from the environment; an empty variable is none."""
    command = argparse.ArgumentParser(
        prog="sluice",
        description="A gateway for the OpenAI API.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    _add_serving(command, environ)
    _add_for_one_model(command)
    _add_other_actions(command)
    litellm_options.add(command)
    return command


def _add_serving(command: argparse.ArgumentParser, environ: Mapping[str, str]) -> None:
    add = command.add_argument
    add(
        "-c",
        "--config",
        type=Path,
        default=environ.get("CONFIG_FILE_PATH") or None,
        metavar="FILE",
        help="LiteLLM's YAML; without it: OPENAI_API_KEY, or a simulated upstream (env CONFIG_FILE_PATH)",
    )
    add(
        "-m",
        "--model",
        help="serve this one model, without a config file (needs OPENAI_API_KEY or --api_base)",
    )
    add("--api_base", metavar="URL", help="the upstream's base URL, without a config file")
    add("--request_timeout", type=_seconds, metavar="S", help="seconds a request may take; default 600")
    add(
        "--keepalive_timeout",
        type=_seconds,
        metavar="S",
        help="seconds an idle connection is kept; default 75",
    )
    add(
        "--host",
        default=environ.get("HOST") or None,
        help="address to listen on; default 0.0.0.0 with a master key, else 127.0.0.1 (env HOST)",
    )
    add(
        "--port",
        type=_port,
        default=environ.get("PORT") or str(DEFAULT_PORT),
        help=f"default {DEFAULT_PORT}; 0 takes a free one (env PORT)",
    )
    add(
        "--num_workers",
        type=_count,
        default=environ.get("NUM_WORKERS") or "1",
        metavar="N",
        help="processes that share the port; default 1 (env NUM_WORKERS)",
    )
    add("--strict", action="store_true", help="warnings about the configuration are errors")
    add("--debug", action="store_true", help="log attempts that failed and what became of them")
    add("--detailed_debug", action="store_true", help="log every attempt as well")


def _add_for_one_model(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("--alias", metavar="NAME", help="the name that clients ask for, in place of --model's own")
    add("--temperature", type=float, metavar="T", help="with --model: for requests that have none")
    add("--max_tokens", type=_tokens, metavar="N", help="with --model: for requests that have none")


def _add_other_actions(command: argparse.ArgumentParser) -> None:
    add = command.add_mutually_exclusive_group().add_argument
    add("--validate_config", action="store_true", help="say what is wrong with the config, then exit")
    add("--health", action="store_true", help="ask every configured upstream for its models, then exit")
    add(
        "--test",
        action="store_true",
        help="send a chat completion to the gateway at --host and --port, then exit",
    )
    add("--schema", action="store_true", help="print the configuration's JSON Schema, for editors, then exit")
    add("-v", "--version", action="version", version=f"sluice {__version__} ({BUILD.value})")


def _port(text: str) -> int:
    return _number(text, 0, MAX_PORT, "a port")


def _count(text: str) -> int:
    return _number(text, 1, MAX_WORKERS, "a count of workers")


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if 0 < seconds <= MAX_SECONDS:
        return seconds
    raise argparse.ArgumentTypeError(
        f"{text!r} is not a number of seconds: write more than 0, at most {MAX_SECONDS}"
    )


def _tokens(text: str) -> int:
    return _number(text, 1, MAX_TOKENS, "a number of tokens")


def _number(text: str, lowest: int, highest: int, what: str) -> int:
    if text.isascii() and text.isdigit() and lowest <= int(text) <= highest:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not {what}: write {lowest} to {highest}")


def run() -> NoReturn:
    """The console script's entry point."""
    sys.exit(main(sys.argv[1:], os.environ))


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Returns the exit code. argparse itself exits with 2 on wrong usage."""
    if arguments and arguments[0] in subcommands.SUBCOMMANDS:
        return subcommands.run(arguments[0], arguments[1:], environ)
    command = parser(environ)
    options = command.parse_args([underscored(argument) for argument in arguments])
    if options.schema:
        return _print_schema()
    for word in litellm_options.words(options, command):
        print(f"sluice: {word}", file=sys.stderr)
    if options.model is None and (options.alias or options.temperature is not None or options.max_tokens):
        command.error("--alias, --temperature and --max_tokens are for --model")
    if options.config is not None and (options.model or options.api_base):
        command.error(
            "--model and --api_base are for running without a config file (--config, CONFIG_FILE_PATH)"
        )
    _log(debug=options.debug, detailed=options.detailed_debug)
    try:
        return _start(options, environ)
    except KeyboardInterrupt:
        return EX_INTERRUPTED


def underscored(argument: str) -> str:
    """`--num-workers` for `--num_workers`: both spellings are everybody's habit. What follows a `=` stays."""
    name, equals, value = argument.partition("=")
    if not name.startswith("--"):
        return argument
    return "--" + name[2:].replace("-", "_") + equals + value


def _print_schema() -> int:
    from proxy.config import schema_json  # noqa: PLC0415 - --help must answer at once

    print(schema_json.FILE.read_text(), end="")
    return 0


def _start(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    gc.disable()  # what modules make while they load stays: to look through it is a tenth of the start
    # Imported here so that --help and --version answer at once.
    from proxy.command import startup  # noqa: PLC0415
    from proxy.config.errors import ConfigError  # noqa: PLC0415
    from proxy.process.listening import StartError  # noqa: PLC0415

    try:
        return startup.start(_options(options), environ)
    except ConfigError as problem:
        print(problem, file=sys.stderr)
        return EX_CONFIG
    except StartError as problem:
        print(f"sluice: {problem}", file=sys.stderr)
        return EX_FAILED


def _options(parsed: argparse.Namespace) -> Options:
    from proxy.command.startup import Action, Options  # noqa: PLC0415

    asked = {
        Action.VALIDATE: parsed.validate_config,
        Action.HEALTH: parsed.health,
        Action.TEST: parsed.test,
    }
    return Options(
        config=parsed.config,
        model=parsed.model,
        alias=parsed.alias,
        temperature=parsed.temperature,
        max_tokens=parsed.max_tokens,
        request_timeout=parsed.request_timeout,
        keepalive_timeout=parsed.keepalive_timeout,
        api_base=parsed.api_base,
        host=parsed.host,
        port=parsed.port,
        num_workers=parsed.num_workers,
        strict=parsed.strict,
        action=next((action for action, wanted in asked.items() if wanted), Action.SERVE),
    )


def _log(*, debug: bool, detailed: bool) -> None:
    level = logging.DEBUG if detailed else logging.INFO if debug else logging.WARNING
    logging.basicConfig(stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("sluice").setLevel(level)
