from __future__ import annotations

from pathlib import Path

from proxy.metrics import reference

PAGE = Path(__file__).parents[2] / "docs/metrics.md"


def test_the_pages_table_is_fresh() -> None:
    current = PAGE.read_text()
    assert current == reference.page(current), "run: python -m proxy.metrics.reference docs/metrics.md"
