from __future__ import annotations

from collections.abc import Callable

import pytest

from proxy.errors import GatewayError
from proxy.gateway.reading.call import Call
from proxy.gateway.reading.routes import Custom, Kind, Route
from proxy.gateway.trying.choice import Choice
from proxy.gateway.trying.selection import NOTHING_NAMED, choose
from proxy.routing.affinity import MemoryStore
from proxy.routing.router import Router, RouterSettings
from proxy.types import Deployment, Secret

MakeCall = Callable[..., Call]
MakeDeployment = Callable[..., Deployment]
ASSISTANTS = Route(Kind.THROUGH, "/assistants", b"/v1/assistants")
MODELS = Route(Kind.THROUGH, "/models", b"/v1/models/x")
RESPONSES = Route(Kind.NATIVE, "/responses", b"/responses")


def router_of(*deployments: Deployment, env: Deployment | None = None) -> Router:
    return Router(deployments, RouterSettings(), store=MemoryStore(100), env_deployment=env)


def ids(choice: Choice) -> set[str]:
    return {deployment.id for deployment in choice.pool.deployments}


@pytest.fixture
def router(a_deployment: MakeDeployment) -> Router:
    """Two keys for `m`, one for everything that begins with `w/`, one marked for pass-through."""
    return router_of(
        a_deployment("m1"),
        a_deployment("m2"),
        a_deployment("wild", group="w/*"),
        a_deployment("pass", group="other", use_in_pass_through=True),
    )


def refusal(call: Call, router: Router) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        choose(call, router)
    return caught.value


def test_the_model_names_the_group(router: Router, a_call: MakeCall) -> None:
    choice = choose(a_call(), router)
    assert ids(choice) == {"m1", "m2"}
    assert (choice.group_named, choice.stateful, choice.placed_by, choice.scope) == (True, False, None, None)


def test_a_wildcard(router: Router, a_call: MakeCall) -> None:
    choice = choose(a_call(model="w/x"), router)
    assert (ids(choice), choice.wildcard, choice.group_named) == ({"wild"}, "x", True)


def test_an_unknown_model_of_a_known_endpoint_is_404(router: Router, a_call: MakeCall) -> None:
    error = refusal(a_call(model="nobody's"), router)
    assert (error.status, error.code, error.param) == (404, "model_not_found", "model")
    assert "nobody's" in error.message


def test_an_unknown_model_passed_through_is_the_upstreams_business(router: Router, a_call: MakeCall) -> None:
    choice = choose(a_call(model="gpt-99", route=ASSISTANTS), router)
    assert (ids(choice), choice.group_named) == ({"pass"}, False)


def test_targets_come_after_the_model(router: Router, a_call: MakeCall) -> None:
    named = choose(a_call(targets=("other",)), router)
    assert (ids(named), named.group_named) == ({"m1", "m2"}, True)
    unnamed = choose(a_call(model=None, targets=("m", "other")), router)
    assert (ids(unnamed), unnamed.group_named) == ({"m1", "m2"}, False)
    unknown = choose(a_call(model="gpt-99", targets=("m",)), router)
    assert (ids(unknown), unknown.group_named) == ({"m1", "m2"}, False)


def test_the_header_comes_after_the_bodys_targets(router: Router, a_call: MakeCall) -> None:
    headers = ((b"x-litellm-target-model", b"m"),)
    call = a_call(model=None, route=ASSISTANTS, headers=headers)
    assert ids(choose(call, router)) == {"m1", "m2"}
    assert ids(choose(a_call(model=None, route=ASSISTANTS, headers=headers, targets=("other",)), router)) == {
        "pass"
    }


def test_an_unknown_target_is_404(router: Router, a_call: MakeCall) -> None:
    error = refusal(a_call(model=None, route=ASSISTANTS, targets=("typo",)), router)
    assert (error.status, error.code) == (404, "model_not_found")


def test_nothing_named_goes_to_the_marked(router: Router, a_call: MakeCall) -> None:
    assert ids(choose(a_call(model=None, route=ASSISTANTS), router)) == {"pass"}


def test_nothing_named_goes_to_the_environments_key(a_deployment: MakeDeployment, a_call: MakeCall) -> None:
    env = a_deployment("env", group="*", api_key=Secret("sk-environment"))
    router = router_of(a_deployment("m1"), a_deployment("x", group="x"), env=env)
    assert ids(choose(a_call(model=None, route=ASSISTANTS), router)) == {"env"}


def test_nothing_named_and_no_default_says_what_to_set(
    a_deployment: MakeDeployment, a_call: MakeCall
) -> None:
    router = router_of(a_deployment("m1"), a_deployment("x", group="x"))
    error = refusal(a_call(model=None, route=ASSISTANTS), router)
    assert (error.status, error.code, error.message) == (400, "no_deployment_named", NOTHING_NAMED)


def test_a_custom_endpoint_has_its_one_target(a_deployment: MakeDeployment, a_call: MakeCall) -> None:
    target = a_deployment("target", group="", object_scope="s", provider="target")
    custom = Custom(b"/c", False, True, False, frozenset(), "s")
    call = a_call(route=Route(Kind.CUSTOM, "/c", b"", custom=custom))
    assert ids(choose(call, router_of(a_deployment("m1"), target))) == {"target"}


# -- objects


RUN = b"/v1/threads/thread_1/runs/run_9"
NAMED = {
    "path": {"target": RUN, "route": Route(Kind.THROUGH, "/threads", RUN)},
    "query": {"target": b"/v1/runs?thread_id=thread_1", "route": Route(Kind.THROUGH, "/runs", b"/v1/runs")},
    "body": {"json": b'{"thread_id":"thread_1"}', "route": ASSISTANTS},
}


@pytest.mark.parametrize("call_of", NAMED.values(), ids=NAMED)
def test_a_known_object_wins(router: Router, a_call: MakeCall, call_of: dict[str, object]) -> None:
    router.store.put("thread_1", "scope-m2")
    choice = choose(a_call(model=None, **call_of), router)
    assert (ids(choice), choice.scope, choice.placed_by) == ({"m2"}, "scope-m2", None)


def test_a_known_object_pins_a_named_group_too(router: Router, a_call: MakeCall) -> None:
    router.store.put("resp_1", "scope-m2")
    body = b'{"model":"m","previous_response_id":"resp_1"}'
    choice = choose(a_call(body, route=RESPONSES), router)
    assert (ids(choice), choice.scope, choice.group_named) == ({"m1", "m2"}, "scope-m2", True)
    assert router.pick(choice.pool, 0.0, scope=choice.scope) in choice.pool.part("scope-m2").deployments  # type: ignore[union-attr]


def test_the_last_object_of_the_path_wins(router: Router, a_call: MakeCall) -> None:
    router.store.put("thread_1", "scope-m1")
    router.store.put("run_1", "scope-m2")
    route = Route(Kind.THROUGH, "/threads", b"/v1/threads/thread_1/runs/run_1")
    assert choose(a_call(model=None, route=route), router).scope == "scope-m2"


def test_an_object_of_a_scope_that_is_gone_pins_nothing(router: Router, a_call: MakeCall) -> None:
    router.store.put("thread_1", "scope that left")
    route = Route(Kind.THROUGH, "/threads", b"/v1/threads/thread_1")
    assert ids(choose(a_call(model=None, route=route), router)) == {"pass"}


def test_new_objects_are_placed_by_caller_or_session(router: Router, a_call: MakeCall) -> None:
    plain = choose(a_call(model=None, route=ASSISTANTS), router)
    assert (plain.stateful, plain.placed_by) == (True, b"caller-id")
    headers = ((b"X-LiteLLM-Session-Id", b"flow 7"),)
    assert choose(a_call(model=None, route=ASSISTANTS, headers=headers), router).placed_by == b"flow 7"


@pytest.mark.parametrize(
    ("fields", "stateful"),
    [
        ({"store": True}, True),
        ({"store": None}, False),
        ({"route": RESPONSES}, True),
        ({"route": RESPONSES, "store": False}, False),
        ({"route": MODELS, "method": b"GET"}, False),
    ],
)
def test_what_keeps_state(
    router: Router, a_call: MakeCall, fields: dict[str, object], stateful: bool
) -> None:
    assert choose(a_call(**fields), router).stateful is stateful
