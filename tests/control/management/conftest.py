"""An office over a directory in memory, asked as the pages are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from proxy.access.directory import AliasTaken, Change, Directory, Row, Stale
from proxy.access.identity import VirtualKey
from proxy.control.management import Office, management_pages
from proxy.errors import GatewayError
from proxy.types import PageRequest

NOW = 1_800_000_000.0


class Memory:
    """Implements control.management.Registry."""

    def __init__(self) -> None:
        self.directory = Directory()
        self.beaten = 0
        """So many commits come too late."""

    async def refresh(self) -> None: ...

    async def commit(self, changes: Sequence[Change]) -> None:
        if self.beaten:
            self.beaten -= 1
            raise Stale
        aliases = {
            key.key_alias: key.id
            for key in self.directory.all_of("key")
            if isinstance(key, VirtualKey) and key.key_alias
        }
        for change in changes:
            now = self.directory.deletion(change.kind, change.id).was
            assert change.was == now
            alias = getattr(change.entity, "key_alias", None)
            if alias is not None and aliases.get(alias, change.id) != change.id:
                raise AliasTaken
        for change in changes:
            body = None if change.entity is None else msgspec.json.encode(change.entity).decode()
            self.directory.learn([Row(self.directory.seq + 1, change.kind, change.id, body)])


class Spent:
    """Implements control.management.Spending."""

    async def dollars(self, kind: str, id_: str, since_unix_s: float) -> float:
        return 1.5 if kind == "key" else since_unix_s


class Counter:
    """The pages, and whoever stands before them."""

    def __init__(self) -> None:
        self.registry = Memory()
        self.now = NOW
        self.office = Office(self.registry, Spent(), clock=lambda: self.now)
        self.pages = {page.path: page for page in management_pages(self.office)}

    async def ask(self, path: str, given: object = None, *, key: str | None = None, query: str = "") -> Any:
        """`key`: the secret of a virtual key; without it the master key. Raises GatewayError."""
        directory = self.registry.directory
        asking = None if key is None else directory.key_named(key)
        caller = None if asking is None else directory.find(bytes.fromhex(asking.token), self.now)
        body = b"" if given is None else msgspec.json.encode(given)
        page = self.pages.get(path) or self.pages["/key/{key}"]
        request = PageRequest(
            page.methods[0],
            path,
            query,
            "",
            body,
            None if asking is None else asking.id,
            admin=key is None or (caller is not None and caller.admin),
        )
        return msgspec.json.decode((await page.answer(request)).body)

    async def refused(self, *arguments: Any, **named: Any) -> GatewayError:
        with pytest.raises(GatewayError) as refused:
            await self.ask(*arguments, **named)
        return refused.value

    async def key(self, **given: object) -> str:
        """A new key's secret."""
        return str((await self.ask("/key/generate", given))["key"])


@pytest.fixture
def counter() -> Counter:
    return Counter()
