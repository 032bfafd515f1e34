"""Runs the gateway, and counts the bytecodes of each function: `python -m loadtest.instructions.tracing OUT ARGS...`"""

from __future__ import annotations

import json
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, TypeAlias

from proxy.command.cli import run

_Trace: TypeAlias = Callable[[FrameType, str, Any], Any]
_SITE = "site-packages"


class Tracer:
    """Everything that begins while it is `sys.settrace`d."""

    def __init__(self) -> None:
        self._counts: dict[CodeType, list[int]] = {}
        self._traces: dict[int, _Trace] = {}
        """By the code's identity: codes that look alike are equal, and long to compare."""

    def __call__(self, frame: FrameType, event: str, argument: object) -> _Trace:
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return self._traces.get(id(frame.f_code)) or self._counter(frame.f_code)

    def _counter(self, code: CodeType) -> _Trace:
        count = self._counts.setdefault(code, [0])

        def trace(frame: FrameType, event: str, argument: object) -> _Trace:
            if event == "opcode":
                count[0] += 1
            return trace

        self._traces[id(code)] = trace
        return trace

    def counts(self) -> Counter[str]:
        found: Counter[str] = Counter()
        for code, (count,) in list(self._counts.items()):
            found[f"{_place(code.co_filename)}:{code.co_qualname}"] += count
        return found


def _place(filename: str) -> str:
    """`proxy/metrics/table.py`, `trio/_core/_run.py`, `selectors.py`"""
    parts = Path(filename).parts
    for root in (_SITE, "proxy"):
        if root in parts:
            at = len(parts) - 1 - parts[::-1].index(root)
            return "/".join(parts[at + (root == _SITE) :])
    return parts[-1]


def main() -> None:
    out = Path(sys.argv.pop(1))
    tracer = Tracer()
    threading.settrace(tracer)
    sys.settrace(tracer)
    try:
        run()
    finally:
        sys.settrace(None)
        out.write_text(json.dumps(tracer.counts()))


if __name__ == "__main__":
    main()
