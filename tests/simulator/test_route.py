from __future__ import annotations

import pytest

from proxy.errors import GatewayError
from proxy.simulator.answer import reply
from proxy.simulator.route import Route, Router
from proxy.simulator.table import ROUTES


def _route(method: str, path: str) -> Route:
    return Route(method, path, lambda request: reply({}))


def test_an_exact_path_goes_before_a_pattern() -> None:
    router = Router([_route("POST", "/v1/threads/{id}"), _route("POST", "/v1/threads/runs")])
    assert router.find("POST", "/v1/threads/runs") == (_same(router, "/v1/threads/runs"), {})
    assert router.find("POST", "/v1/threads/thread_1")[1] == {"id": "thread_1"}


def _same(router: Router, path: str) -> Route:
    route, _ = router.find("POST", path)
    assert route.path == path
    return route


@pytest.mark.parametrize("path", ["/v1/threads/", "/v1/threads/a/b", "/threads/a", "", "/"])
def test_no_route_is_a_404(path: str) -> None:
    with pytest.raises(GatewayError) as caught:
        Router([_route("POST", "/v1/threads/{id}")]).find("POST", path)
    assert caught.value.status == 404


def test_every_route_of_the_table_finds_itself() -> None:
    router = Router(ROUTES)
    for route in ROUTES:
        path = route.path.replace("{", "some-").replace("}", "")
        assert router.find(route.method, path)[0] is route
