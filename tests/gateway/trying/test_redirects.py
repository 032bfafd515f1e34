"""What the log says of a redirect that is not followed."""

from __future__ import annotations

import pytest

from proxy.gateway.trying.redirects import MAX_SHOWN_CHARS, shown


@pytest.mark.parametrize(
    ("location", "said"),
    [
        (b"https://files.example/a/b?X-Amz-Signature=s3cr3t#part", "https://files.example/a/b"),
        (b"https://files.example?sig=s3cr3t", "https://files.example"),
        (b"https://user:s3cr3t@files.example/a", "https://files.example/a"),
        (b"https://user:s3cr3t@files.example/a//b@c", "https://files.example/a//b@c"),
        (b"//files.example/a", "//files.example/a"),
        (b"/v1/elsewhere?key=s3cr3t", "/v1/elsewhere"),
        (b"https://files.example/\x9b2J\xc2\x9b\x7f", "https://files.example/\ufffd2J\ufffd\ufffd?"),
    ],
)
def test_a_place_is_shown_without_what_lets_one_in(location: bytes, said: str) -> None:
    assert shown(location) == said


def test_of_a_long_place_the_beginning_is_shown() -> None:
    assert len(shown(b"https://files.example/" + b"a" * 60_000)) == MAX_SHOWN_CHARS
