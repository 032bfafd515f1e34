from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import trio
import trio.testing

from loadtest.answers import Answer
from loadtest.mock_upstream import mock_upstream
from proxy.providers.tokens.asking import Token, TokenRefused
from proxy.providers.tokens.entra import ClientSecret, WorkloadIdentity
from proxy.types import Ask, Deployment, Secret, TokenSource
from proxy.upstream.destination import Destination, Endpoint
from proxy.worker.renewing import AGAIN_S, EARLY_S, Renewals, ask_for


def destination(source: TokenSource | None) -> Destination:
    deployment = Deployment(
        id="d", group="g", provider="azure", model="m", api_base="http://h", api_key=Secret(""), token=source,
        object_scope="s",
    )  # fmt: skip
    return Destination(deployment, Endpoint("h", 80, tls=False), b"", b"h")


def source(secret: str = "s") -> TokenSource:
    return ClientSecret(tenant="t", client="c", secret=Secret(secret))


class Giver:
    """Gives `t0`, `t1` ... for an hour each, unless it refuses."""

    def __init__(self) -> None:
        self.asked: list[TokenSource] = []
        self.refuses = False

    async def __call__(self, asked: TokenSource) -> Token:
        number = len(self.asked)
        self.asked.append(asked)
        await trio.lowlevel.checkpoint()
        if self.refuses:
            raise TokenRefused("answered 400 invalid_client")
        return Token(Secret(f"t{number}"), 3600.0)


@pytest.fixture
def giver() -> Giver:
    return Giver()


@pytest.fixture
def renewals(giver: Giver, nursery: trio.Nursery) -> Renewals:
    renewals = Renewals(giver, trio.current_time)
    nursery.start_soon(renewals.run)
    return renewals


def served(renewals: Renewals, *destinations: Destination) -> None:
    for each in destinations:
        renewals.prepare(each)
    renewals.serve(destinations)


async def test_a_token_is_renewed_before_it_ends(
    renewals: Renewals, giver: Giver, autojump_clock: trio.testing.MockClock
) -> None:
    to = destination(source())
    served(renewals, to)
    await trio.sleep(1)
    assert b"Authorization: Bearer t0\r\n" in to.own_lines
    assert renewals.headers(to.deployment) == ((b"Authorization", b"Bearer t0"),)
    await trio.sleep(3600 - EARLY_S - 10)
    assert len(giver.asked) == 1
    await trio.sleep(20)
    assert b"Authorization: Bearer t1\r\n" in to.own_lines
    assert b"t0" not in to.own_lines


async def test_equal_sources_share_one_and_others_have_their_own(
    renewals: Renewals, giver: Giver, autojump_clock: trio.testing.MockClock
) -> None:
    one, same, other, keyed = (destination(each) for each in (source(), source(), source("x"), None))
    served(renewals, one, same, other, keyed)
    await trio.sleep(1)
    assert len(giver.asked) == 2
    assert one.own_lines == same.own_lines != other.own_lines
    assert keyed.renewed is None
    assert renewals.headers(keyed.deployment) == ()


async def test_one_that_is_refused_is_asked_again_less_and_less(
    renewals: Renewals, giver: Giver, autojump_clock: trio.testing.MockClock
) -> None:
    giver.refuses = True
    to = destination(source())
    served(renewals, to)
    await trio.sleep(1.5)
    assert len(giver.asked) == 2
    assert to.renewed is not None
    assert to.renewed.why == "answered 400 invalid_client"
    await trio.sleep(3600)
    asked = len(giver.asked)
    assert asked < 3600 / AGAIN_S[1] + 10
    giver.refuses = False
    await trio.sleep(AGAIN_S[1] + 1)
    assert to.renewed.why is None
    assert b"Bearer t" in to.own_lines


async def test_after_a_reload_the_token_goes_on_and_those_of_nobody_end(
    renewals: Renewals, giver: Giver, autojump_clock: trio.testing.MockClock
) -> None:
    served(renewals, destination(source()), destination(source("x")))
    await trio.sleep(1)
    again = destination(source())
    served(renewals, again)
    assert b"Bearer t" in again.own_lines
    assert len(giver.asked) == 2
    await trio.sleep(3600)
    assert giver.asked[2:] == [source()]


class Plain(TokenSource, frozen=True, kw_only=True):
    url: str

    def ask(self, file: bytes, now_unix: float) -> Ask:
        return Ask("POST", self.url, {"x-own": "1"}, b"asked with " + file)


async def test_it_is_asked_over_http(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_bytes(b"a file")
    async with mock_upstream() as mock:
        mock.script(Answer(body=b'{"access_token":"t","expires_in":100}'))
        token = await ask_for(Plain(url=f"{mock.url}/token", file=str(file)))
        assert (token.text.reveal(), token.lasts_s) == ("t", 100.0)
        asked = mock.requests[0]
        assert (asked.target, asked.body, asked.header(b"x-own")) == (b"/token", b"asked with a file", b"1")


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda _, url: Plain(url=url, file="/nowhere/at/all"), "/nowhere/at/all: No such file"),
        (lambda _, url: Plain(url="http://127.0.0.1:1/x"), "cannot be asked for: ConnectError"),
        (lambda _, url: Plain(url="http://h:port/"), "at an address that is none"),
        (lambda _, url: Plain(url=url), "answered 200"),
        (lambda empty, url: WorkloadIdentity(tenant="t", client="c", authority=url, file=empty), "empty token file"),
    ],
)  # fmt: skip
async def test_what_goes_wrong_is_told(
    made: Callable[[str, str], TokenSource], said: str, tmp_path: Path
) -> None:
    empty = tmp_path / "empty"
    empty.touch()
    async with mock_upstream() as mock:
        with pytest.raises(TokenRefused, match=said):
            await ask_for(made(str(empty), mock.url))
