"""Who asks: where a key may stand, and which is right."""

from __future__ import annotations

import hashlib

import pytest

from proxy.access import keys as keys_module
from proxy.access.keys import DIGESTED_BYTES, GetHeader, Keys
from proxy.credentials import KEY_HEADERS
from proxy.errors import Fault, GatewayError
from proxy.types import Secret

MASTER = "sk-master-of-this-test"
NOW = 1_800_000_000.0


def headers(**fields: str) -> GetHeader:
    values = {name.replace("_", "-").encode(): value.encode("latin-1") for name, value in fields.items()}
    return values.get


@pytest.mark.parametrize("name", KEY_HEADERS)
@pytest.mark.parametrize("text", ["{}", "Bearer {}", "bearer {}", "BEARER   {}", "Bearer {} "])
def test_the_key_is_found_wherever_clients_put_it(name: bytes, text: str) -> None:
    caller = Keys(Secret(MASTER)).who({name: text.format(MASTER).encode()}.get, NOW)
    assert caller.name == "master"


@pytest.mark.parametrize(
    "text",
    [
        "sk-other",
        MASTER + "x",
        MASTER[:-1],
        MASTER.upper(),
        f"Basic {MASTER}",
        f"Bearer Bearer {MASTER}",
        "\xff",
    ],
)
def test_a_wrong_key_is_401(text: str) -> None:
    with pytest.raises(GatewayError) as refused:
        Keys(Secret(MASTER)).who(headers(authorization=text), NOW)
    error = refused.value
    assert (error.status, error.code, error.fault) == (401, "invalid_api_key", Fault.CLIENT)
    assert (b"www-authenticate", b"Bearer") in error.headers
    assert text not in error.message or text == "\xff"


def test_every_byte_of_a_key_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashes that differ in one byte, whichever, are of different keys."""
    right = hashlib.sha256(MASTER.encode()).digest()
    near = {
        b"sk-%d" % at: right[:at] + bytes([right[at] ^ 1]) + right[at + 1 :] for at in range(len(right))
    } | {b"sk-short": right[:-1], b"sk-long": right + b"x"}
    monkeypatch.setattr(keys_module, "_digest", {MASTER.encode(): right, **near}.__getitem__)
    keys = Keys(Secret(MASTER))
    assert keys.who(headers(authorization=MASTER), NOW).name == "master"
    for key in near:
        with pytest.raises(GatewayError):
            keys.who(headers(authorization=key.decode()), NOW)


def test_no_wrong_key_is_right_by_chance() -> None:
    """Of so many some share the first byte of their hash with the right one, or the last."""
    right = hashlib.sha256(MASTER.encode()).digest()
    wrong = [f"sk-{number}" for number in range(2000)]
    digests = [hashlib.sha256(key.encode()).digest() for key in wrong]
    assert any(digest[0] == right[0] for digest in digests)
    assert any(digest[-1] == right[-1] for digest in digests)
    keys = Keys(Secret(MASTER))
    for key in wrong:
        with pytest.raises(GatewayError):
            keys.who(headers(authorization=key), NOW)


@pytest.mark.parametrize("get", [headers(), headers(authorization=""), headers(authorization="Bearer ")])
def test_no_key_is_401_and_says_where_to_put_it(get: GetHeader) -> None:
    with pytest.raises(GatewayError, match="Authorization: Bearer YOUR_KEY") as refused:
        Keys(Secret(MASTER)).who(get, NOW)
    assert refused.value.status == 401


def test_the_most_specific_header_decides() -> None:
    keys = Keys(Secret(MASTER))
    assert keys.who(headers(x_litellm_api_key=MASTER, authorization="Bearer sk-other"), NOW).name == "master"
    with pytest.raises(GatewayError):
        keys.who(headers(x_litellm_api_key="sk-other", authorization=f"Bearer {MASTER}"), NOW)


def test_one_header_can_be_named_instead_of_the_usual() -> None:
    keys = Keys(Secret(MASTER), b"x-my-key")
    assert keys.who(headers(x_my_key=f"Bearer {MASTER}"), NOW).name == "master"
    with pytest.raises(GatewayError, match="`x-my-key: Bearer YOUR_KEY`"):
        keys.who(headers(authorization=f"Bearer {MASTER}"), NOW)


@pytest.mark.parametrize("master", [None, Secret("")])
def test_without_a_master_key_everybody_is_let_in(master: Secret | None) -> None:
    keys = Keys(master)
    assert not keys.required
    assert keys.who(headers(), NOW).name == "anonymous"


def test_anonymous_callers_are_told_apart_by_what_they_send() -> None:
    keys = Keys(None)
    one, same, other = (keys.who(headers(authorization=f"Bearer sk-{name}"), NOW) for name in "aab")
    assert one == same
    assert one.id != other.id
    assert "sk-a" not in one.name


def test_a_callers_id_is_the_same_in_every_worker_and_not_the_key() -> None:
    first, second = (Keys(Secret(MASTER)).who(headers(authorization=MASTER), NOW) for _ in range(2))
    assert first == second
    assert MASTER.encode() not in first.id
    assert Keys(Secret(MASTER)).required


def test_only_the_master_keys_holder_is_the_master() -> None:
    keys = Keys(Secret(MASTER))
    assert keys.who(headers(authorization=MASTER), NOW).admin
    assert not Keys(None).who(headers(authorization=MASTER), NOW).admin


def test_where_no_key_is_asked_for_nobody_is_the_master() -> None:
    keys = Keys(None)
    assert not keys.who(headers(authorization=MASTER), NOW).admin
    assert not keys.who(headers(), NOW).admin


def test_what_is_remembered_of_keys_lets_nobody_in() -> None:
    keys, other = Keys(Secret(MASTER)), Keys(Secret("sk-other-master-key"))
    for _ in range(2):
        assert keys.who(headers(authorization=MASTER), NOW).name == "master"
        with pytest.raises(GatewayError):
            other.who(headers(authorization=MASTER), NOW)


def test_strangers_keys_are_not_remembered() -> None:
    keys = Keys(Secret(MASTER))
    for number in range(100):
        with pytest.raises(GatewayError):
            keys.who(headers(authorization=f"sk-{number}"), NOW)
    assert keys._digests == {}
    long = "sk-" + "x" * DIGESTED_BYTES
    keys = Keys(Secret(long))
    assert keys.who(headers(authorization=long), NOW).name == "master"
    assert keys._digests == {}
