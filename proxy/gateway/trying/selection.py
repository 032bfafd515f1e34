"""Where a request goes: what it names decides, and the more particular name wins.

A known object's id, then a model of the router's, then `target_model_names`, then the header, then whatever
serves requests that name nothing.
"""

from __future__ import annotations

from urllib.parse import unquote

from proxy.errors import GatewayError, model_not_found
from proxy.gateway.reading.call import Call
from proxy.gateway.reading.elsewhere import check_owners_there, makes_an_answer, objects_in
from proxy.gateway.reading.ids import Named as NamedObject
from proxy.gateway.reading.intake import header_targets
from proxy.gateway.reading.routes import Custom, Kind
from proxy.gateway.reading.session import Named, nobody
from proxy.gateway.reading.tenancy import APART, Tenancy, check_owners, is_subject
from proxy.gateway.trying.choice import Choice
from proxy.providers.objects import names_in_body, names_in_path, names_in_query, stateful
from proxy.providers.outline import outline
from proxy.routing.affinity import ObjectStore
from proxy.routing.match import Match
from proxy.routing.router import Pool, Router, Wish

OBJECT_SCAN_BYTES = 1024 * 1024
"""Ids stand near the beginning of what is otherwise text."""
NOTHING_NAMED = (
    "This request names no model that this gateway knows, so it cannot tell which key to use. Name one by `model`"
    " or `target_model_names` in the body or by the header X-LiteLLM-Target-Model; or configure a default: set"
    " `use_in_pass_through: true` on a deployment, or OPENAI_API_KEY in the gateway's environment."
)


def choose(call: Call, router: Router, named: Named = nobody, tenancy: Tenancy = APART) -> Choice:
    """`named`: which conversation a call goes on with.

    Raises GatewayError 400 when nothing is named, 404 for a model that nobody serves, what `check_owners` does.
    """
    if call.route.custom is not None:
        return Choice(_target_of(call.route.custom, router), wish=_as_named(call))
    if call.route.provider is not None:
        return _of_provider(call, call.route.provider, router, tenancy)
    keeps_state = stateful(call.head.method, call.route.path, call.store)
    named_here: list[NamedObject] | None = None
    if tenancy.on and is_subject(call):
        named_here = check_owners(call, router.store, keeps_state=keeps_state, lists=tenancy.lists)
    scope = None
    if len(router.store):
        scope = _scope_of(call, router.store, named_here, keeps_state=keeps_state)
    placed_by = _placed_by(call) if keeps_state and scope is None else None
    match = router.match(call.model) if call.model is not None else None
    if match is not None:
        stays = scope is None and placed_by is None and len(match.pool.scopes) > 1
        return Choice(
            match.pool,
            match.wildcard,
            group_named=True,
            scope=scope,
            placed_by=placed_by,
            stateful=keeps_state,
            wish=wish_of(call, match) if scope is None or scope in match.pool.scopes else _as_named(call),
            session=named(call) if stays else None,
        )
    wish = _as_named(call)
    pool = router.scope_pool(scope) if scope is not None else None
    if pool is not None:
        return Choice(pool, scope=scope, stateful=keeps_state, wish=wish)
    if call.route.kind is Kind.NATIVE and call.model is not None and not call.targets:
        raise model_not_found(call.model)
    target = _target(call, router)
    if target is not None:
        return Choice(target.pool, target.wildcard, placed_by=placed_by, stateful=keeps_state, wish=wish)
    pool = router.pass_through_pool()
    if pool is None:
        raise GatewayError(400, NOTHING_NAMED, param="model", code="no_deployment_named")
    return Choice(pool, placed_by=placed_by, stateful=keeps_state, wish=wish)


def _of_provider(call: Call, provider: str, router: Router, tenancy: Tenancy) -> Choice:
    """The keys of the group that the body names, if it is that provider's alone; else all of the provider's, or those
    of an object that the path names. Raises GatewayError 404, what `check_owners_there` does."""
    if tenancy.on and is_subject(call):
        check_owners_there(call, router.store, tenancy.lists)
    match = router.match(call.model) if call.model is not None else None
    keeps = not makes_an_answer(call)
    if match is not None and all(each.provider == provider for each in match.pool.deployments):
        return Choice(match.pool, match.wildcard, group_named=True, stateful=keeps, wish=wish_of(call, match))
    pool = router.provider_pool(provider)
    if pool is None:
        message = f"No entry of this gateway's configuration has the provider `{provider}`."
        raise GatewayError(404, message, code="provider_not_configured")
    scope = _scope_there(call, pool, router.store) if keeps else None
    return Choice(pool, scope=scope, stateful=keeps, wish=_as_named(call))


def _scope_there(call: Call, pool: Pool, store: ObjectStore) -> str | None:
    names = objects_in(unquote(call.route.path.decode("latin-1"))) if len(store) else []
    scopes = (store.get(name) for name in names)
    return next((scope for scope in scopes if scope in pool.scopes), None)


def wish_of(call: Call, match: Match) -> Wish:
    """HOT. Of a request whose model named the group: each deployment has its own name for it."""
    return Wish(call.route.family, None, match.wildcard or call.model or "", call.tokens, call.caller.id)


def _as_named(call: Call) -> Wish:
    """The upstream reads what the client wrote."""
    return Wish(call.route.family, call.model or "", "", call.tokens, call.caller.id)


def _target_of(custom: Custom, router: Router) -> Pool:
    pool = router.scope_pool(custom.scope)
    assert pool is not None, "every pass_through_endpoint is a deployment"
    return pool


def _target(call: Call, router: Router) -> Match | None:
    targets = call.targets or header_targets(call)
    if not targets:
        return None
    match = router.match(targets[0])
    if match is None:
        raise model_not_found(targets[0])
    return match


def _scope_of(
    call: Call, store: ObjectStore, in_body: list[NamedObject] | None, *, keeps_state: bool
) -> str | None:
    """Looked for where ids are: the last one in the path names the object, the body's come after. `in_body`: None
    where that was not searched."""
    names = [*reversed(names_in_path(call.route.path)), *names_in_query(call.head.query or b"")]
    if in_body is not None:
        names += [each.name for each in in_body]
    elif call.json is not None:
        text = outline(call.json).text
        if keeps_state or b'_id"' in text:
            names += names_in_body(text, OBJECT_SCAN_BYTES)
    scopes = (store.get(name) for name in names)
    return next((scope for scope in scopes if scope is not None), None)


def _placed_by(call: Call) -> bytes:
    return call.head.get(b"x-litellm-session-id") or call.caller.owner or call.caller.id
