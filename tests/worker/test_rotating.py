"""Keys that get new secrets by themselves."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
import trio
import trio.testing

from proxy.access.directory import Directory
from proxy.access.identity import VirtualKey, key_name, token_of
from proxy.access.rotation import MAX_RETIRED, exchanged, is_due, scheduled
from proxy.sinks.events import BudgetEvent, KeyEvent
from proxy.sinks.folder import KeyFolder
from proxy.sinks.sink import Away
from proxy.storage.file import StateFile
from proxy.worker.register import Register
from proxy.worker.rotating import TELL_S, Rotating

NOW = 1_800_000_000.0
DAY_S = 86_400.0
FIRST = "sk-the-first-secret"


def a_key(**fields: object) -> VirtualKey:
    token = token_of(FIRST.encode())
    key = VirtualKey(id=token, token=token, key_name=key_name(FIRST), **fields)  # type: ignore[arg-type]
    return scheduled(key, NOW)


class Hand:
    def __init__(self) -> None:
        self.given: list[KeyEvent] = []
        self.problem: Exception | None = None
        self.hangs = False

    async def tell(self, event: BudgetEvent | KeyEvent) -> None:
        if self.hangs:
            await trio.sleep_forever()
        if self.problem is not None:
            raise self.problem
        assert isinstance(event, KeyEvent)
        self.given.append(event)


class Stage:
    """A worker whose clock is turned by hand."""

    def __init__(self, path: Path) -> None:
        self.now = NOW
        self.state = StateFile(path)
        self.directory = Directory()
        self.register = Register(self.state, self.directory, lambda: self.now)
        self.hand = Hand()
        self.rotating = Rotating(self.register, self.directory, [self.hand], "1d", lambda: self.now)

    async def put(self, key: VirtualKey) -> None:
        await self.register.commit((self.directory.change(key),))

    async def look(self, later_s: float = 0.0) -> None:
        self.now += later_s
        await self.register.refresh()
        await self.rotating.look()

    def accepts(self, secret: str) -> bool:
        return self.directory.find(bytes.fromhex(token_of(secret.encode())), self.now) is not None


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    made = Stage(tmp_path / "sluice.db")
    yield made
    made.state.close()


async def test_it_is_given_a_new_secret_when_it_is_due_and_the_old_one_has_its_grace(stage: Stage) -> None:
    await stage.put(a_key(key_alias="ci", team_id="t", auto_rotate=True, rotation_interval="30d"))
    await stage.look(29 * DAY_S)
    assert stage.hand.given == []
    await stage.look(1 * DAY_S)
    (event,) = stage.hand.given
    assert (event.type, event.key_alias, event.team) == ("key.rotated", "ci", "t")
    assert event.token == token_of(event.secret.encode())
    assert (event.old_until_unix_s, event.next_unix_s) == (stage.now + DAY_S, stage.now + 30 * DAY_S)
    assert stage.accepts(event.secret)
    assert stage.accepts(FIRST)
    await stage.look(DAY_S)
    assert not stage.accepts(FIRST)
    await stage.look(29 * DAY_S)
    assert len(stage.hand.given) == 2
    key = stage.directory.key_named(stage.hand.given[1].secret)
    assert key is not None
    assert (key.rotation_count, key.last_rotation_at) == (2, stage.now)


@pytest.mark.parametrize("how", ["away", "hangs"])
async def test_a_secret_that_could_not_be_handed_over_never_holds(
    stage: Stage, how: str, caplog: pytest.LogCaptureFixture, autojump_clock: trio.testing.MockClock
) -> None:
    await stage.put(a_key(auto_rotate=True, rotation_interval="1d"))
    stage.hand.problem, stage.hand.hangs = Away("connection refused"), how == "hangs"
    with caplog.at_level(logging.WARNING):
        await stage.look(DAY_S)
        await stage.look()
    assert len(caplog.records) == 1, "said once"
    key = stage.directory.key_named(FIRST)
    assert key is not None
    assert key.rotation_count == 0
    stage.hand.problem, stage.hand.hangs = None, False
    await stage.look(TELL_S)
    assert stage.accepts(stage.hand.given[0].secret)
    assert FIRST not in caplog.text
    assert stage.hand.given[0].secret not in caplog.text


async def test_who_changes_it_meanwhile_wins(stage: Stage) -> None:
    await stage.put(a_key(auto_rotate=True, rotation_interval="1d"))

    async def tell(event: BudgetEvent | KeyEvent) -> None:
        assert isinstance(event, KeyEvent)
        stage.hand.given.append(event)
        if len(stage.hand.given) == 1:
            stored = stage.directory.stored("key", token_of(FIRST.encode()))
            assert isinstance(stored, VirtualKey)
            await stage.put(msgspec.structs.replace(stored, blocked=True))

    stage.hand.tell = tell  # type: ignore[method-assign]
    await stage.look(DAY_S)
    assert not stage.accepts(stage.hand.given[0].secret)
    await stage.look()
    assert len(stage.hand.given) == 1, "who is let in no more needs none"


def test_who_is_due() -> None:
    due = a_key(auto_rotate=True, rotation_interval="1h")
    assert not is_due(due, NOW + 3599)
    assert is_due(due, NOW + 3600)
    assert not is_due(a_key(rotation_interval="1h"), NOW + 9999)
    assert not is_due(a_key(auto_rotate=True, rotation_interval="1h", expires=NOW + 1), NOW + 9999)
    assert not is_due(a_key(auto_rotate=True, rotation_interval="1h", blocked=True), NOW + 9999)


def test_secrets_in_their_grace_are_few() -> None:
    key = a_key()
    for number in range(20):
        key = exchanged(key, f"sk-secret-number-{number}", NOW, NOW + 60)
    assert len(key.retired) == MAX_RETIRED
    assert exchanged(key, "sk-the-last-secret", NOW + 61, None).retired == ()


async def test_a_folder_has_each_keys_present_secret(tmp_path: Path) -> None:
    folder = KeyFolder(tmp_path / "keys")
    for alias, name in (
        ("ci", "ci"),
        ("../../etc/passwd", "id-of-it"),
        (".hidden", "id-of-it"),
        (None, "id-of-it"),
    ):
        for secret in ("sk-one", "sk-two"):
            await folder.tell(
                KeyEvent(
                    type="key.rotated", at_unix_s=NOW, key="id-of-it", token="t", key_alias=alias, key_name="sk-...",
                    user=None, team=None, secret=secret, old_until_unix_s=NOW, next_unix_s=None,
                )
            )  # fmt: skip
        written = tmp_path / "keys" / name
        assert written.read_text() == "sk-two\n"
        assert written.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in (tmp_path / "keys").iterdir()) == ["ci", "id-of-it"]
    (tmp_path / "file").write_text("")
    with pytest.raises(Away):
        await KeyFolder(tmp_path / "file").tell(
            KeyEvent(
                type="key.rotated", at_unix_s=NOW, key="k", token="t", key_alias=None, key_name="sk-...",
                user=None, team=None, secret="sk-one", old_until_unix_s=NOW, next_unix_s=None,
            )
        )  # fmt: skip


def test_an_event_shows_no_secret() -> None:
    event = KeyEvent(
        type="key.rotated", at_unix_s=NOW, key="k", token="t", key_alias=None, key_name="sk-...abcd",
        user=None, team=None, secret="sk-one-that-is-secret", old_until_unix_s=NOW, next_unix_s=None,
    )  # fmt: skip
    assert "secret" not in repr(event)
