"""What a key, its team and its user come to: made once, and again when anything about them changed."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator

from proxy.access.identity import Caller, Team, User, VirtualKey
from proxy.access.patterns import TEAMS_MODELS, ModelGate, model_gate, route_gate
from proxy.errors import GatewayError, unauthorized

ADMIN = "proxy_admin"


def caller_of(key: VirtualKey, team: Team | None, user: User | None, grace: float = math.inf) -> Caller:
    """`grace`: when the secret that was sent is accepted no longer, Unix seconds."""
    expires = math.inf if key.expires is None else key.expires
    return Caller(
        name=key.key_alias or key.key_name,
        id=bytes.fromhex(key.id),
        key=key,
        team=team,
        user=user,
        owner=owner_of(key),
        admin=user is not None and user.user_role == ADMIN,
        until=min(grace, expires),
        barred=key.blocked or (team is not None and team.blocked) or (user is not None and user.blocked),
        gates=tuple(_gates(key, team, user)),
        routes=route_gate(key.allowed_routes),
        aliases={**(team.aliases if team else {}), **key.aliases},
        queued_as=b"" if team is None or team.queue_weight is None else _owner("team", team.team_id),
        weight=(None if team is None else team.queue_weight) or key.queue_weight or 1.0,
        tags=tuple(dict.fromkeys((*key.tags, *(team.tags if team else ()), *(user.tags if user else ())))),
    )


def owner_of(key: VirtualKey) -> bytes:
    """Whose the objects are that it makes."""
    if key.team_id is not None:
        return _owner("team", key.team_id)
    return _owner("user", key.user_id) if key.user_id is not None else _owner("key", key.id)


def _owner(kind: str, id_: str) -> bytes:
    return hashlib.blake2b(f"{kind}\0{id_}".encode(), digest_size=16).digest()


def _gates(key: VirtualKey, team: Team | None, user: User | None) -> Iterator[ModelGate]:
    of_team = [] if team is None else [model_gate("team", team.models, team.aliases)]
    of_user = [] if user is None or team is not None else [model_gate("user", user.models, {})]
    models = () if TEAMS_MODELS in key.models else key.models
    for gate in (model_gate("key", models, key.aliases), *of_team, *of_user):
        if gate is not None:
            yield gate


def barred(caller: Caller, now: float) -> GatewayError:
    """Why it may nothing at all."""
    if caller.until <= now:
        return _expired()
    if caller.team is not None and caller.team.blocked:
        return _blocked("key's team", "/team/unblock")
    if caller.user is not None and caller.user.blocked:
        return _blocked("key's user", "/user/update")
    return _blocked("key", "/key/unblock")


def _expired() -> GatewayError:
    message = "This key has expired. Ask for a new one, or have it regenerated with a new `duration`."
    return unauthorized(message, code="key_expired", kind="expired_key")


def _blocked(what: str, path: str) -> GatewayError:
    message = f"This {what} is blocked. Who has the master key can undo that by {path}."
    return unauthorized(message, code="key_blocked", kind="auth_error")
