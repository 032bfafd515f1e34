"""Several processes' directories over one state file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from proxy.access.directory import AliasTaken, Directory, Stale
from proxy.access.identity import Team, VirtualKey, key_name, token_of
from proxy.storage.file import StateFile
from proxy.worker import register as register_module
from proxy.worker.register import TRUSTED_S, Register

SECRET = "sk-some-secret"
DIGEST = hashlib.sha256(SECRET.encode()).digest()


def a_key(secret: str = SECRET, alias: str | None = None, *, blocked: bool = False) -> VirtualKey:
    token = token_of(secret.encode())
    return VirtualKey(id=token, token=token, key_name=key_name(secret), key_alias=alias, blocked=blocked)


class Worker:
    def __init__(self, path: Path) -> None:
        self.state = StateFile(path)
        self.directory = Directory()
        self.now = 1_800_000_000.0
        self.register = Register(self.state, self.directory, lambda: self.now)

    async def put(self, *entities: VirtualKey | Team) -> None:
        await self.register.refresh()
        await self.register.commit([self.directory.change(entity) for entity in entities])

    def knows(self) -> bool:
        return self.directory.find(DIGEST, self.now) is not None


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[tuple[Worker, Worker]]:
    pair = Worker(tmp_path / "sluice.db"), Worker(tmp_path / "sluice.db")
    yield pair
    for worker in pair:
        worker.state.close()


async def test_what_one_writes_the_other_learns(workers: tuple[Worker, Worker]) -> None:
    one, other = workers
    await one.put(a_key(), Team(team_id="t"))
    assert one.knows()
    assert not other.knows()
    await other.register.refresh()
    assert other.knows()
    assert other.directory.team("t") is not None
    await other.register.commit([other.directory.deletion("key", DIGEST.hex())])
    await one.register.refresh()
    assert not one.knows()


async def test_all_hold_what_changed_within_a_second(workers: tuple[Worker, Worker]) -> None:
    one, other = workers
    await one.put(a_key())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(other.register.run)
        await one.put(a_key(blocked=True))
        with trio.fail_after(20):
            while (caller := other.directory.find(DIGEST, other.now)) is None or not caller.barred:  # noqa: ASYNC110
                await trio.sleep(0.01)
        nursery.cancel_scope.cancel()


async def test_a_key_that_was_just_made_elsewhere_is_found_when_it_is_asked_for(
    workers: tuple[Worker, Worker],
) -> None:
    one, other = workers
    assert not await other.register.seek(DIGEST)
    await one.put(a_key())
    assert not await other.register.seek(DIGEST), "a stranger until the next look"
    await other.register.refresh()
    assert await other.register.seek(DIGEST)


async def test_many_that_look_at_once_are_two_looks(
    workers: tuple[Worker, Worker], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, _ = workers
    await one.register.refresh()
    looks = 0
    look = one.register._look

    async def counted() -> None:
        nonlocal looks
        looks += 1
        await look()

    monkeypatch.setattr(one.register, "_look", counted)
    async with trio.open_nursery() as nursery:
        for _ in range(100):
            nursery.start_soon(one.register.refresh)
    assert looks <= 2


async def test_of_two_who_change_the_same_one_looks_again(workers: tuple[Worker, Worker]) -> None:
    one, other = workers
    await one.put(a_key())
    await other.register.refresh()
    theirs = other.directory.change(a_key(alias="theirs"))
    await one.put(a_key(alias="mine"))
    with pytest.raises(Stale):
        await other.register.commit([theirs])
    with pytest.raises(Stale):
        await other.register.commit([Directory().change(a_key())])
    await other.register.refresh()
    await other.put(a_key(alias="theirs"))


async def test_all_or_nothing_is_written(workers: tuple[Worker, Worker]) -> None:
    one, _ = workers
    await one.put(a_key(alias="a"))
    changes = [one.directory.change(Team(team_id="t")), one.directory.change(a_key("sk-2", alias="a"))]
    with pytest.raises(AliasTaken):
        await one.register.commit(changes)
    await one.register.refresh()
    assert one.directory.team("t") is None
    await one.register.commit([one.directory.deletion("key", DIGEST.hex())])
    await one.put(a_key("sk-2", alias="a"))


async def test_another_file_in_its_place_begins_anew(workers: tuple[Worker, Worker], tmp_path: Path) -> None:
    one, other = workers
    await one.put(a_key())
    await one.put(a_key(blocked=True))
    other.state.close()
    for name in ("sluice.db", "sluice.db-wal", "sluice.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    await other.put(a_key("sk-else"))
    await trio.to_thread.run_sync(one.state.flush)  # as its task does every second
    await one.register.refresh()
    assert not one.knows()
    assert one.directory.key_named("sk-else") is not None


async def test_who_has_not_looked_for_long_reads_all_anew(workers: tuple[Worker, Worker]) -> None:
    one, other = workers
    await one.put(a_key())
    await other.register.refresh()
    await one.register.commit([one.directory.deletion("key", DIGEST.hex())])
    one.now += register_module.identities.KEPT_S + 1
    await one.put(a_key("sk-2"))
    assert await one.state.read(lambda c: c.execute("SELECT count(*) FROM identities").fetchone()) == (1,)
    other.now += TRUSTED_S + 1
    await other.register.refresh()
    assert not other.knows()
