"""LiteLLM's further options: none of them stops a start that needs nothing of it; each is answered with a word.

Names from https://docs.litellm.ai/docs/proxy/cli
"""

from __future__ import annotations

import argparse

from proxy.config.known import names

_DATABASE = "there is no database: nothing is done with it"
_SERVER = "there is one server, and it is built in: nothing is done with it"
_NOTHING = "nothing is done with it"
OTHERS: dict[str, str] = {
    "add_function_to_prompt": _NOTHING,
    "add_key": "keys are not kept: write `api_key: os.environ/NAME` in the configuration",
    "api_version": "Azure is not served yet: nothing is done with it",
    "ciphers": "TLS is a proxy's in front: nothing is done with it",
    "drop_params": "parameters pass as they are, and the upstream says what it does not take",
    "enforce_prisma_migration_check": _DATABASE,
    "granian_threads": _SERVER,
    "headers": "write `extra_headers` in the configuration: nothing is done with it",
    "iam_token_db_auth": _DATABASE,
    "limit_concurrency": "write `sluice_settings.max_connections`: nothing is done with it",
    "local": _NOTHING,
    "log_config": "logs are JSON lines on standard output: nothing is done with it",
    "max_budget": "budgets are not there yet: nothing is done with it",
    "max_requests_before_restart": "memory does not grow: nothing is done with it",
    "max_requests_before_restart_jitter": "memory does not grow: nothing is done with it",
    "num_requests": _NOTHING,
    "prometheus_metrics_port": "metrics are not there yet: nothing is done with it",
    "reload": "SIGHUP reads the configuration anew: nothing is done with it",
    "run_granian": _SERVER,
    "run_gunicorn": _SERVER,
    "run_hypercorn": _SERVER,
    "save": "settings are not kept: nothing is done with it",
    "telemetry": "nothing is told to anybody",
    "timeout_worker_healthcheck": "workers that hang are systemd's to restart: nothing is done with it",
    "use_prisma_db_push": _DATABASE,
    "use_prisma_migrate": _DATABASE,
    "use_queue": "write `sluice_settings.queue_timeout_s`: nothing is done with it",
}
REFUSED: dict[str, str] = {
    "ssl_certfile_path": "this gateway speaks plain HTTP: put a proxy that speaks TLS in front (deploy/)",
    "ssl_keyfile_path": "this gateway speaks plain HTTP: put a proxy that speaks TLS in front (deploy/)",
    "setup": "there is no wizard: see the examples of --help",
    "skip_server_startup": "--validate_config looks at the configuration and starts nothing",
    "test_async": "--test sends one chat completion",
}
"""To go on would do something else than was asked for."""


TAKE_A_VALUE = names("""
    add_key api_version ciphers granian_threads headers limit_concurrency log_config max_budget
    max_requests_before_restart max_requests_before_restart_jitter num_requests prometheus_metrics_port
    ssl_certfile_path ssl_keyfile_path telemetry timeout_worker_healthcheck
""")


def add(command: argparse.ArgumentParser) -> None:
    """Not shown by --help."""
    for name in OTHERS | REFUSED:
        action = "store" if name in TAKE_A_VALUE else "store_true"
        command.add_argument(f"--{name}", action=action, help=argparse.SUPPRESS, default=None)


def words(options: argparse.Namespace, command: argparse.ArgumentParser) -> list[str]:
    """What to say of those that were given; exits with 2 for one that is refused."""
    given = vars(options)
    for name, word in REFUSED.items():
        if given.get(name) is not None:
            command.error(f"--{name}: {word}")
    return [f"--{name}: {word}" for name, word in OTHERS.items() if given.get(name) is not None]
