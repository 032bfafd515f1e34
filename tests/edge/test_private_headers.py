"""A key, however it is sent, and who a proxy let in stay at the gateway: whichever door, whatever route."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from proxy.config.load import load
from proxy.worker.assembly import Gateway
from tests.edge.conftest import House, MakeHouse, get, post

SECRET = b"sk-gateway"
BODY = b'{"model": "gpt-4o", "messages": []}'
OWN_HEADER = (
    ", litellm_key_header_name: X-My-Key, pass_through_endpoints:"
    ' [{path: /tools, target: "{mock}/tools", forward_headers: true},'
    ' {path: /plain, target: "{mock}/plain"}, {path: /open, target: "{mock}/open", auth: false, forward_headers: true}]'
)
PATHS = (b"/v1/chat/completions", b"/v1/threads", b"/openai/v1/batches", b"/tools", b"/plain", b"/open")
KEYS = {
    "as it is": (b"X-My-Key: sk-gateway",),
    "as a token": (b"X-My-Key: Bearer sk-gateway",),
    "odd case": (b"x-mY-kEY: bEARER   sk-gateway ",),
    "without a blank": (b"X-My-Key:sk-gateway",),
    "after a tab": (b"X-My-Key:\tsk-gateway\t",),
    "twice": (b"X-My-Key: sk-gateway", b"x-my-key: Bearer sk-gateway"),
    "in Authorization too": (b"X-My-Key: sk-gateway", b"Authorization: Bearer sk-gateway"),
    "in x-api-key too": (b"x-api-key: sk-gateway", b"X-My-Key: sk-gateway", b"API-KEY: sk-gateway"),
    "with underscores too": (b"X-My-Key: sk-gateway", b"X_My_Key: sk-gateway", b"x_api_key: sk-gateway"),
    "named by Connection": (b"Connection: X-My-Key", b"X-My-Key: sk-gateway"),
}


def seen(house: House) -> bytes:
    """All that an upstream was sent, but for the addresses of the requests."""
    return b"".join(request.head.lower() + request.body for request in house.mock.requests)


@pytest.mark.parametrize("path", PATHS)
async def test_the_key_in_a_header_of_ones_own(make_house: MakeHouse, door: str, path: bytes) -> None:
    async with make_house(general=OWN_HEADER) as house:
        for how, lines in KEYS.items():
            house.mock.requests.clear()
            got = await house.ask(post(path, BODY, *lines, b"X-Kept: 1", key=b""), door)
            assert (got.status, len(house.mock.requests)) == (200, 1), how
            assert SECRET not in seen(house), how
            assert (b"x-kept: 1" in seen(house)) == (path != b"/plain"), how
        assert SECRET not in msgspec.json.encode(house.records)


@pytest.mark.parametrize(
    "lines", [(b"X-My-Key: Bearer Bearer sk-gateway",), (b"Authorization: Bearer sk-gateway",)]
)
async def test_a_key_that_is_none_goes_nowhere(
    make_house: MakeHouse, door: str, lines: tuple[bytes, ...]
) -> None:
    async with make_house(general=OWN_HEADER) as house:
        got = await house.ask(post(PATHS[0], BODY, *lines, key=b""), door)
        assert (got.status, house.mock.requests) == (401, [])
        assert SECRET not in got.lines + got.body + msgspec.json.encode(house.records)


async def test_a_folded_key_is_refused(make_house: MakeHouse) -> None:
    async with make_house(general=OWN_HEADER) as house:
        got = await house.ask(post(PATHS[0], BODY, b"X-Other: 1\r\n X-My-Key: sk-gateway", key=b""))
        assert (got.status, house.mock.requests) == (400, [])


IDENTITIES = (
    b"Cookie: session=secret-1", b"X-Amzn-Oidc-Data: secret-2", b"X-Goog-IAP-JWT-Assertion: secret-3",
    b"Cf-Access-Jwt-Assertion: secret-4", b"X-Forwarded-Access-Token: secret-5", b"X-MS-TOKEN-AAD-ID-TOKEN: secret-6",
    b"X-Auth-Request-Email: secret-7", b"x-pomerium-jwt-assertion: secret-8", b"COOKIE: more=secret-9",
)  # fmt: skip


@pytest.mark.parametrize("path", [PATHS[0], PATHS[2]])
async def test_who_a_proxy_let_in(house: House, door: str, path: bytes) -> None:
    got = await house.ask(post(path, BODY, *IDENTITIES, b"X-Forwarded-For: 192.0.2.1"), door)
    assert got.status == 200
    assert b"secret" not in seen(house)
    assert b"x-forwarded-for: 192.0.2.1" in seen(house)
    assert b"secret" not in msgspec.json.encode(house.records)


async def test_a_target_that_is_sent_headers_is_sent_no_identities(make_house: MakeHouse, door: str) -> None:
    async with make_house(general=OWN_HEADER) as house:
        got = await house.ask(post(b"/tools", BODY, *IDENTITIES, b"X-My-Key: sk-gateway", key=b""), door)
        assert got.status == 200
        assert b"secret" not in seen(house)


async def test_the_operators_own_lists(make_house: MakeHouse, door: str) -> None:
    lists = {"withheld_headers": '[x-corp-*, "User-Agent"]', "passed_headers": "[cookie, x-forwarded-*]"}
    async with make_house(**lists) as house:
        lines = (
            b"X-Corp-User: no",
            b"User-Agent: no",
            b"Cookie: a=yes-1",
            b"X-Forwarded-User: yes-2",
            b"X-B: yes-3",
        )
        got = await house.ask(get(b"/v1/files", *lines, b"X-Auth-Request-User: no"), door)
        assert got.status == 200
        assert b": no" not in seen(house)
        assert all(b"yes-%d" % number in seen(house) for number in (1, 2, 3))


async def test_a_reload_that_renames_the_header(make_house: MakeHouse, door: str, tmp_path: Path) -> None:
    async with make_house(general=OWN_HEADER) as house:
        both = (b"X-My-Key: sk-gateway", b"X-New-Key: sk-gateway")
        before = await house.ask(get(b"/v1/files", *both[:1], key=b""), door)
        renamed = tmp_path / "renamed.yaml"
        renamed.write_text((tmp_path / "config.yaml").read_text().replace("X-My-Key", "X-New-Key"))
        _reload(house.gateway, renamed)
        after = await house.ask(get(b"/v1/files", *both, key=b""), door)
        old = await house.ask(get(b"/v1/files", *both[:1], key=b""), door)
        assert (before.status, after.status, old.status) == (200, 200, 401)
        assert len(house.mock.requests) == 2
        assert SECRET not in seen(house)


def _reload(gateway: Gateway, path: Path) -> None:
    loaded = load(path, {})
    gateway.reload(loaded.config, loaded.environ)
