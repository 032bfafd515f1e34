"""What a caller may ask for: routes and models. Only those whose key says so are asked."""

from __future__ import annotations

import msgspec

from proxy.access.identity import Caller, Customer
from proxy.errors import GatewayError
from proxy.gateway.reading.call import Call
from proxy.gateway.reading.elsewhere import makes_an_answer, models_in_path
from proxy.gateway.reading.intake import header_targets
from proxy.gateway.reading.routes import Kind, Route

TARGET = b"x-litellm-target-model"
MAX_SHOWN = 20
"""Models named in a refusal."""


def check_route(caller: Caller, route: Route, path: bytes) -> None:
    """Raises GatewayError 403."""
    gate = caller.routes
    if gate is None:
        return
    upstream = route.kind is not Kind.PAGE
    asked = (route.path or path) if upstream else path
    if not gate.allows(asked.decode("latin-1"), upstream=upstream):
        message = "This key may not use this route: its `allowed_routes` name others."
        raise GatewayError(403, message, kind="auth_error", param="route", code="route_not_allowed")


def check_customer(customer: Customer | None) -> None:
    """Raises GatewayError 403."""
    if customer is not None and customer.blocked:
        message = "The customer on whose behalf this is asked is blocked: /customer/unblock undoes that."
        raise GatewayError(403, message, kind="auth_error", param="user", code="customer_blocked")


def permitted(call: Call) -> Call:
    """HOT. The call, by the model that its caller means. Raises GatewayError 403."""
    caller = call.caller
    if not caller.gates and not caller.aliases:
        return call
    if call.model is not None:
        check_model(caller, call.model)
    if call.route.provider is not None:
        _check_there(call, call.route.provider)
    if call.targets or TARGET in call.head.form.first:
        for model in (*call.targets, *header_targets(call)):
            check_model(caller, model)
    meant = caller.aliases.get(call.model or "")
    return call if meant is None else msgspec.structs.replace(call, model=meant)


def _check_there(call: Call, provider: str) -> None:
    """On a provider's own API paths name models too. Raises GatewayError 403, also where nothing does."""
    models = models_in_path(call.route.path)
    for model in models:
        check_model(call.caller, model, provider)
    if not models and call.model is None and makes_an_answer(call):
        check_model(call.caller, "")


def may_use(caller: Caller, model: str) -> bool:
    meant = caller.aliases.get(model, model)
    return all(gate.allows(model, meant) for gate in caller.gates)


def check_model(caller: Caller, model: str, provider: str | None = None) -> None:
    """HOT. Raises GatewayError 403. `provider`: whose own API it is named to; lists may have it as `gemini/...` too."""
    meant = caller.aliases.get(model, model)
    for gate in caller.gates:
        if not gate.allows(model, meant):
            if provider is not None and gate.allows(f"{provider}/{model}", f"{provider}/{model}"):
                continue
            raise _model_not_allowed(gate.holder, model, sorted(gate.names.exact) + list(gate.names.patterns))


def _model_not_allowed(holder: str, model: str, allowed: list[str]) -> GatewayError:
    """LiteLLM's types: `key_model_access_denied`, `team_model_access_denied` ..."""
    shown = ", ".join(f"`{name}`" for name in allowed[:MAX_SHOWN]) or "none"
    more = f" and {len(allowed) - MAX_SHOWN} more" if len(allowed) > MAX_SHOWN else ""
    message = f"This {holder} may not use the model `{model}`. It may use {shown}{more}."
    kind = f"{holder}_model_access_denied"
    return GatewayError(403, message, kind=kind, param="model", code="model_not_allowed")
