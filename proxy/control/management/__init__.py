"""Keys, teams, users, customers, budgets and tags, by LiteLLM's endpoints: one table of them, and the pages it makes.

An operation plans what is to be written; if somebody else was faster it is planned anew on what is there then.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, tzinfo

import msgspec

from proxy.access.directory import AliasTaken, Stale
from proxy.control.management import keys, members, others, teams, users
from proxy.control.management.asking import Asker, Given, Outcome, Registry, Spending, wrong
from proxy.control.management.examples import EXAMPLES, QUERIES
from proxy.control.management.showing import Shower, with_spending
from proxy.control.query import fields_of, rest_of
from proxy.errors import UNREADABLE, Fault, GatewayError
from proxy.types import Page, PageRequest, Reply

__all__ = [
    "EMPTY",
    "OPERATIONS",
    "REGENERATE",
    "Office",
    "Operation",
    "Plan",
    "Registry",
    "Spending",
    "management_pages",
]

Plan = Callable[[Asker, Given, Shower], Outcome]
TRIES = 8
"""When others change the same at once."""
GET, POST = "GET", "POST"


class Operation(msgspec.Struct, frozen=True):
    path: str
    plan: Plan
    summary: str
    method: str = POST

    @property
    def example(self) -> Mapping[str, object]:
        """Of what it is told."""
        return EXAMPLES.get(self.path.replace("/end_user/", "/customer/"), {})

    @property
    def query(self) -> Mapping[str, str]:
        return QUERIES.get(self.path, {})


OPERATIONS: tuple[Operation, ...] = (
    Operation("/key/generate", keys.generate, "Make a key; the answer shows it, once"),
    Operation("/key/update", keys.update, "Change a key's models, limits, and the rest"),
    Operation("/key/delete", keys.delete, "End keys"),
    Operation(
        "/key/regenerate", keys.regenerate, "Give a key a new secret; the old one ends, or has a grace"
    ),
    Operation("/key/block", keys.block, "Let a key in no more, until it is unblocked"),
    Operation("/key/unblock", keys.unblock, "Let a key in again"),
    Operation("/key/info", keys.info, "A key, and what it has spent", GET),
    Operation("/key/list", keys.listed, "The keys", GET),
    Operation("/key/health", keys.health, "Whether the key that asks is let in"),
    Operation("/user/new", users.new, "Make a user, with a first key"),
    Operation("/user/update", users.update, "Change a user"),
    Operation("/user/delete", users.delete, "Delete users and their keys"),
    Operation("/user/info", users.info, "A user, with keys and teams", GET),
    Operation("/user/list", users.listed, "The users", GET),
    Operation("/team/new", teams.new, "Make a team"),
    Operation("/team/update", teams.update, "Change a team"),
    Operation("/team/delete", teams.delete, "Delete teams and their keys"),
    Operation("/team/info", teams.info, "A team, with its keys", GET),
    Operation("/team/list", teams.listed, "The teams", GET),
    Operation("/team/member_add", members.add, "Add members to a team"),
    Operation(
        "/team/member_update",
        members.update,
        "Change a member's role, and how much of the team's it may have",
    ),
    Operation("/team/member_delete", members.delete, "Take a member out of a team, and end its keys there"),
    Operation("/team/block", teams.block, "Let a team's keys in no more"),
    Operation("/team/unblock", teams.unblock, "Let a team's keys in again"),
    *(
        Operation(f"/{name}/{word}", plan, summary, method)
        for name in ("customer", "end_user")
        for word, plan, summary, method in (
            ("new", others.customer_new, "Make a customer", POST),
            ("update", others.customer_update, "Change a customer", POST),
            ("delete", others.customer_delete, "Delete customers", POST),
            ("info", others.customer_info, "A customer", GET),
            ("list", others.customer_list, "The customers", GET),
            ("block", others.customer_block, "Refuse what is asked on a customer's behalf", POST),
            ("unblock", others.customer_unblock, "Take it again", POST),
        )
    ),
    Operation("/budget/new", others.budget_new, "Make a budget, for many to have"),
    Operation("/budget/update", others.budget_update, "Change a budget"),
    Operation("/budget/info", others.budget_info, "Budgets by their names"),
    Operation("/budget/list", others.budget_list, "The budgets", GET),
    Operation("/budget/delete", others.budget_delete, "Delete a budget that nobody has"),
    Operation("/tag/new", others.tag_new, "Make a tag with limits of its own"),
    Operation("/tag/update", others.tag_update, "Change a tag"),
    Operation("/tag/info", others.tag_info, "Tags by their names"),
    Operation("/tag/list", others.tag_list, "The tags", GET),
    Operation("/tag/delete", others.tag_delete, "Delete a tag"),
)
REGENERATE = "/key/{key}"
"""LiteLLM's other form: `/key/{key}/regenerate`."""
_REGENERATED = "/regenerate"


class Office:
    """Carries operations out."""

    def __init__(
        self,
        registry: Registry | None,
        spending: Spending | None = None,
        zone: tzinfo = UTC,
        clock: Callable[[], float] = time.time,
        *,
        rotates: bool = True,
        most: int = sys.maxsize,
    ) -> None:
        """`registry` None: nothing is kept here. `spending` None: nobody counts. `rotates`: keys can get new secrets by
        themselves. `most`: keys, teams and all others together."""
        self._rotates = rotates
        self._most = most
        self._registry = registry
        self._spending = spending
        self._zone = zone
        self._clock = clock

    async def carry_out(self, plan: Plan, given: Given, key_id: str | None, *, admin: bool) -> object:
        """The answer. Raises GatewayError."""
        registry = self._registry
        if registry is None:
            raise nothing_kept()
        for _ in range(TRIES):
            await registry.refresh()
            directory, now = registry.directory, self._clock()
            key = None if key_id is None else directory.key(key_id)
            asker = Asker(directory, now, key, admin, self._rotates)
            outcome = plan(asker, given, Shower(directory, self._zone, now))
            if directory.count() >= self._most and any(change.is_new for change in outcome.changes):
                raise too_many(self._most)
            try:
                if outcome.changes:
                    await registry.commit(outcome.changes)
            except Stale:
                continue
            except AliasTaken:
                raise wrong("key_alias", "Another key has this `key_alias`.") from None
            return await with_spending(outcome.answer, self._spending)
        raise too_busy()


EMPTY = Office(None)
"""Of a gateway that keeps nothing."""


def management_pages(office: Office) -> tuple[Page, ...]:
    def page(operation: Operation) -> Page:
        async def answered(request: PageRequest) -> Reply:
            return await _answer(office, operation.plan, given_in(request, operation.method), request)

        methods = ("GET", "HEAD") if operation.method == GET else (POST,)
        return Page(operation.path, answered, public=False, summary=operation.summary, methods=methods)

    async def regenerated(request: PageRequest) -> Reply:
        rest = rest_of(request, "/key/")
        if not rest.endswith(_REGENERATED):
            raise GatewayError(404, f"Invalid URL (POST {request.path[:200]})", code="unknown_url")
        given = {**given_in(request, POST), "key": rest.removesuffix(_REGENERATED)}
        return await _answer(office, keys.regenerate, given, request)

    other = Page(
        REGENERATE,
        regenerated,
        public=False,
        summary="`/key/{key}/regenerate`: as `/key/regenerate`",
        methods=(POST,),
    )
    return (*map(page, OPERATIONS), other)


async def _answer(office: Office, plan: Plan, given: Given, request: PageRequest) -> Reply:
    answer = await office.carry_out(plan, given, request.key, admin=request.admin)
    return Reply(200, msgspec.json.encode(answer))


def given_in(request: PageRequest, method: str) -> Given:
    """Raises GatewayError 400 for what is no JSON object."""
    if method == GET:
        return fields_of(request)
    if not request.body.strip():
        return {}
    try:
        found = msgspec.json.decode(request.body)
    except UNREADABLE:
        found = None
    if not isinstance(found, dict):
        raise GatewayError(400, "The request body is not a JSON object.", code="invalid_json")
    return found


def nothing_kept() -> GatewayError:
    message = (
        "This gateway keeps nothing (`sluice_settings.state: off`), so keys, teams and users can only be written in"
        " its configuration: sluice_settings.keys."
    )
    return GatewayError(501, message, kind="no_db_connection", code="nothing_kept", fault=Fault.CLIENT)


def too_many(most: int) -> GatewayError:
    message = (
        f"There are {most} keys, teams, users, customers, tags and budgets, which is as many as this gateway keeps"
        " (sluice_settings.most_identities). Delete some first."
    )
    return GatewayError(403, message, code="too_many_identities")


def too_busy() -> GatewayError:
    message = "Others change the same at once. Ask again."
    headers = ((b"retry-after", b"1"),)
    return GatewayError(
        503, message, kind="server_error", code="state_unusable", fault=Fault.GATEWAY, headers=headers
    )
