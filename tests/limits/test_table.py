"""Who has a row, of a table that is mostly empty."""

from __future__ import annotations

from proxy.limits.layout import DIGEST_BYTES, Layout
from proxy.limits.table import Table
from tests.limits.conftest import Machine

LAST_ZERO = b"a" * (DIGEST_BYTES - 4) + bytes(4)
FULL = b"b" * DIGEST_BYTES


def table(machine: Machine) -> tuple[Table, Layout]:
    return machine.hands[0]._table, machine.layout


def put(machine: Machine, row: int, digest: bytes) -> None:
    at = machine.layout.digests + row * DIGEST_BYTES
    machine.memory[at : at + DIGEST_BYTES] = digest


def test_rows_behind_a_gap_are_found_and_a_digest_may_end_in_zeros() -> None:
    machine = Machine()
    subject, layout = table(machine)
    assert subject.rows() == []
    put(machine, 1, FULL)
    put(machine, 3, LAST_ZERO)
    assert subject.rows() == [(FULL, 1), (LAST_ZERO, 3)]
    put(machine, layout.rows - 1, FULL)
    assert subject.rows()[-1] == (FULL, layout.rows - 1)
