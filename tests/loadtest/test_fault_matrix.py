from __future__ import annotations

from pathlib import Path

import pytest

from loadtest.fault_matrix.page import LEGEND, page
from loadtest.fault_matrix.table import (
    BY_NAME,
    FAULTS,
    Cell,
    Expected,
    Mode,
    Seen,
    Topology,
    cells,
    expected,
)

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_is_the_table() -> None:
    found = (DOCS / "faults.md").read_text()
    assert found == page(), "run: python -m loadtest.fault_matrix docs/faults.md"


def test_every_entry_is_explained() -> None:
    assert set(LEGEND) == set(Seen)


def test_every_cell_has_a_name_of_its_own() -> None:
    assert len({cell.name for cell in cells()}) == len(cells())
    assert len(BY_NAME) == len(FAULTS)


@pytest.mark.parametrize(
    ("cell", "wanted"),
    [
        (("refused", Mode.LIVE, Topology.TWO_KEYS), Expected(Seen.ELSEWHERE, 1, 1, "refused", "ok")),
        (("silent", Mode.WHOLE, Topology.ONE_KEY), Expected(Seen.TIMEOUT, 1, 1, "", "upstream_error")),
        # One request alone, however often it fails, is no evidence against a key.
        (("500", Mode.WHOLE, Topology.FALLBACK), Expected(Seen.ELSEWHERE, 3, 3, "", "ok")),
        (("400", Mode.LIVE, Topology.TWO_KEYS), Expected(Seen.OWN_ERROR, 1, 0, "", "client_error")),
        (("reset", Mode.LIVE, Topology.TWO_KEYS), Expected(Seen.EVENT_AND_CUT, 1, 1, "", "truncated")),
        (("reset", Mode.WHOLE, Topology.TWO_KEYS), Expected(Seen.CUT, 1, 1, "", "truncated")),
        (("reset", Mode.BUFFERED, Topology.TWO_KEYS), Expected(Seen.ELSEWHERE, 1, 1, "", "ok")),
    ],
)
def test_what_the_rules_say(cell: tuple[str, Mode, Topology], wanted: Expected) -> None:
    """The rules, against words of their own."""
    assert expected(Cell(BY_NAME[cell[0]], *cell[1:])) == wanted
