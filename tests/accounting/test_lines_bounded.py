from __future__ import annotations

from proxy.accounting.lines import text_line
from proxy.accounting.record import Record


def test_a_method_drives_no_terminal_and_fills_no_line() -> None:
    record = Record(call_id="c", started_unix_s=0.0, method="\x1b[2J" + "A" * 60_000, route="/x")
    line = text_line(record, colour=False)
    assert b"\x1b" not in line
    assert len(line) < 400
