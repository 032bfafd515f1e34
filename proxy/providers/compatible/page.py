"""The table of docs/providers.md, from the rows themselves.

`python -m proxy.providers.compatible.page docs/providers.md` writes it anew, between the two marks of that page.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from proxy.providers.compatible.endpoints import CHAT_ALONE, RESPONSES
from proxy.providers.compatible.found import base_variables
from proxy.providers.compatible.provider import Provider
from proxy.providers.compatible.rows import ROWS

BEGIN = "<!-- table: written by `python -m proxy.providers.compatible.page`; do not edit -->"
END = "<!-- end of table -->"
_HEAD = "| provider | base | variables: key; base | differs |\n|---|---|---|---|\n"


def table() -> str:
    return _HEAD + "".join(f"{_row(row)}\n" for row in ROWS)


def page(current: str) -> str:
    """The page with its table made new."""
    head, _, rest = current.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n\n{table()}\n{END}{tail}"


def _row(row: Provider) -> str:
    base = f"`{row.base}`" if row.base else "written"
    keys = _listed(row.keys) or "none"
    variables = "; ".join(filter(None, (keys, _listed(base_variables(row)))))
    return f"| `{row.name}/` | {base} | {variables} | {'; '.join(_differs(row))} |"


def _differs(row: Provider) -> Iterable[str]:
    if row.keyless:
        yield "needs no key"
    for old, new in row.renames.items():
        yield f"`{old}` is sent as `{new}`"
    if row.refuses:
        yield f"refuses {_listed(sorted(row.refuses))}"
    if row.omits:
        yield f"{_listed(sorted(row.omits))} left out"
    if row.name in RESPONSES:
        yield "has `/responses`"
    if row.name in CHAT_ALONE:
        yield "no `/completions`"
    for name, value in row.headers:
        yield f"`{name}` is {'its key' if value == '{key}' else f'`{value[1:]}`'}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.write_text(page(target.read_text()))
