from __future__ import annotations

import pytest

from proxy.config import wording
from proxy.config.fields import Count, HeaderName, HttpUrl, Megabytes, Seconds, Weight
from proxy.types import Secret


@pytest.mark.parametrize(
    ("hint", "words", "shown"),
    [
        (Seconds | None, "a number of more than 0 and at most 86400", True),
        (Count, "a whole number of at least 0", True),
        (Weight | None, "a number of at least 0 and at most 1000000000", True),
        (Megabytes, "a number of more than 0 and at most 1048576", True),
        (bool, "true or false", True),
        (bool | str, "true or false or text", False),
        (Secret | None, "text", False),
        (HttpUrl | None, "an http(s) URL", False),
        (HeaderName, "a header name, without blanks or colons", False),
        (dict[str, int], "a mapping", False),
    ],
)
def test_expectations(hint, words, shown):
    assert wording.expectation(hint) == words
    assert wording.is_number(hint) is shown


@pytest.mark.parametrize(
    ("value", "words"),
    [(True, "true"), (1.5, "1.5"), ("x", "text"), ([], "a list"), ({}, "a mapping"), (None, "nothing")],
)
def test_what_was_found(value, words):
    assert wording.found(value, shown=True) == words


def test_numbers_are_hidden_where_secrets_stand():
    assert wording.found(12345, shown=False) == "a number"


def test_did_you_mean():
    assert wording.did_you_mean("weigth", ["weight", "order"]) == "; did you mean `weight`?"
    assert wording.did_you_mean("zzz", ["weight", "order"]) == ""
