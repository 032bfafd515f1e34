from __future__ import annotations

import json
from pathlib import Path

import pytest

from proxy.errors import GatewayError
from proxy.gateway.reading.peek import MAX_MODEL_CHARS
from proxy.gateway.reading.routes import (
    FAMILIES,
    MAX_REMEMBERED,
    MAX_REMEMBERED_BYTES,
    NATIVE_NEEDS_MODEL,
    Custom,
    Kind,
    Routes,
    described,
)
from proxy.types import Page, PageRequest, Reply


async def _answer(_: PageRequest) -> Reply:
    return Reply(200)


def page(path: str, *methods: str) -> Page:
    return Page(path, _answer, public=False, summary="", methods=methods or ("GET", "HEAD"))


def custom(path: str, *methods: bytes, include_subpath: bool = False) -> Custom:
    return Custom(path.encode(), include_subpath, True, False, frozenset(methods), f"scope of {path}")


PAGES = [page("/health"), page("/v1/models"), page("/v1/models/{model}"), page("/do/{id}", "POST")]
CUSTOMS = [custom("/rerank", b"POST"), custom("/all", include_subpath=True), custom("/all/inner")]


@pytest.fixture
def routes() -> Routes:
    return Routes(PAGES, CUSTOMS)


def refusal(routes: Routes, method: bytes, path: bytes) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        routes.find(method, path)
    return caught.value


@pytest.mark.parametrize("prefix", [b"/v1", b""])
def test_what_is_anthropics_alone_is_not_openais(routes: Routes, prefix: bytes) -> None:
    for path in (b"/messages", b"/messages/count_tokens"):
        refused = refusal(routes, b"GET", prefix + path)
        assert (refused.status, refused.headers) == (405, ((b"allow", b"POST"),))
    for path in (b"/messages/batches", b"/messages/", b"/messages/batches/msgbatch_1"):
        refused = refusal(routes, b"POST", prefix + path)
        assert refused.status == 404
        assert "/anthropic/v1" in refused.message


# -- native


@pytest.mark.parametrize("prefix", [b"/v1/", b"/"])
@pytest.mark.parametrize("path", NATIVE_NEEDS_MODEL)
def test_a_native_path(routes: Routes, path: bytes, prefix: bytes) -> None:
    route = routes.find(b"POST", prefix + path)
    assert (route.kind, route.name, route.path) == (Kind.NATIVE, f"/{path.decode()}", b"/" + path)
    assert route.model_needed is NATIVE_NEEDS_MODEL[path]
    assert route.chat is (path == b"chat/completions")
    assert route.model is None


@pytest.mark.parametrize("method", [b"GET", b"DELETE", b"PATCH", b"HEAD", b"OPTIONS", b"PUT"])
@pytest.mark.parametrize("path", [path for path in NATIVE_NEEDS_MODEL if not path.startswith(b"messages")])
def test_another_method_on_a_native_path_passes_through(routes: Routes, path: bytes, method: bytes) -> None:
    assert routes.find(method, b"/v1/" + path).kind is Kind.THROUGH


@pytest.mark.parametrize("path", NATIVE_NEEDS_MODEL)
@pytest.mark.parametrize("prefix", [b"/engines/", b"/v1/engines/", b"/openai/deployments/"])
def test_a_model_in_the_path(routes: Routes, prefix: bytes, path: bytes) -> None:
    route = routes.find(b"POST", prefix + b"my%2Fmodel%20%C3%BC/" + path)
    assert (route.kind, route.model, route.model_needed) == (Kind.NATIVE, "my/model ü", True)
    assert (route.path, route.name) == (b"/" + path, f"/{path.decode()}")


@pytest.mark.parametrize("segment", [b"", b"m" * (MAX_MODEL_CHARS + 1)])
def test_no_usable_model_in_the_path(routes: Routes, segment: bytes) -> None:
    through = routes.find(b"POST", b"/openai/deployments/" + segment + b"/chat/completions")
    assert (through.kind, through.model) == (Kind.THROUGH, None)
    assert refusal(routes, b"POST", b"/engines/" + segment + b"/completions").status == 404


def test_bytes_that_are_no_text_in_the_path(routes: Routes) -> None:
    assert routes.find(b"POST", b"/engines/%FF\xff/completions").model == "\ufffd\ufffd"


def test_engines_without_a_known_endpoint(routes: Routes) -> None:
    assert refusal(routes, b"GET", b"/engines/m").status == 404
    assert refusal(routes, b"POST", b"/engines/m/frobnicate").status == 404


# -- passed through


@pytest.mark.parametrize("prefix", ["/openai", "/openai_passthrough"])
@pytest.mark.parametrize("method", [b"GET", b"POST", b"DELETE", b"PROPFIND"])
def test_prefixes_take_everything(routes: Routes, prefix: str, method: bytes) -> None:
    route = routes.find(method, f"{prefix}/v1/threads/thread%2Fx/runs".encode())
    assert (route.kind, route.path) == (Kind.THROUGH, b"/v1/threads/thread%2Fx/runs")
    assert route.name == f"{prefix}/threads"
    assert routes.find(method, prefix.encode()).path == b"/"
    assert routes.find(method, f"{prefix}/brand/new".encode()).name == f"{prefix}/*"


def test_a_prefixed_native_path_passes_through(routes: Routes) -> None:
    assert routes.find(b"POST", b"/openai/v1/chat/completions").kind is Kind.THROUGH


def test_the_prefix_is_a_whole_segment(routes: Routes) -> None:
    assert refusal(routes, b"GET", b"/openaix/files").status == 404


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_every_family_with_and_without_version(routes: Routes, family: bytes) -> None:
    for path in (b"/v1/%b/x" % family, b"/%b/x" % family):
        route = routes.find(b"DELETE", path)
        assert (route.kind, route.name, route.path) == (Kind.THROUGH, f"/{family.decode()}", path)


def test_v1_passes_what_nobody_knows_yet(routes: Routes) -> None:
    route = routes.find(b"POST", b"/v1/tomorrow/x")
    assert (route.kind, route.name) == (Kind.THROUGH, "/*")


@pytest.mark.parametrize("path", [b"/", b"/nothing", b"/v2/files", b"*", b"/v1", b"//v1/files"])
def test_an_unknown_path_is_404(routes: Routes, path: bytes) -> None:
    error = refusal(routes, b"GET", path)
    assert (error.status, error.code) == (404, "unknown_url")
    assert path.decode() in error.message


def test_a_long_unknown_path_is_not_echoed_whole(routes: Routes) -> None:
    assert len(refusal(routes, b"GET", b"/x" * 5000).message) < 300


# -- pages


@pytest.mark.parametrize("method", [b"GET", b"HEAD"])
def test_pages(routes: Routes, method: bytes) -> None:
    assert routes.find(method, b"/health").page is PAGES[0]
    assert routes.find(method, b"/v1/models").page is PAGES[1]
    one = routes.find(method, b"/v1/models/gpt-4o/x")
    assert (one.page, one.name) == (PAGES[2], "/v1/models/{model}")


def test_a_page_knows_two_methods(routes: Routes) -> None:
    error = refusal(routes, b"POST", b"/health")
    assert (error.status, error.code) == (405, "method_not_supported")
    assert (b"allow", b"GET, HEAD") in error.headers


def test_a_page_may_know_others(routes: Routes) -> None:
    assert routes.find(b"POST", b"/do/a%2Fb/c").page is PAGES[3]
    for method in (b"GET", b"HEAD", b"PUT"):
        error = refusal(routes, method, b"/do/a")
        assert (error.status, error.headers) == (405, ((b"allow", b"POST"),))


def test_other_methods_on_openais_own_paths_pass_through(routes: Routes) -> None:
    assert routes.find(b"DELETE", b"/v1/models/ft:x").kind is Kind.THROUGH


def test_below_a_page_prefix_there_must_be_something(routes: Routes) -> None:
    assert routes.find(b"GET", b"/v1/models/").kind is Kind.THROUGH


# -- custom endpoints


def test_a_custom_endpoint(routes: Routes) -> None:
    route = routes.find(b"POST", b"/rerank")
    assert (route.kind, route.name, route.path, route.custom) == (Kind.CUSTOM, "/rerank", b"", CUSTOMS[0])


def test_a_custom_endpoint_refuses_other_methods(routes: Routes) -> None:
    error = refusal(routes, b"GET", b"/rerank")
    assert error.status == 405
    assert (b"allow", b"POST") in error.headers


def test_subpaths_only_where_they_were_asked_for(routes: Routes) -> None:
    assert refusal(routes, b"POST", b"/rerank/x").status == 404
    route = routes.find(b"PUT", b"/all/x/y")
    assert (route.name, route.path) == ("/all", b"/x/y")
    assert refusal(routes, b"GET", b"/allx").status == 404


def test_the_longest_custom_path_wins(routes: Routes) -> None:
    assert routes.find(b"GET", b"/all/inner").custom is CUSTOMS[2]


def test_a_custom_endpoint_goes_before_the_gateways_own() -> None:
    routes = Routes([page("/health")], [custom("/health"), custom("/v1/", include_subpath=True)])
    assert routes.find(b"GET", b"/health").kind is Kind.CUSTOM
    found = routes.find(b"POST", b"/v1/chat/completions")
    assert (found.kind, found.path) == (Kind.CUSTOM, b"/chat/completions")


# -- memory


def test_a_route_is_remembered(routes: Routes) -> None:
    assert routes.find(b"GET", b"/v1/files/1") is routes.find(b"GET", b"/v1/files/1")


def test_the_memory_is_bounded(routes: Routes) -> None:
    for number in range(MAX_REMEMBERED + 10):
        routes.find(b"GET", b"/v1/files/%d" % number)
    assert 0 < len(routes._known) <= MAX_REMEMBERED


def test_long_paths_and_refusals_are_not_remembered(routes: Routes) -> None:
    routes.find(b"GET", b"/v1/files/" + b"x" * MAX_REMEMBERED_BYTES)
    refusal(routes, b"GET", b"/nothing")
    assert routes._known == {}


def test_clients_do_not_choose_the_records_names(routes: Routes) -> None:
    paths = [b"/v1/%d/x" % n for n in range(50)] + [b"/openai/%d" % n for n in range(50)]
    assert {routes.find(b"GET", path).name for path in paths} == {"/*", "/openai/*"}


def test_described_tells_every_kind() -> None:
    rows = described(CUSTOMS)
    paths = {path for path, *_ in rows}
    assert {"/v1/chat/completions", "/chat/completions", "/openai/{path}", "/v1/{path}", "/rerank"} <= paths
    assert next(methods for path, methods, *_ in rows if path == "/rerank") == ("POST",)
    assert {kind for *_, kind in rows} == {"native", "through", "custom"}


OPERATIONS = json.loads((Path(__file__).parents[2] / "data" / "openai-operations.json").read_text())[
    "operations"
]


@pytest.mark.parametrize("prefix", [b"/v1", b"/openai/v1", b"/openai", b"/openai_passthrough"])
def test_no_body_of_a_model_free_family_names_a_model(routes: Routes, prefix: bytes) -> None:
    found = {o["path"]: routes.find(o["method"].encode(), prefix + o["path"].encode()) for o in OPERATIONS}
    assert any(route.model_free for route in found.values())
    assert not [o["path"] for o in OPERATIONS if o["model"] and found[o["path"]].model_free]


@pytest.mark.parametrize(
    "path",
    [
        b"/v1/filesx",
        b"/v1//files",
        b"/v1/%66iles",
        b"/v1/unknown/files",
        b"/v1/chat/files",
        b"/v1/threads/runs",
        b"/v1/threads/thread_1/runs",
        b"/v1/threads//runs",
        b"/v1/threads/%72uns",
        b"/v1/threads/runs/",
    ],
)
def test_what_is_no_known_family_may_name_a_model(routes: Routes, path: bytes) -> None:
    assert not routes.find(b"POST", path).model_free
