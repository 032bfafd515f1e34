"""Who there is: keys, users, teams, customers, and what each may use. Names are LiteLLM's.

Source: https://docs.litellm.ai/docs/proxy/virtual_keys
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta

from proxy.access.patterns import ModelGate, RouteGate

Role: TypeAlias = Literal[
    "proxy_admin", "proxy_admin_viewer", "internal_user", "internal_user_viewer", "team", "customer"
]
MemberRole: TypeAlias = Literal["admin", "user"]
Dollars: TypeAlias = Annotated[float, Meta(ge=0, le=1e9)]
Count: TypeAlias = Annotated[int, Meta(ge=0, le=1_000_000_000_000)]

Weight: TypeAlias = Annotated[float, Meta(ge=0.01, le=100)]
KEY_DIGITS = 8
"""Of a key's hash: its name in metrics, where it has no alias."""


class ModelBudget(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Of one model, inside its holder's budget."""

    max_budget: Dollars
    """US dollars."""
    budget_duration: str | None = None
    """How long until it is whole again (`access.periods`); None: never."""


class Allowance(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How much its holder may have. None: as much as it likes."""

    max_budget: Dollars | None = None
    """US dollars."""
    soft_budget: Dollars | None = None
    """US dollars; who spends more is told of, and goes on."""
    budget_duration: str | None = None
    """How long until both are whole again (`access.periods`); None: never."""
    rpm_limit: Count | None = None
    """Requests in any minute."""
    tpm_limit: Count | None = None
    """Tokens in any minute."""
    max_parallel_requests: Count | None = None
    model_max_budget: Mapping[str, ModelBudget] = {}
    """By the model asked for."""
    model_rpm_limit: Mapping[str, Count] = {}
    model_tpm_limit: Mapping[str, Count] = {}


class Identity(Allowance, frozen=True, kw_only=True, omit_defaults=True):
    """What all of them have."""

    budget_id: str | None = None
    """Whose values hold where it has none of its own; filled in by the directory."""
    metadata: Mapping[str, object] = {}
    blocked: bool = False
    created_at: float = 0.0
    """Unix seconds, here and below."""
    updated_at: float = 0.0


class Retired(msgspec.Struct, frozen=True):
    """A key's earlier secret, which is accepted until its grace ends."""

    token: str
    until: float
    """Unix seconds."""


class VirtualKey(Identity, frozen=True, kw_only=True, omit_defaults=True):
    """One key: its secret is known by its hash alone."""

    id: str
    """Its first secret's hash: stays when the secret is exchanged, so that what it spent stays its own."""
    token: str
    """SHA-256 of the secret, in hex."""
    key_name: str
    """For people: `sk-...abcd`."""
    key_alias: str | None = None
    models: tuple[str, ...] = ()
    """Names and patterns (`openai/*`) that it may ask for; empty: all that its team may."""
    aliases: Mapping[str, str] = {}
    """The model asked for -> the model meant."""
    expires: float | None = None
    """Unix seconds; None: never."""
    allowed_routes: tuple[str, ...] = ()
    """Paths, patterns and LiteLLM's names of groups (`llm_api_routes`); empty: all."""
    tags: tuple[str, ...] = ()
    queue_weight: Weight | None = None
    """Where requests wait: its turns to one of another's; None: one."""
    team_id: str | None = None
    user_id: str | None = None
    retired: tuple[Retired, ...] = ()
    rotation_count: int = 0
    auto_rotate: bool = False
    """It gets a new secret by itself, each `rotation_interval` (`access.periods`)."""
    rotation_interval: str | None = None
    last_rotation_at: float | None = None
    key_rotation_at: float | None = None
    """When it is due."""
    created_by: str | None = None


class Team(Identity, frozen=True, kw_only=True, omit_defaults=True):
    team_id: str
    team_alias: str | None = None
    models: tuple[str, ...] = ()
    """As a key's; empty: all."""
    aliases: Mapping[str, str] = {}
    tags: tuple[str, ...] = ()
    queue_weight: Weight | None = None
    """Its keys take turns as one, and so many of them; None: each for itself."""
    members: Mapping[str, MemberRole] = {}
    """By user id."""
    member_limits: Mapping[str, Allowance] = {}
    """By user id: what a member's keys in the team may have of the team's, beside what holds for all of it."""
    each_member: Allowance | None = None
    """What holds where `member_limits` says nothing."""

    def limits_of(self, user_id: str) -> Allowance | None:
        """Within the team. None: none but the team's."""
        own, each = self.member_limits.get(user_id), self.each_member
        if own is None or each is None:
            return own or each
        names = Allowance.__struct_fields__
        given = {name: getattr(each, name) for name in names if getattr(own, name) in (None, {})}
        return msgspec.structs.replace(own, **given)


class User(Identity, frozen=True, kw_only=True, omit_defaults=True):
    user_id: str
    user_email: str | None = None
    user_alias: str | None = None
    user_role: Role = "internal_user"
    """`proxy_admin` may what the master key may; all others are LiteLLM's names for who may not."""
    models: tuple[str, ...] = ()
    """As a key's, for keys without a team; empty: all."""
    tags: tuple[str, ...] = ()


class Customer(Identity, frozen=True, kw_only=True, omit_defaults=True):
    """An end user of those who have a key: whom their requests name."""

    user_id: str
    alias: str | None = None


class Tag(Identity, frozen=True, kw_only=True, omit_defaults=True):
    """A word that requests carry, with a budget of its own."""

    name: str
    description: str | None = None


class Budget(Allowance, frozen=True, kw_only=True, omit_defaults=True):
    """An allowance with a name, for many holders: each has as much of its own."""

    budget_id: str
    created_at: float = 0.0
    updated_at: float = 0.0


Entity: TypeAlias = VirtualKey | Team | User | Customer | Tag | Budget


class Caller(msgspec.Struct, frozen=True):
    """Who sent a request. Made when a key is first used or anything about it changed, and the same until then."""

    name: str
    """For the record: an alias or the beginning of the key's hash, never the key."""
    id: bytes
    """Of the key. Stable over restarts and the same in every worker."""
    key: VirtualKey | None = None
    """None: the master key, or no key was asked for."""
    team: Team | None = None
    user: User | None = None
    owner: bytes = b""
    """Whose the objects are that it makes: its team's, else its user's, else its own. Empty: everybody's."""
    admin: bool = False
    """It holds the master key, or is a `proxy_admin`'s."""
    until: float = float("inf")
    """Unix seconds: then it is looked at anew."""
    barred: bool = False
    """It, its team or its user is blocked."""
    gates: tuple[ModelGate, ...] = ()
    """Each has to let a model through; none: all models."""
    routes: RouteGate | None = None
    """None: all routes."""
    aliases: Mapping[str, str] = {}
    """The model asked for -> the model meant."""
    tags: tuple[str, ...] = ()
    """Of the key, its team and its user."""
    queued_as: bytes = b""
    """Who takes turns where requests wait; empty: it itself."""
    weight: float = 1.0
    """Turns to one of another's."""


def token_of(secret: bytes) -> str:
    """What is kept of a key."""
    return hashlib.sha256(secret).hexdigest()


def key_name(secret: str) -> str:
    """What people tell it by: LiteLLM's form."""
    return f"sk-...{secret[-4:]}"
