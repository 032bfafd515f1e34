"""A value whose variable is not set. It stands in the tree until it is known whether anything needs it."""

from __future__ import annotations

import re

import msgspec

from proxy.config.paths import KeyPath

_UNFILLED = (
    (re.compile(r"\$\{(?:env[:.])?([A-Za-z_]\w*)[^}]*\}|^\$([A-Za-z_]\w+)$"), "${%s}", "a shell's"),
    (
        re.compile(r"""^os\.(?:environ\[|environ\.get\(|getenv\()\s*["']?(\w+)"""),
        'os.environ["%s"]',
        "Python's",
    ),
    (re.compile(r"^os\.environ[.:](\w+)$|^env[/:](\w+)$"), "os.environ.%s", "nobody's"),
    (re.compile(r"^\{\{\s*([\w.]+)\s*\}\}$|^<(\w[\w -]*)>$"), "{{%s}}", "a template's"),
)
"""How other languages say it, how it is shown, and whose way it is."""


class Unset(msgspec.Struct, frozen=True):
    """`text`: what is missing, and what to write."""

    text: str


def not_set(names: list[str]) -> Unset:
    many = f"variables {', '.join(names)} are" if len(names) > 1 else f"variable {names[0]} is"
    return Unset(f"the environment {many} not set: set it, or write the value here")


def empty(name: str, *, key: bool) -> Unset:
    """`key`: it stands where a key does, and some servers ask for none."""
    otherwise = '; for a server of your own that asks for none, write `api_key: ""`' if key else ""
    return Unset(f"the environment variable {name} is set, but empty: give it a value{otherwise}")


def unfilled(value: str) -> Unset | None:
    """What another language than this file's would fill in. The rest of the value may be a secret: it is not shown."""
    for pattern, shown, whose in _UNFILLED:
        found = pattern.search(value)
        if found is not None:
            name = next(group for group in found.groups() if group is not None)
            meant = f"write `os.environ/{name}`" if name.isidentifier() else "write the value itself"
            return Unset(f"`{shown % name}` is {whose} way to say it, and nobody has filled it in: {meant}")
    return None


def first_unset(value: object) -> tuple[KeyPath, Unset] | None:
    """In a value, however deep: where, and what."""
    if isinstance(value, Unset):
        return (), value
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, item in inner:
        found = first_unset(item)
        if found is not None:
            return (step if isinstance(step, int) else str(step), *found[0]), found[1]
    return None
