"""`.env` files: `NAME=value` lines."""

from __future__ import annotations

import re
from collections.abc import Callable

_LINE = re.compile(r"^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_.]*)\s*=\s*(.*?)\s*$")
_QUOTED = re.compile(r"^'([^']*)'\s*(?:#.*)?$|^\"((?:[^\"\\]|\\.)*)\"\s*(?:#.*)?$")
_COMMENT = re.compile(r"(?:^|\s+)#.*$")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


def parse_env(text: str, odd: Callable[[int], object]) -> dict[str, str]:
    """`KEY=VALUE` lines; `export`, quotes and `#` comments as in a shell, but nothing is expanded.

    `odd` is told the numbers of lines that are none, from 1.
    """
    values: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _LINE.match(line)
        if match is None:
            odd(number)
            continue
        values[match[1]] = _unquote(match[2])
    return values


def _unquote(text: str) -> str:
    quoted = _QUOTED.match(text)
    if quoted is None:
        return _COMMENT.sub("", text)
    if quoted[1] is not None:
        return quoted[1]
    return re.sub(r"\\(.)", lambda match: _ESCAPES.get(match[1], match[1]), quoted[2])
