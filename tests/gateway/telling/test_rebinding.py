"""Who may ask a gateway that asks for no key: nobody that a browser brings from elsewhere."""

from __future__ import annotations

import pytest

from proxy.errors import GatewayError
from proxy.gateway.telling.rebinding import HomeGuard
from proxy.wire.form import RequestHead


def refusal(guard: HomeGuard, host: bytes | None, origin: bytes | None) -> str | None:
    lines = [(name, value) for name, value in ((b"Host", host), (b"Origin", origin)) if value is not None]
    head = RequestHead.of(b"POST", b"/v1/chat/completions", tuple(lines))
    try:
        guard.check(head)
    except GatewayError as error:
        return error.code
    return None


@pytest.mark.parametrize(
    "host",
    [
        None,
        b"",
        b"localhost",
        b"LocalHost:4000",
        b"api.localhost:4000",
        b"127.0.0.1:4000",
        b"[::1]:4000",
        b"gateway:4000",
    ],
)
def test_this_machines_names_are_answered(host: bytes | None) -> None:
    assert refusal(HomeGuard(()), host, None) is None


@pytest.mark.parametrize(
    "host",
    [
        b"evil.example",
        b"evil.example:4000",
        b"EVIL.example.:4000",
        b"127.0.0.1.evil.example",
        b"localhost.evil.example",
    ],
)
def test_a_name_that_a_stranger_may_have_lead_here_is_not(host: bytes) -> None:
    assert refusal(HomeGuard(()), host, None) == "host_not_allowed"
    assert refusal(HomeGuard(()), host, b"http://" + host) == "host_not_allowed"


@pytest.mark.parametrize(
    "origin", [b"https://evil.example", b"null", b"", b"http://localhost:3000", b"http://xlocalhost:4000"]
)
def test_no_page_of_elsewhere_may_ask(origin: bytes) -> None:
    """A form, or a POST of plain text, needs no preflight: it would be served, though not read."""
    assert refusal(HomeGuard(()), b"localhost:4000", origin) == "origin_not_allowed"


def test_the_gateways_own_pages_may() -> None:
    assert refusal(HomeGuard(()), b"localhost:4000", b"http://localhost:4000") is None
    assert refusal(HomeGuard(()), b"[::1]:4000", b"http://[::1]:4000") is None


def test_what_the_operator_allows_may() -> None:
    guard = HomeGuard(("https://page.example/", "http://llm.corp.example:8080"))
    assert refusal(guard, b"localhost:4000", b"https://page.example") is None
    assert refusal(guard, b"llm.corp.example", None) is None, (
        "a proxy in front keeps the name it was asked by"
    )
    assert refusal(guard, b"localhost:4000", b"https://evil.example") == "origin_not_allowed"
    assert refusal(HomeGuard(("*",)), b"evil.example", b"https://evil.example") is None
