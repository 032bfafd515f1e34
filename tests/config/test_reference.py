from __future__ import annotations

from pathlib import Path

from proxy.config import reference

PAGE = Path(__file__).parents[2] / "docs/configuration.md"


def test_the_pages_tables_are_fresh():
    current = PAGE.read_text()
    assert current == reference.page(current), "run: python -m proxy.config.reference docs/configuration.md"


def test_every_key_has_a_row():
    tables = reference.tables()
    for key in (
        "`model_name`",
        "`num_retries`",
        "`master_key`",
        "`max_retry_after_s`",
        "`temperature`",
        "`database_url`",
    ):
        assert key in tables


def test_a_page_without_tables_gets_them():
    page = reference.page(f"above\n{reference.BEGIN}\nstale words\n{reference.END}\nbelow\n")
    assert page.startswith("above\n")
    assert page.endswith("\nbelow\n")
    assert "stale words" not in page
