"""Headers that a caller writes."""

from __future__ import annotations

import pytest

from sluice.exceptions import BadRequestError
from sluice.lines import written


def test_a_header_goes_as_it_is_written() -> None:
    assert written({"X-Tag": "a", "X-Number": 1}) == {"X-Tag": "a", "X-Number": "1"}


def test_a_blank_within_a_name_is_a_hyphen_and_told_once(caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(2):
        assert written({"AI-Resource Group": "mine"}) == {"AI-Resource-Group": "mine"}
    assert [record.message for record in caplog.records].count(
        "the header `AI-Resource Group` is sent as `AI-Resource-Group`: names have no blanks"
    ) <= 1


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({"X\r\nEvil": "a"}, "no name of a header"),
        ({"X:": "a"}, "no name of a header"),
        ({"": "a"}, "no name of a header"),
        ({"X": "a\r\nEvil: 1"}, "several lines"),
        ({"X": "漢"}, "cannot carry"),
    ],
)
def test_what_http_cannot_carry_is_refused_before_it_is_sent(headers: dict[str, str], said: str) -> None:
    with pytest.raises(BadRequestError, match=said):
        written(headers)
