"""Answers as people read them: lists in columns, one thing in lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

MAX_CELL_CHARS = 40
"""A line should fit a terminal."""
NOTHING = "-"


def in_columns(columns: Sequence[str], rows: Sequence[Mapping[str, object]]) -> str:
    """With a head; what is not there is `-`."""
    cells = [tuple(columns), *(tuple(_cell(row.get(name)) for name in columns) for row in rows)]
    widths = [max(len(line[at]) for line in cells) for at in range(len(columns))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in cells]
    return "\n".join(line.rstrip() for line in lines)


def fields_in_lines(answer: object, indent: str = "") -> str:
    """`name: value`, those below a name indented."""
    if isinstance(answer, Mapping):
        return "\n".join(_line(str(name), value, indent) for name, value in answer.items())
    if isinstance(answer, list) and answer and isinstance(answer[0], Mapping):
        return f"\n{indent}---\n".join(fields_in_lines(each, indent) for each in answer)
    return indent + _cell(answer, whole=True)


def _line(name: str, value: object, indent: str) -> str:
    below = isinstance(value, Mapping) or (
        isinstance(value, list) and value and isinstance(value[0], Mapping)
    )
    if below and value:
        return f"{indent}{name}:\n{fields_in_lines(value, indent + '  ')}"
    return f"{indent}{name}: {_cell(value, whole=True)}"


def _cell(value: object, *, whole: bool = False) -> str:
    if value is None or value in ("", [], {}):
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6f}".rstrip("0").rstrip(".")
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    text = "".join(char if char.isprintable() else "?" for char in text)
    return text if whole or len(text) <= MAX_CELL_CHARS else text[: MAX_CELL_CHARS - 1] + "…"
