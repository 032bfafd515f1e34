"""What a key may ask for."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from proxy.access.callers import caller_of
from proxy.access.identity import Caller, Customer, Team, VirtualKey
from proxy.errors import GatewayError
from proxy.gateway.reading.call import Call
from proxy.gateway.reading.permission import check_customer, check_route, permitted
from proxy.gateway.reading.routes import Kind, Route

MakeCall = Callable[..., Call]


def caller(team: Team | None = None, **fields: object) -> Caller:
    key = VirtualKey(id="00" * 32, token="00" * 32, key_name="sk-...abcd", **fields)  # type: ignore[arg-type]
    return caller_of(key, team, None)


@pytest.mark.parametrize(
    ("who", "fields", "kind"),
    [
        (caller(models=("other",)), {}, "key_model_access_denied"),
        (caller(Team(team_id="t", models=("other",)), models=("m",)), {}, "team_model_access_denied"),
        (caller(Team(team_id="t", models=("other",))), {}, "team_model_access_denied"),
        (caller(models=("m",)), {"model": None, "targets": ("m", "other")}, "key_model_access_denied"),
        (
            caller(models=("m",), aliases={"n": "other"}, team_id="t"),
            {"model": "x"},
            "key_model_access_denied",
        ),
        (
            caller(models=("m",)),
            {"model": None, "headers": ((b"X-LiteLLM-Target-Model", b"other"),)},
            "key_model_access_denied",
        ),
    ],
)
def test_a_model_that_is_not_on_the_list_is_403(
    a_call: MakeCall, who: Caller, fields: dict[str, object], kind: str
) -> None:
    with pytest.raises(GatewayError) as refused:
        permitted(a_call(caller=who, **fields))
    error = refused.value
    assert (error.status, error.kind, error.param, error.code) == (403, kind, "model", "model_not_allowed")


def test_what_is_allowed_is_the_call_itself(a_call: MakeCall) -> None:
    for who in (caller(), caller(models=("m",)), caller(models=("all-team-models",)), caller(models=("m*",))):
        call = a_call(caller=who)
        assert permitted(call) is call


def test_an_alias_asks_for_what_it_means(a_call: MakeCall) -> None:
    who = caller(
        Team(team_id="t", models=("big",), aliases={"slow": "big"}), aliases={"m": "big"}, models=("x",)
    )
    assert permitted(a_call(caller=who)).model == "big"
    small = caller(Team(team_id="t", models=("small",)), aliases={"m": "big"})
    with pytest.raises(GatewayError, match="team may not use the model `m`"):
        permitted(a_call(caller=small))


def test_routes_are_checked_by_what_they_are_not_by_how_they_are_written() -> None:
    who = caller(allowed_routes=("/v1/chat/completions",))
    check_route(who, Route(Kind.NATIVE, "", b"/chat/completions"), b"/openai/deployments/m/chat/completions")
    check_route(who, Route(Kind.THROUGH, "", b"/v1/chat/completions"), b"/openai/v1/chat/completions")
    with pytest.raises(GatewayError) as refused:
        check_route(who, Route(Kind.PAGE, "/key/info"), b"/key/info")
    assert (refused.value.status, refused.value.code) == (403, "route_not_allowed")


def test_a_blocked_customer_is_403() -> None:
    check_customer(None)
    check_customer(Customer(user_id="c"))
    with pytest.raises(GatewayError) as refused:
        check_customer(Customer(user_id="c", blocked=True))
    assert (refused.value.status, refused.value.code) == (403, "customer_blocked")
