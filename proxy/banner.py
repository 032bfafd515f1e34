"""What a person sees at the start: where, which models, which key, and a line to paste."""

from __future__ import annotations

from collections.abc import Sequence

MODELS_SHOWN = 8
CHAT_MODELS = ("gpt", "o1", "o3", "chat")


def banner(
    *, version: str, host: str, port: int, models: Sequence[str], key: str | None, simulated: bool
) -> str:
    """Plain text, a few lines. `key`: as it may be shown; None when none is asked for."""
    place = "localhost" if host in ("0.0.0.0", "::", "127.0.0.1", "::1") else _bracketed(host)  # noqa: S104
    url = f"http://{place}:{port}"
    lines = [
        f"Sluice {version}  http://{_bracketed(host)}:{port}",
        f"  models    {_models(models)}",
        f"  key       {key or 'none is asked for: this gateway serves loopback only'}",
        f"  docs      {url}/docs",
    ]
    if simulated:
        lines.append("  upstream  simulated; set OPENAI_API_KEY or give --config for a real one")
    return "\n".join([*lines, "", "  " + curl(url, chat_model(models), key), ""])


def curl(url: str, model: str, key: str | None) -> str:
    body = f'{{"model": "{model}", "stream": true, "messages": [{{"role": "user", "content": "Hello!"}}]}}'
    secret = f' -H "Authorization: Bearer {key}"' if key else ""
    return f"curl -N {url}/v1/chat/completions{secret} -H 'Content-Type: application/json' -d '{body}'"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _models(models: Sequence[str]) -> str:
    shown = ", ".join(models[:MODELS_SHOWN]) or "every model of the upstream"
    more = len(models) - MODELS_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


def chat_model(models: Sequence[str]) -> str:
    named = [model for model in models if "*" not in model]
    return next((model for model in named if model.startswith(CHAT_MODELS)), named[0] if named else "gpt-4o")
