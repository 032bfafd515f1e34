"""What is asked is kept only where it is wanted, cut, without secrets, and no longer than its record."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest

from proxy.config.errors import ConfigError
from proxy.storage.file import StateFile
from proxy.storage.prompts import MOST_WAITING, Prompts, redactions, tidy
from proxy.storage.records import RecordRows
from proxy.storage.retention import Retention, RetentionLimits
from proxy.storage.rows import Wanted, found
from tests.storage.making import DAY_S, NOON, record


def prompts(state: StateFile, chars: int = 1_000, secrets: Sequence[re.Pattern[str]] = ()) -> Prompts:
    made = Prompts(state)
    made.configure(chars, secrets)
    return made


async def test_it_stands_beside_its_record(state: StateFile) -> None:
    one, other = record(), record()
    prompts(state).keep(one.call_id, b'{"messages": ["hi"]}')
    state.flush()
    RecordRows(state).finish([one, other], 0)
    rows = await state.read(partial(found, wanted=Wanted()))
    assert {row.call_id: row.request for row in rows} == {
        one.call_id: '{"messages": ["hi"]}',
        other.call_id: None,
    }


@pytest.mark.parametrize(
    "secret",
    [
        "sk-proj-abcdefghijklmnopqrstuvwx",
        "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
        "AKIAIOSFODNN7EXAMPLE",
        "Bearer abcdef.ghijkl-mnopqr",
        "someone.else+tag@mail.example.org",
        "4111 1111 1111 1111",
        "4111-1111-1111-1111",
        "-----BEGIN RSA PRIVATE KEY-----",
        "PROJECT-1234",
    ],
)
def test_what_looks_like_a_secret_is_not_kept(state: StateFile, secret: str) -> None:
    shown = prompts(state, secrets=redactions([r"PROJECT-\d+"])).shown(
        f'{{"text": "before {secret} after"}}'.encode()
    )
    assert shown == '{"text": "before [redacted] after"}'


def test_a_secret_at_the_cut_is_not_kept_by_half(state: StateFile) -> None:
    text = b"x" * 95 + b" sk-abcdefghijklmnopqrstuvwxyz"
    assert prompts(state, 110, redactions(())).shown(text) == "x" * 95 + " [redacted]"


def test_it_is_cut(state: StateFile) -> None:
    assert prompts(state, 100).shown("ä".encode() * 5_000) == "ä" * 100


def test_a_body_that_is_cut_within_a_letter(state: StateFile) -> None:
    assert prompts(state, 10).shown("ää".encode()[:3]) == "ä\N{REPLACEMENT CHARACTER}"


async def test_what_waits_is_bounded(path: Path) -> None:
    state = StateFile(path)
    store = prompts(state)
    for number in range(MOST_WAITING + 5):
        store.keep(f"{number:032x}", b"{}")
    assert store.dropped == 5
    state.flush()
    store.keep("f" * 32, b"{}")
    assert store.dropped == 5
    state.close()


async def test_it_goes_with_its_record(state: StateFile) -> None:
    def stamped(started_unix_s: float, number: int) -> str:
        stamp = int(started_unix_s * 1000)
        return f"{stamp >> 16:08x}-{stamp & 0xFFFF:04x}-7000-a000-{number:012x}"

    store, rows = prompts(state), RecordRows(state)
    for number, day in enumerate((0, 0, 10, 10)):
        started = NOON + day * DAY_S
        one = record(call_id=stamped(started, number), started_unix_s=started)
        store.keep(one.call_id, b"{}")
        rows.finish([one], 0)
    state.flush()
    retention = Retention(RetentionLimits(records_s=5 * DAY_S), state, others=[tidy])
    now = NOON + 12 * DAY_S
    for _ in range(3):
        await state.write(partial(retention.step, now))
        now += 60
    left = await state.read(lambda connection: connection.execute("SELECT count(*) FROM prompts").fetchone())
    assert left == (2,)


def test_a_pattern_that_is_none_is_an_error_of_the_configuration() -> None:
    with pytest.raises(ConfigError, match=r"prompt_redactions: '\[' is no regular expression"):
        redactions(["["])
