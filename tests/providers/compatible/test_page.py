from __future__ import annotations

from pathlib import Path

from proxy.providers.compatible import page
from proxy.providers.compatible.rows import ROWS

PAGE = Path(__file__).parents[3] / "docs/providers.md"


def test_the_pages_table_is_fresh() -> None:
    current = PAGE.read_text()
    assert current == page.page(current), "run: python -m proxy.providers.compatible.page docs/providers.md"


def test_every_provider_has_a_row() -> None:
    table = page.table()
    assert all(f"| `{row.name}/` |" in table for row in ROWS)
