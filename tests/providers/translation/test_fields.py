"""No field of the official packages' types vanishes: a new release of theirs shows here what is new."""

from __future__ import annotations

from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.providers.translation.fields_table import PAIRS, SILENT, Found, found, page
from tests.providers.translation.fields_unsaid import UNSAID

PAGE = Path(__file__).parents[3] / "docs/translation-fields.md"


@pytest.fixture(scope="module")
def fields() -> dict[str, list[Found]]:
    return found()


def test_each_field_is_mapped_passed_or_refused_or_said_why_not(fields: dict[str, list[Found]]) -> None:
    assert {title: [each for each in table if each.outcome == SILENT] for title, table in fields.items()} == {
        title: [] for title in fields
    }


def test_all_of_the_packages_is_looked_at(fields: dict[str, list[Found]]) -> None:
    assert sum(map(len, fields.values())) > 2000
    assert {pair.title for pair in PAIRS} == set(fields)
    by_name = {
        (title, each.type, each.field): each.outcome for title, table in fields.items() for each in table
    }
    chat, messages = "chat request, to Anthropic", "Messages request, to chat"
    assert by_name[chat, "CompletionCreateParamsNonStreaming", "seed"] == "refused: `seed`"
    assert by_name[chat, "CompletionCreateParamsNonStreaming", "stop"] == "mapped"
    assert by_name[chat, "CompletionCreateParamsNonStreaming", "temperature"] == "passed"
    assert by_name[messages, "WebSearchTool20250305Param", "max_uses"] == "refused: `tools[].type`"


def test_each_reason_is_some_fields(fields: dict[str, list[Found]]) -> None:
    names = [(title, f"{each.type}.{each.field}") for title, table in fields.items() for each in table]
    for of, pattern in UNSAID:
        assert any(fnmatch(title, of) and fnmatch(name, pattern) for title, name in names), (of, pattern)


def test_the_page_is_of_today() -> None:
    assert PAGE.read_text() == page(), (
        "run `python -m tests.providers.translation.fields_table` with its path"
    )
