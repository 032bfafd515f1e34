"""What a person sees at the start: where, which models, which key, and a line to paste."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from proxy.loading import Build

MODELS_SHOWN = 8
CHAT_MODELS = ("gpt", "o1", "o3", "chat")
_BUILDS = {build: f"{build.value} (`make compile` makes it faster)" for build in (Build.PURE, Build.STALE)}
_HEADER = "Authorization"
_HERE = ("0.0.0.0", "::", "127.0.0.1", "localhost")  # noqa: S104 - as a client on this machine reaches them


def banner(
    *,
    version: str,
    host: str,
    port: int,
    models: Sequence[str],
    key: str | None,
    simulated: bool,
    header: str | None = None,
    build: Build = Build.PURE,
) -> str:
    """Plain text, a few lines. `key`: as it may be shown; None when none is asked for. `header`: that carries it."""
    url = f"http://{address_for_clients(host)}:{port}"
    lines = [
        f"Sluice {version}  http://{_bracketed(host)}:{port}",
        f"  models    {_models(models)}",
        f"  key       {_key(key)}",
        f"  docs      {url}/docs",
    ]
    lines.append(f"  build     {_BUILDS.get(build, build.value)}")
    if simulated:
        lines.append("  upstream  simulated; set OPENAI_API_KEY or give --config for a real one")
    return "\n".join([*lines, "", "  " + curl(url, chat_model(models), key, header or _HEADER), ""])


def _key(shown: str | None) -> str:
    if shown is None:
        return "none is asked for: this gateway serves loopback only"
    return "general_settings.master_key of the configuration" if shown.startswith("$(") else shown


def curl(url: str, model: str, key: str | None, header: str) -> str:
    """One line for a shell. A key that begins with `$` is a variable or a command, and left to the shell."""
    body = f'{{"model": "{model}", "stream": true, "messages": [{{"role": "user", "content": "Hello!"}}]}}'
    headers = f"{_authorization(key, header)} -H 'Content-Type: application/json'"
    return f"curl -N {url}/v1/chat/completions{headers} -d {shlex.quote(body)}"


def _authorization(key: str | None, header: str) -> str:
    if not key:
        return ""
    line = f"{header}: Bearer {key}"
    return f' -H "{line}"' if key.startswith("$") else f" -H {shlex.quote(line)}"


def address_for_clients(host: str) -> str:
    """How a client on this machine writes an address that the gateway listens on, in a URL."""
    return "localhost" if host in _HERE else _bracketed(host)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _models(models: Sequence[str]) -> str:
    if not models:
        return "none"
    shown = ", ".join(
        "every model of the upstream" if model == "*" else model for model in models[:MODELS_SHOWN]
    )
    more = len(models) - MODELS_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


def chat_model(models: Sequence[str]) -> str:
    """The one to try first: something that chats, by its name."""
    named = [model for model in models if "*" not in model]
    return next((model for model in named if model.startswith(CHAT_MODELS)), named[0] if named else "gpt-4o")
