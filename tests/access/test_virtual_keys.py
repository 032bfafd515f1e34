"""Who is let in by a virtual key, and what the others are told."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from proxy.access.directory import Directory
from proxy.access.identity import Team, User, VirtualKey
from proxy.access.keys import Keys, UnknownKey
from proxy.errors import GatewayError
from proxy.types import Secret

NOW = 1_800_000_000.0
Know = Callable[..., Directory]
MakeKey = Callable[..., VirtualKey]
SECRET = "sk-some-secret-abcd"
SENT = {b"authorization": b"Bearer " + SECRET.encode()}.get


def test_a_virtual_key_lets_in_beside_the_master_key(know: Know, a_key: MakeKey) -> None:
    keys = Keys(
        Secret("sk-master"), directory=know(a_key(user_id="u"), User(user_id="u", user_role="proxy_admin"))
    )
    caller = keys.who(SENT, NOW)
    assert caller.key is not None
    assert caller.admin
    assert keys.who({b"authorization": b"Bearer sk-master"}.get, NOW).name == "master"
    assert keys.who(SENT, NOW) is caller


@pytest.mark.parametrize(
    ("fields", "code", "kind"),
    [
        ({"expires": NOW}, "key_expired", "expired_key"),
        ({"blocked": True}, "key_blocked", "auth_error"),
        ({"team_id": "t"}, "key_blocked", "auth_error"),
        ({"user_id": "u"}, "key_blocked", "auth_error"),
    ],
)
def test_what_bars_a_key_is_said(
    know: Know, a_key: MakeKey, fields: dict[str, object], code: str, kind: str
) -> None:
    directory = know(a_key(**fields), Team(team_id="t", blocked=True), User(user_id="u", blocked=True))
    with pytest.raises(GatewayError) as refused:
        Keys(Secret("sk-master"), directory=directory).who(SENT, NOW)
    assert (refused.value.status, refused.value.code, refused.value.kind) == (401, code, kind)
    assert SECRET not in refused.value.message


def test_a_key_is_asked_for_each_time(know: Know, a_key: MakeKey) -> None:
    """Whatever is remembered of what was sent."""
    directory = know(a_key(expires=NOW + 10))
    keys = Keys(Secret("sk-master"), directory=directory)
    keys.who(SENT, NOW + 9.9)
    with pytest.raises(GatewayError, match="expired"):
        keys.who(SENT, NOW + 10)
    know(a_key(), directory=directory)
    keys.who(SENT, NOW + 10)
    know(a_key(blocked=True), directory=directory)
    with pytest.raises(GatewayError, match="blocked"):
        keys.who(SENT, NOW + 10)


def test_an_unknown_key_says_by_what_it_may_be_found(know: Know, a_key: MakeKey) -> None:
    keys = Keys(Secret("sk-master"), directory=know())
    with pytest.raises(UnknownKey) as unknown:
        keys.who(SENT, NOW)
    assert (unknown.value.status, unknown.value.code) == (401, "invalid_api_key")
    assert unknown.value.digest.hex() == a_key().token
    know(a_key(), directory=keys.directory)
    assert keys.who(SENT, NOW).key is not None
