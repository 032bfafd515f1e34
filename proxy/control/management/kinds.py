"""Teams, users, customers, tags and budgets alike: found, made, changed and listed by their ids. What each has besides
is its own file's; keys are named by their secrets and made otherwise."""

from __future__ import annotations

import uuid
from typing import TypeVar

import msgspec

from proxy.access.directory import IDS, KINDS
from proxy.access.identity import Budget, Customer, Entity, Tag, Team, User
from proxy.control.management.asking import Asker, Given, not_found, taken, text_of
from proxy.control.management.fields import changes_of
from proxy.control.management.making import check_holders

E = TypeVar("E", Team, User, Customer, Tag, Budget)
_KINDS: dict[type[Entity], str] = {struct: kind for kind, struct in KINDS.items()}


def find(asker: Asker, struct: type[E], id_: str, param: str | None = None) -> E:
    """As it was written. Raises GatewayError 404."""
    kind = _KINDS[struct]
    found = asker.directory.stored(kind, id_)
    if not isinstance(found, struct):
        raise not_found(kind, id_, param or IDS[kind])
    return found


def all_of(asker: Asker, struct: type[E]) -> list[E]:
    return [each for each in asker.directory.all_of(_KINDS[struct]) if isinstance(each, struct)]


def id_of(struct: type[E], given: Given) -> str:
    """The one that is asked for, else a new one. Raises GatewayError 400."""
    name = IDS[_KINDS[struct]]
    return text_of(given, name) if given.get(name) else str(uuid.uuid4())


def new(asker: Asker, struct: type[E], given: Given, id_: str, **more: object) -> E:
    """For an administrator. `more`: what is not given by its name. Raises GatewayError 400, 403, 404."""
    asker.must_be_admin()
    kind = _KINDS[struct]
    if asker.directory.stored(kind, id_) is not None:
        raise taken(kind, id_, IDS[kind])
    fields = _fields(asker, struct, given)
    stamps = {"created_at": asker.now, "updated_at": asker.now}
    return struct(**{**fields, **more, IDS[kind]: id_, **stamps})  # type: ignore[arg-type]


def changed(asker: Asker, struct: type[E], given: Given, id_: str) -> E:
    """For an administrator. Raises GatewayError 400, 403, 404."""
    asker.must_be_admin()
    before = find(asker, struct, id_)
    fields = _fields(asker, struct, given)
    return msgspec.structs.replace(before, **{**fields, IDS[_KINDS[struct]]: id_, "updated_at": asker.now})


def _fields(asker: Asker, struct: type[E], given: Given) -> dict[str, object]:
    fields = changes_of(struct, given, asker.now)
    if struct is not Budget:  # its id is its own
        check_holders(asker, {"budget_id": fields.get("budget_id")})
    return fields
