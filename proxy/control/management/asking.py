"""Who asks for a change of keys, teams and users, and whose they may change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, TypeVar

import msgspec

from proxy.access.directory import Change, Directory
from proxy.access.identity import Team, User, VirtualKey
from proxy.errors import GatewayError

Given = Mapping[str, object]
"""What was asked: a JSON object's fields, or a query's."""
SELF_SERVED_ROLES = frozenset({"internal_user", "proxy_admin"})
"""Of users who may make keys for themselves."""


class Registry(Protocol):
    """Where all of them are."""

    directory: Directory

    async def refresh(self) -> None:
        """What anybody wrote before is known in the directory. Raises GatewayError 503."""

    async def commit(self, changes: Sequence[Change]) -> None:
        """All of it, or nothing. Raises Stale, AliasTaken, GatewayError 503."""


class Spending(Protocol):
    """What has been spent."""

    async def dollars(self, kind: str, id_: str, since_unix_s: float) -> float:
        """US dollars since then. Raises GatewayError 503."""


class Outcome(msgspec.Struct, frozen=True):
    """What an operation comes to: what is to be written, and what is answered once it is."""

    answer: object
    changes: tuple[Change, ...] = ()


class Asker(msgspec.Struct, frozen=True):
    """One request's, as the directory knows its sender now."""

    directory: Directory
    now: float
    """Unix seconds."""
    key: VirtualKey | None
    """None: the master key's holder, or the command on this machine."""
    admin: bool
    rotates: bool = True
    """Keys can get new secrets by themselves here."""

    @property
    def user(self) -> User | None:
        user_id = None if self.key is None else self.key.user_id
        return None if user_id is None else self.directory.user(user_id)

    @property
    def name(self) -> str | None:
        """For `created_by`."""
        return None if self.key is None else (self.key.user_id or self.key.key_alias or self.key.id)

    def must_be_admin(self) -> None:
        """Raises GatewayError 403."""
        if not self.admin:
            raise forbidden("Only the holder of the master key, or a `proxy_admin`'s, may do this.")

    def runs(self, team_id: str | None) -> bool:
        """It is an administrator of this team."""
        user_id = None if self.key is None else self.key.user_id
        team = None if team_id is None else self.directory.team(team_id)
        return team is not None and user_id is not None and team.members.get(user_id) == "admin"

    def belongs_to(self, team: Team) -> bool:
        key = self.key
        return key is not None and (key.team_id == team.team_id or key.user_id in team.members)

    def owns(self, key: VirtualKey) -> bool:
        mine = self.key
        return mine is not None and (
            key.id == mine.id or (key.user_id is not None and key.user_id == mine.user_id)
        )

    def may_see(self, key: VirtualKey) -> bool:
        team = None if key.team_id is None else self.directory.team(key.team_id)
        return self.admin or self.owns(key) or (team is not None and self.belongs_to(team))

    def must_run_key(self, key: VirtualKey) -> None:
        """Raises GatewayError 403 for whom it is neither all's administrator nor that of the key's team."""
        if not (self.admin or self.runs(key.team_id)):
            raise forbidden(
                "Only the holder of the master key, or an administrator of the key's team, may do this."
            )


def forbidden(message: str) -> GatewayError:
    return GatewayError(403, message, kind="auth_error", code="not_allowed")


def not_found(what: str, name: object, param: str) -> GatewayError:
    message = f"There is no {what} `{str(name)[:128]}`."
    return GatewayError(404, message, kind="not_found_error", param=param, code="not_found")


def taken(what: str, name: object, param: str) -> GatewayError:
    message = f"There is a {what} `{str(name)[:128]}` already."
    return GatewayError(400, message, kind="bad_request_error", param=param, code="already_exists")


def wrong(param: str, message: str) -> GatewayError:
    return GatewayError(400, message, kind="bad_request_error", param=param, code="invalid_value")


def text_of(given: Given, *names: str) -> str:
    """The first that is there. Raises GatewayError 400 when none is, or it is no text."""
    for name in names:
        value = given.get(name)
        if value is not None:
            return usable_id(value, name)
    raise wrong(names[0], f"`{names[0]}` is needed: a text.")


def texts_of(given: Given, name: str) -> list[str]:
    """A list, or one for a list of one. Raises GatewayError 400."""
    value = given.get(name)
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list) or not listed or len(listed) > MAX_NAMED:
        raise wrong(name, f"`{name}` is needed: a list of 1 to {MAX_NAMED} texts.")
    return [usable_id(each, name) for each in listed]


MAX_NAMED = 1_000
"""In one request."""
MAX_ID_CHARS = 256


def usable_id(value: object, name: str) -> str:
    """Raises GatewayError 400."""
    if not isinstance(value, str) or not 0 < len(value) <= MAX_ID_CHARS or not value.isprintable():
        raise wrong(name, f"`{name}` must be a text of 1 to {MAX_ID_CHARS} characters that can be printed.")
    return value


def page_of(given: Given, size_name: str, size: int) -> tuple[int, int]:
    """Number and size of a list's page. Raises GatewayError 400."""
    return _number(given, "page", 1, 1_000_000), _number(given, size_name, size, 1_000)


def _number(given: Given, name: str, default: int, most: int) -> int:
    text = str(given.get(name, default))
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= most):
        raise wrong(name, f"`{name}` must be a number of 1 to {most}.")
    return int(text)


_T = TypeVar("_T")


def one_page(items: Iterable[_T], number: int, size: int) -> list[_T]:
    listed = list(items)
    return listed[(number - 1) * size : number * size]
