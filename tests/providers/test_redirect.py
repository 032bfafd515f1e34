"""Where redirects lead, and how a client is told of places behind the gateway."""

from __future__ import annotations

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.providers.redirect import client_lines, client_target, keeps_its_way, target_at

ORIGIN = "https://api.example:443"
ASKED = b"/v1/chat/completions?a=1"


@pytest.mark.parametrize(
    ("location", "target"),
    [
        (b"/v1/chat/completions/", b"/v1/chat/completions/"),
        (b"https://api.example/v1/chat/completions/?a=1", b"/v1/chat/completions/?a=1"),
        (b"https://API.example:443/x", b"/x"),
        (b"http://api.example/v1/x", b"/v1/x"),
        (b"//api.example/x", b"/x"),
        (b"?b=2", b"/v1/chat/completions?b=2"),
        (b"other", b"/v1/chat/other"),
        (b"../embeddings#part", b"/v1/embeddings"),
        (b"https://api.example", b"/"),
    ],
)
def test_the_same_host(location: bytes, target: bytes) -> None:
    assert target_at(location, ORIGIN, ASKED) == target


@pytest.mark.parametrize(
    "location",
    [
        b"https://other.example/v1", b"https://api.example:8443/v1", b"http://api.example:8000/v1", b"//evil.example/",
        b"https://api.example@evil.example/", b"https://user@api.example/", b"ftp://api.example/", b"data:,x",
        b"https://api.example.evil.example/", b"https://[::1/", b"https://api.example:port/", b"", b"/a b", b"/\xe9",
    ],
)  # fmt: skip
def test_another_host_or_none(location: bytes) -> None:
    assert target_at(location, ORIGIN, ASKED) is None


def test_ports_that_are_not_the_schemes_own_must_be_equal() -> None:
    assert target_at(b"http://10.0.0.1:8000/v1/x/", "http://10.0.0.1:8000", b"/v1/x") == b"/v1/x/"
    assert target_at(b"http://10.0.0.1/v1/x/", "http://10.0.0.1:8000", b"/v1/x") is None
    assert target_at(b"http://[::1]:8000/v1/x/", "http://[::1]:8000", b"/v1/x") == b"/v1/x/"


@given(st.binary(max_size=80))
def test_whatever_it_says_the_target_is_one_line(location: bytes) -> None:
    target = target_at(location, ORIGIN, ASKED)
    assert target is None or (target.startswith(b"/") and not set(target) & set(b" \r\n\t\x00"))


@pytest.mark.parametrize(
    ("target", "upstream", "client", "seen"),
    [
        (b"/v1/files/f?x=1", b"/v1/files", b"/openai/files", b"/openai/files/f?x=1"),
        (b"/v1/files/f", b"/v1/files", b"/files", b"/files/f"),
        (b"/v1/files/", b"/v1/files", b"/v1/files", b"/v1/files/"),
        (b"/v1/files/f", b"/v1/x/y", b"/openai/deployments/m/x/y", b"/openai/deployments/m/files/f"),
        (b"/v1/run/1", b"/v1/run", b"/gate", b"/gate/1"),
        (b"/v1/jobs/1", b"/v1/run", b"/gate", None),
        (b"/admin", b"/v1/files", b"/v1/files", None),
        (b"/v10/files", b"/v1/files", b"/v1/files", None),
    ],
)  # fmt: skip
def test_what_the_client_sees(target: bytes, upstream: bytes, client: bytes, seen: bytes | None) -> None:
    assert client_target(b"/v1", upstream, client, target) == seen


def test_a_target_without_a_base() -> None:
    assert client_target(b"", b"/run", b"/gate/run", b"/jobs/1") == b"/gate/jobs/1"


def test_lines_are_rewritten_where_they_point_into_the_base() -> None:
    lines = (
        b"Location: https://api.example/v1/files/f\r\nX-Location: /v1/x\r\nContent-Location: /v1/files/f\r\n"
        b"operation-location: https://api.example/elsewhere\r\n"
    )
    seen = partial(client_target, b"/v1", b"/v1/files", b"/openai/files")
    assert client_lines(lines, ORIGIN, b"/v1/files", seen) == (
        b"Location: /openai/files/f\r\nX-Location: /v1/x\r\nContent-Location: /openai/files/f\r\n"
        b"operation-location: https://api.example/elsewhere\r\n"
    )


def test_which_requests_keep_their_way() -> None:
    assert all(keeps_its_way(status, b"POST") for status in (307, 308))
    assert not any(keeps_its_way(status, b"POST") for status in (301, 302, 303))
    assert all(keeps_its_way(status, b"GET") for status in (301, 302, 303, 307, 308))
