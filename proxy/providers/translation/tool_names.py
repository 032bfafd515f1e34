"""Names of tools: upstreams take letters, digits, `_` and `-` only, and so many of them.

The answer gives the client its own name back.
"""

from __future__ import annotations

import re

_UNFIT = re.compile(r"[^a-zA-Z0-9_-]")
MAX_CHARS = 128
"""Of Anthropic's."""
CHAT_CHARS = 64
"""Of OpenAI's."""
_TRIES = 1000
_NUMBER_CHARS = 5


class ToolNames:
    """Of one request."""

    def __init__(self, own: set[str] | None = None, most_chars: int = MAX_CHARS) -> None:
        """`own`: those of the client's that are fit already, and so nobody else's."""
        self._most_chars = most_chars
        self._sent: dict[str, str] = {}
        self._taken = set(own or ())

    def sent(self, name: str) -> str:
        """As it goes upstream; one name always as the same."""
        if name not in self._sent:
            self._sent[name] = name if is_fit(name, self._most_chars) else self._another(name)
            self._taken.add(self._sent[name])
        return self._sent[name]

    def back(self) -> dict[str, str]:
        """The client's, by those that were sent, where they differ."""
        return {sent: name for name, sent in self._sent.items() if sent != name}

    def _another(self, name: str) -> str:
        fit = _UNFIT.sub("_", name)[: self._most_chars] or "_"
        stem = fit[: self._most_chars - _NUMBER_CHARS]
        tries = (f"{stem}_{number}" for number in range(2, _TRIES))
        return (
            fit if fit not in self._taken else next((each for each in tries if each not in self._taken), fit)
        )


def is_fit(name: str, most_chars: int = MAX_CHARS) -> bool:
    return 0 < len(name) <= most_chars and _UNFIT.search(name) is None
