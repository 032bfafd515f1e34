"""docs/faults.md, written from the table."""

from __future__ import annotations

from collections.abc import Sequence

from loadtest.fault_matrix.table import (
    CONSEQUENCES,
    FAULTS,
    Cell,
    Fault,
    Mode,
    Seen,
    Topology,
    expected,
)

COMMAND = "python -m loadtest.fault_matrix docs/faults.md"
LEGEND = {
    Seen.ANSWER: "the whole answer",
    Seen.ELSEWHERE: "the whole answer of another key, or of the fallback group; nothing of the fault shows",
    Seen.OWN_ERROR: "the upstream's own error, byte for byte",
    Seen.TRUE_STATUS: "the upstream's own error, byte for byte, with the status that it would have had",
    Seen.FAILED: "an error in OpenAI's shape, code `upstream_failed`",
    Seen.TIMEOUT: "an error in OpenAI's shape, code `upstream_timeout`",
    Seen.EVENT_AND_CUT: "what came, one error event in the endpoint's own language, no `[DONE]`, and a cut connection",
    Seen.CUT: "what came, and a cut connection: an event would not fit there",
    Seen.AS_CAME: "what came, to the end that the upstream's framing gives it; an error in it is known to the record",
}
OPENING = f"""\
<!-- Written by: {COMMAND} -->

# Faults

What the client sees when an upstream fails: one row for each fault, one column for each way to ask. The tests hold the
gateway to every entry, on real sockets: with one key, with two, and with a fallback group; through both doors.

"another; alone 502" is short for: the answer of another key, or of the fallback group; 502 where there is neither. The
upstream with the fault has it at every request, however often it is asked.

| entry | the client sees |
|---|---|
"""
MATRIX = """
Stream modes are explained in [operations.md](operations.md#streams).

"""
CLOSING = f"""
**The key**: `refused` rests its host, `auth` the key and `rate_limited` the key's model at once; "counts" is a failure,
which rests the key's model once more than one request has failed so (`allowed_fails`); what rests for how long is in
[operations.md](operations.md#health-of-keys). A fault that shows
when the answer has begun counts in the same way; what passes "{Seen.AS_CAME.value}" counts for nothing, but
for an error in it.

**Asked again**: further attempts of the same request on the same key, after a wait, when it is the last of its group
(`num_retries`); none once a part of the answer was sent. With another key, that one is asked, at once.

A stream is never made to look whole: it gets no `[DONE]` and no clean end that the upstream did not send. OpenAI's SDKs
raise an error wherever the entry is an error, "{Seen.EVENT_AND_CUT.value}" or "{Seen.CUT.value}".
"""
NO_ENTRY = ""


def page() -> str:
    legend = [[seen.value, meaning] for seen, meaning in LEGEND.items()]
    columns = ["the upstream", *(mode.value for mode in Mode), "the key", "asked again"]
    rows = [columns, ["---"] * len(columns), *map(_row, FAULTS)]
    return OPENING + _table(legend) + MATRIX + _table(rows) + CLOSING


def _row(fault: Fault) -> list[str]:
    # In a buffered stream every fault is met before the client has seen anything.
    alone = expected(Cell(fault, Mode.BUFFERED, Topology.ONE_KEY))
    again = str(alone.asked - 1) if alone.asked > 1 else "no"
    return [fault.title, *(_entry(fault, mode) for mode in Mode), _blame(fault, alone.failures), again]


def _entry(fault: Fault, mode: Mode) -> str:
    if fault.only_streams and not mode.streams:
        return NO_ENTRY
    alone, *helped = (expected(Cell(fault, mode, topology)).seen for topology in Topology)
    assert len(set(helped)) == 1, "another key and another group help alike"
    if alone is helped[0]:
        return alone.value
    return f"another; alone {alone.value}"


def _blame(fault: Fault, failures: int) -> str:
    if not failures:
        return "not blamed"
    bench = CONSEQUENCES[fault.sort].bench
    return f"`{bench}`" if bench else "counts"


def _table(rows: Sequence[Sequence[str]]) -> str:
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)
