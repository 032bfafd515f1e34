"""How many bytecodes a call takes: the same on a busy machine as on a quiet one. For tests of what is HOT."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any


def bytecodes(run: Callable[[], object]) -> int:
    """Of all that it calls; 0 of what is compiled."""
    count = 0

    def opcode(_frame: FrameType, event: str, _arg: Any) -> Any:
        nonlocal count
        count += event == "opcode"
        return opcode

    def called(frame: FrameType, _event: str, _arg: Any) -> Any:
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return opcode

    before = sys.gettrace()
    sys.settrace(called)
    try:
        run()
    finally:
        sys.settrace(before)
    return count
