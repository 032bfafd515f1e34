"""Several workers over one state file, several owners who make things and list them: nobody sees another's object, and
everybody sees all of its own once it is written, whichever worker is asked."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio

from proxy.errors import GatewayError
from proxy.gateway.reading.whose import Whose
from proxy.gateway.telling import listing
from proxy.providers.lists import ListPage, page_in, page_of
from proxy.routing.affinity import MemoryStore
from proxy.storage.file import StateFile
from proxy.storage.objects import StoredObjects
from proxy.wire.parking import Parking
from proxy.wire.reactor import Reactor

OWNERS = (b"one", b"two", b"three")
WORKERS = 3
PAGE = 3
MOST_PAGES = 50


class Head:
    status = 200
    content_encoding = b""


class FakeAnswer:
    """An upstream's page, as far as it is looked at."""

    head = Head()

    def __init__(self, text: bytes) -> None:
        self._text = text

    async def read_all(self, _limit: int, tap: Any) -> bytes:
        tap.feed(self._text)
        return self._text

    def close(self) -> None: ...


class World:
    def __init__(self, path: Path, seed: int) -> None:
        self.chance = random.Random(seed)
        self.files = [StateFile(path) for _ in range(WORKERS)]
        self.workers = [StoredObjects(file) for file in self.files]
        self.made: list[tuple[str, bytes]] = []
        """All there are at the upstream, the newest first."""
        self.wrong: list[str] = []

    def make(self, owner: bytes | None = None) -> None:
        """None: by somebody who does not come by this gateway."""
        name = f"file-{len(self.made):020}"
        self.made.insert(0, (name, owner or b""))
        if owner is not None:
            self.chance.choice(self.workers).put(name, "project", owner)

    def page(self, after: str | None, size: int = PAGE) -> bytes:
        names = [name for name, _ in self.made]
        start = 0 if after is None else names.index(after) + 1
        data = [{"id": name} for name in names[start : start + size]]
        return json.dumps(
            {
                "object": "list",
                "data": data,
                "first_id": None,
                "last_id": None,
                "has_more": start + size < len(names),
            }
        ).encode()

    async def written(self) -> None:
        """On a machine under load that takes its time."""
        while any(worker._fresh for worker in self.workers):  # noqa: ASYNC110 - nobody tells of it
            await trio.sleep(0.002)

    async def look(self, owner: bytes) -> None:
        """All of its pages, by any worker each, as an SDK asks for them."""
        seen: list[str] = []
        after: str | None = None
        while True:
            page = await self.one_page(owner, after)
            seen += [item.id for item in page.items]
            if not page.has_more or not page.items:
                break
            after = page.items[-1].id
        owed = [name for name, whose in self.made if whose == owner]
        if set(seen) - set(owed):
            self.wrong.append(f"{owner!r} sees what is not its own")
        elif seen != owed:
            self.wrong.append(f"{owner!r} sees {len(seen)} of its {len(owed)}")

    async def one_page(self, owner: bytes, after: str | None) -> ListPage:
        worker = self.chance.choice(self.workers)
        own = partial(Whose(worker, worker).own, owner, parking=Parking(Reactor()))

        async def following(name: str) -> Any:
            return FakeAnswer(self.page(name, 5))

        first = page_in(self.page(after))
        assert first is not None
        items, has_more = await listing._filled(first, b"", own, following, MOST_PAGES)
        told = page_in(page_of(first, items, has_more=has_more))
        assert told is not None
        return told


async def play(world: World) -> None:
    async with trio.open_nursery() as nursery:
        for worker in world.workers:
            nursery.start_soon(worker.run)
        for _ in range(20):
            for _ in range(world.chance.randint(0, 4)):
                world.make(world.chance.choice((*OWNERS, OWNERS[0], None)))
            await world.written()
            await world.look(world.chance.choice(OWNERS))
        nursery.cancel_scope.cancel()


async def played(path: Path, seed: int) -> list[str]:
    world = World(path, seed)
    try:
        await play(world)
    finally:
        for file in world.files:
            file.close()
    return world.wrong


@pytest.mark.parametrize("seed", range(3))
async def test_nobody_sees_anothers_and_everybody_all_of_its_own(tmp_path: Path, seed: int) -> None:
    assert await played(tmp_path / "sluice.db", seed) == []


async def _everything(
    _self: Whose, _owner: bytes, names: list[str], _parking: object = None, **_: object
) -> Any:
    return frozenset(names)


async def _what_this_worker_knows(self: Whose, owner: bytes, names: list[str], parking: object) -> Any:
    return frozenset(name for name in names if self._store.owner(name) == owner)


async def _one_page_only(page: ListPage, following: object) -> ListPage:
    return ListPage((), False, {})


@pytest.mark.parametrize(
    ("what", "name", "instead"),
    [
        (Whose, "own", _everything),
        (Whose, "own", _what_this_worker_knows),
        (listing, "_after", _one_page_only),
    ],
)
async def test_it_would_be_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: Any, name: str, instead: Callable[..., Any]
) -> None:
    """Each part of it taken away is seen within three seeds."""
    monkeypatch.setattr(what, name, instead)
    assert any([await played(tmp_path / f"{seed}.db", seed) for seed in range(3)])


@pytest.fixture
def pages() -> Callable[..., Any]:
    async def filled(count: int, most_pages: int) -> Any:
        """Of so many objects that are all others'."""
        names = [f"file-{number:020}" for number in range(count)]

        def page(start: int) -> bytes:
            data = [{"id": name} for name in names[start : start + 10]]
            return json.dumps({"data": data, "has_more": start + 10 < count}).encode()

        asked: list[str] = []

        async def following(name: str) -> Any:
            asked.append(name)
            return FakeAnswer(page(names.index(name) + 1))

        first = page_in(page(0))
        assert first is not None
        own = partial(Whose(MemoryStore(9), None).own, b"me", parking=Parking(Reactor()))
        try:
            return await listing._filled(first, b"", own, following, most_pages), len(asked)
        except GatewayError as refused:
            return refused.code, len(asked)

    return filled


async def test_an_upstream_is_asked_for_so_many_pages_and_no_more(pages: Callable[..., Any]) -> None:
    assert await pages(30, 3) == (([], False), 2)
    assert await pages(31, 3) == ("list_of_everybody", 2)
