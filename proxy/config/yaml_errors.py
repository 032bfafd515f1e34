"""What libyaml says is wrong, in the words of somebody who writes configurations: line, column, excerpt, caret."""

from __future__ import annotations

import re
from typing import NamedTuple

import yaml

_SHOWN_CHARACTERS = 72
_SECRET_KEY = re.compile(r"(?i)((?:key|token|secret|passw|auth|credential|bearer)[\w-]*[\"']?\s*:\s*).*")
_SECRET_WORD = re.compile(
    r"(?:sk|pk|gsk|hf|xai|AIza|ghp)[-_]?[\w-]{6,}|[\w+/=-]*\d[\w+/=-]{18,}|://[^/\s@]*:[^/\s@]*@\S*"
)


class _Case(NamedTuple):
    problem: re.Pattern[str]
    """In libyaml's words, with its context before them."""
    line: re.Pattern[str]
    """What stands from the column on."""
    text: str


def _case(problem: str, line: str, text: str) -> _Case:
    return _Case(re.compile(problem), re.compile(line), text)


_CASES = (
    _case("tab character|cannot start any token", r"\t", "a tab: YAML is indented by blanks only"),
    _case("scanning an alias|undefined alias", r"\*\s*$", '`*` alone means an alias in YAML: write `"*"` in quotes'),
    _case("scanning an alias", r"\*", 'a value that begins with `*`: write it in quotes, `"*..."`'),
    _case("undefined alias", r"\*", "no `&` of this name stands above; a value that begins with `*` needs quotes"),
    _case("cannot start any token", r".", "a value must not begin with this character: write it in quotes"),
    _case("mapping values", r"", "a second `: ` in one line, or deeper indentation than the line above:"
                                 " indent alike what belongs together, and put a value that holds `: ` in quotes"),
    _case("unexpected end of stream", r"", "the quote that begins here is not closed"),
    _case("flow sequence", r"", "the `[` that begins here is not closed, or lacks a `,`"),
    _case("flow mapping", r"", "the `{` that begins here is not closed, or lacks a `,`"),
    _case("flow node", r"", "the `[` or `{` before this is not closed, or a value is missing"),
    _case("unhashable", r"", "`{{...}}` is a template's: write the value, or `os.environ/NAME`"),
    _case("another document", r"", "a second `---`: write one document"),
    _case("'-' indicator", r"", "this line is neither another `- ` of the list above nor indented below it"),
    _case("expected key|block mapping", r"-", "a list's `- ` where a `key:` is expected: indent it below its key"),
    _case("expected key|block mapping", r"", "expected `key:` here: indent alike what belongs together"),
    _case("block sequence entries", r"", "a list begins in a line of its own, below its key"),
    _case("escape character", r"", "not an escape that YAML knows: write the text in 'single quotes'"),
)  # fmt: skip
_BEGIN_ELSEWHERE = re.compile("unexpected end of stream|flow sequence|flow mapping|scanning an alias")
"""Told at where the thing began: where it ends is where libyaml lost hope."""


def reworded(problem: str, rest: str = "") -> str:
    """`rest`: what stands from the column on."""
    return next((case.text for case in _CASES if _fits(case, problem, rest)), f"not YAML: {problem}")


def explained(error: yaml.YAMLError, source: bytes, name: str) -> tuple[str, str]:
    """(`file:line`, what is wrong). Values that may be secrets are not in the excerpt."""
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return _undecodable(source, name)
    problem = " ".join(part for part in (error.context, error.problem) if part)
    mark = error.problem_mark
    if _BEGIN_ELSEWHERE.search(problem) and error.context_mark is not None:
        mark = error.context_mark
    lines = source.decode("utf-8", "replace").splitlines()
    line = lines[mark.line] if mark.line < len(lines) else ""
    text = reworded(problem, line[mark.column :])
    return f"{name}:{mark.line + 1}", f"column {mark.column + 1}: {text}{_excerpt(line, mark.column)}"


def _fits(case: _Case, problem: str, rest: str) -> bool:
    return case.problem.search(problem) is not None and case.line.match(rest) is not None


def _undecodable(source: bytes, name: str) -> tuple[str, str]:
    """Bytes that are no text, or characters that no text has."""
    try:
        text = source.decode()
    except UnicodeDecodeError as error:
        line, column = _place(source[: error.start])
        return f"{name}:{line}", f"column {column}: not UTF-8 (Latin-1, perhaps): save the file as UTF-8"
    control = re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]", text)
    line, column = _place(text[: control.start() if control else 0].encode())
    return f"{name}:{line}", f"column {column}: a control character: take it out"


def _place(before: bytes) -> tuple[int, int]:
    """Line and column, from 1, of what follows these bytes."""
    last = before.rsplit(b"\n", 1)[-1]
    return before.count(b"\n") + 1, len(last.decode("utf-8", "replace")) + 1


def _excerpt(line: str, column: int) -> str:
    """Two lines: what stands there, and a caret below the place. Nothing where nothing stands."""
    shown = _SECRET_WORD.sub("***", _SECRET_KEY.sub(r"\1***", line)).replace("\t", " ")
    start = max(0, column - _SHOWN_CHARACTERS // 2) if len(shown) > _SHOWN_CHARACTERS else 0
    shown = shown[start : start + _SHOWN_CHARACTERS]
    caret = min(column - start, len(shown))
    return f"\n    {shown}\n    {' ' * caret}^" if shown.strip() else ""
