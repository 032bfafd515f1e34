"""Whose objects a request may name."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.access.identity import Caller, VirtualKey
from proxy.accounting.record import call_id
from proxy.errors import GatewayError
from proxy.gateway.reading.call import Call
from proxy.gateway.reading.multipart import MultipartPeek
from proxy.gateway.reading.routes import Kind, Route
from proxy.gateway.reading.tenancy import Lists, check_owners, is_subject, owner_of_made
from proxy.providers.family import RESPONSES
from proxy.providers.objects import stateful
from proxy.routing.affinity import MemoryStore
from proxy.wire.head import NO_BODY

MakeCall = Callable[..., Call]
KEY = VirtualKey(id="00" * 32, token="00" * 32, key_name="sk-...")
MINE, OTHERS = b"mine", b"others"
CALLER = Caller("tester", b"caller", key=KEY, owner=MINE)
OWN, THEIRS, UNKNOWN = "file-AAAAAAAAAAAAAAAAAAAA", "file-BBBBBBBBBBBBBBBBBBBB", "file-CCCCCCCCCCCCCCCCCCCC"


@pytest.fixture
def store() -> MemoryStore:
    found = MemoryStore(100)
    for name, owner in (
        (OWN, MINE),
        ("thread_own", MINE),
        (THEIRS, OTHERS),
        ("theirs-of-vllm", OTHERS),
        ("nobodys", b""),
    ):
        found.put(name, "scope", owner)
    return found


@pytest.fixture
def ask(a_call: MakeCall, store: MemoryStore) -> Callable[..., None]:
    def asked(
        path: str,
        body: object = None,
        method: str = "GET",
        query: str = "",
        *,
        raw: bytes | None = None,
        lists: Lists = "refuse",
    ) -> None:
        text = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        target = f"/v1{path}?{query}" if query else f"/v1{path}"
        call = a_call(
            text,
            route=Route(Kind.THROUGH, "", f"/v1{path}".encode()),
            method=method.encode(),
            target=target.encode(),
            caller=CALLER,
            json=text or None,
            length=len(text) if text else NO_BODY,
        )
        check_owners(call, store, keeps_state=stateful(method.encode(), call.route.path, None), lists=lists)

    return asked


def refused(ask: Callable[..., None], *arguments: object, **named: object) -> tuple[int, str | None]:
    with pytest.raises(GatewayError) as error:
        ask(*arguments, **named)
    return error.value.status, error.value.code


@pytest.mark.parametrize(
    "path",
    [
        f"/files/{THEIRS}", f"/files/{THEIRS}/content", f"/files/{UNKNOWN}", f"/vector_stores/vs_x/files/{OWN}",
        "/threads/theirs-of-vllm/messages", "/batches/short", "/files/123", f"/threads/thread_own/runs/{THEIRS}",
        f"/files/{THEIRS.replace('-', '%2D')}", f"//files//{THEIRS}", "/files/nobodys", "/fine_tuning/jobs/ftjob-x",
        f"/containers/{OWN}/files/{THEIRS}/content", "/responses/resp_x/input_items", "/organization/users/user-x",
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "DELETE", "POST"])
def test_what_is_not_ones_own_is_not_there(ask: Callable[..., None], path: str, method: str) -> None:
    assert refused(ask, path, method=method) == (404, "object_not_found")


@pytest.mark.parametrize(
    "path",
    [
        f"/files/{OWN}",
        f"/files/{OWN}/content",
        "/threads/thread_own/messages/msg_unknown",
        "/models/gpt-4o-x",
    ],
)
def test_what_is_ones_own_is(ask: Callable[..., None], path: str) -> None:
    ask(path)


@pytest.mark.parametrize(
    "path", ["/files", "/batches", "/fine_tuning/jobs", "/vector_stores", "/organization/users"]
)
def test_a_list_of_everybodys_is_refused_unless_it_is_open(ask: Callable[..., None], path: str) -> None:
    assert refused(ask, path) == (403, "list_of_everybody")
    ask(path, lists="open")
    ask(path, lists="filter")
    for passes in ("filter", "open"):
        assert refused(ask, path, query=f"after={THEIRS}", lists=passes)[0] == 404
    assert refused(ask, path, method="HEAD", lists="filter") == (403, "list_of_everybody")
    assert refused(ask, path, query=f"after={THEIRS}", lists="open") == (404, "object_not_found")
    assert refused(ask, path, query=f"%61fter={THEIRS.replace('-', '%2d')}", lists="open")[0] == 404


BODIES = [
    {"file_ids": [OWN, "x"]},
    {"input_file_id": "x"},
    {"training_file": "x"},
    {"tool_resources": {"file_search": {"vector_store_ids": ["x"]}}},
    {"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_id": "x"}}]}]},
    {"previous_response_id": "x"},
    {"conversation": {"id": "x"}},
    {"conversation": "x"},
    {"thread": {"messages": [{"attachments": [{"file_id": "x"}]}]}},
    {"metadata": {"file_id": "x"}},
]


@pytest.mark.parametrize("body", BODIES, ids=str)
@pytest.mark.parametrize("name", [THEIRS, UNKNOWN])
@pytest.mark.parametrize("path", ["/responses", "/chat/completions", "/threads/runs", "/vector_stores"])
def test_bodies_name_only_ones_own(ask: Callable[..., None], body: object, name: str, path: str) -> None:
    text = json.dumps(body).replace('"x"', f'"{name}"')
    if path == "/chat/completions" and "_id" not in text:
        return  # chats have no such fields
    assert refused(ask, path, method="POST", raw=text.encode()) == (404, "object_not_found")
    escaped = text.replace("-", "\\u002d")
    assert refused(ask, path, method="POST", raw=escaped.encode())[0] == 404
    keys = text.replace("_id", "\\u005fid").replace("conversation", "conversatio\\u006e")
    if keys != text:
        assert refused(ask, path, method="POST", raw=keys.encode()) == (400, "duplicate_key")
    ask(path, method="POST", raw=text.replace(name, OWN).encode())
    if path != "/chat/completions":
        capitals = text.replace("_id", "_ID").replace("conversation", "Conversation")
        assert refused(ask, path, method="POST", raw=capitals.encode())[0] == 404


@pytest.mark.parametrize(
    ("body", "key"),
    [
        (b'{"previous_response_id":"resp_a1","previous_response_id":"resp_b2"}', "previous_response_id"),
        (b'{"a":{"file_ids":["%(own)b"],"x":1,"file_ids":["file-x"]}}', "file_ids"),
        (b'{"input":[{"content":[{"file_id":"%(own)b","file_id":"%(own)b"}]}]}', "file_id"),
        (b'{"attachments":[{"file_id":"%(own)b","file\\u005fid":"file-x"}]}', "file_id"),
        (b'{"attachments":[{"file_id":"%(own)b","File_ID":"%(own)b"}]}', "file_id"),
        (b'{"conversation":{"id":"%(own)b","id" : "conv_x"}}', "id"),
        (b'{"x":{"thread_id":null,"thread_id":"%(own)b"}}', "thread_id"),
    ],
)
def test_what_another_parser_may_read_as_another_object_is_refused(
    ask: Callable[..., None], body: bytes, key: str
) -> None:
    with pytest.raises(GatewayError) as error:
        ask("/responses", method="POST", raw=body.replace(b"%(own)b", OWN.encode()))
    assert (error.value.status, error.value.code, error.value.param) == (400, "duplicate_key", key)


@pytest.mark.parametrize(
    "body",
    [
        b'{"input":"\\"file_id\\": \\"a\\", \\"file_id\\": 1","x_id":"%(own)b"}',
        b'{"input":"a\\u003cb","schema":{"a\\u003cb":{"type":"string"}},"x_id":"%(own)b"}',
        b'{"tools":[{"id":"a_b"},{"id":"a_b"}],"schema":{"ID":1},"y":{"id":2}}',
    ],
)
def test_what_everybody_reads_alike_is_not(ask: Callable[..., None], body: bytes) -> None:
    ask("/responses", method="POST", raw=body.replace(b"%(own)b", OWN.encode()))


@pytest.mark.parametrize("store_it", [True, False])
@pytest.mark.parametrize("kind", [{"type": "item_reference"}, {}], ids=str)
def test_an_item_of_anothers_answer_is_not_there(
    a_call: MakeCall, store: MemoryStore, kind: dict[str, str], *, store_it: bool
) -> None:
    store.put("msg_theirs", "scope", OTHERS)
    store.put("msg_own", "scope", MINE)
    for name, found in (("msg_theirs", False), ("msg_own", True), ("msg_unknown", True)):
        text = json.dumps({"model": "m", "store": store_it, "input": [{**kind, "id": name}]}).encode()
        route = Route(Kind.NATIVE, "/responses", b"/responses", family=RESPONSES)
        call = a_call(text, route=route, caller=CALLER, json=text, length=len(text))
        if found:
            check_owners(call, store, keeps_state=store_it, lists="refuse")
        else:
            with pytest.raises(GatewayError) as error:
                check_owners(call, store, keeps_state=store_it, lists="refuse")
            assert error.value.code == "object_not_found"


def test_the_gateways_own_answers_are_asked_for_where_they_are_kept(ask: Callable[..., None]) -> None:
    made = f"resp_{call_id().replace('-', '')}"
    ask("/responses", {"previous_response_id": made}, "POST")
    assert refused(ask, f"/responses/{made}") == (404, "object_not_found")
    for others in (f"resp_{'0' * 32}", made + "0"):
        body = {"previous_response_id": others}
        assert refused(ask, "/responses", body, "POST") == (404, "object_not_found")


def test_an_id_behind_much_else_is_found(ask: Callable[..., None]) -> None:
    padded = {"x": [1] * 1_000_000, "file_ids": ["gpt-4o-name"] * 100 + [THEIRS]}
    assert refused(ask, "/vector_stores", padded, "POST")[0] == 404
    assert refused(ask, "/vector_stores", {"file_ids": [OWN] * 5_000}, "POST") == (400, "too_many_objects")


@pytest.mark.parametrize(
    "body",
    [
        {
            "model": "gpt-4o-mini",
            "messages": [{"role": "user", "content": "some text-with_marks of all sorts"}],
        },
        {"messages": [{"role": "tool", "tool_call_id": "call_0123456789abcdef", "content": "ok"}]},
        {"metadata": {"user_id": "3f2a-some-user", "trace_id": "t-0123456789abcdef"}, "user": "u-1"},
        {
            "input": [
                {"type": "reasoning", "id": "rs_0123456789abcdef"},
                {"type": "message", "id": "msg_0123456789abcdef"},
            ]
        },
        {"input": "thread_local and run_tests"},
        {"input": f"a text that speaks of {THEIRS}"},
    ],
)
def test_what_is_no_object_is_let_through(ask: Callable[..., None], body: object) -> None:
    ask("/responses", body, "POST")


def test_a_body_that_is_not_read_may_name_anything(a_call: MakeCall, store: MemoryStore) -> None:
    def asked(path: bytes, body: bytes = b"x", **fields: object) -> None:
        route = Route(Kind.THROUGH, "", path)
        call = a_call(body, route=route, caller=CALLER, json=None, length=1, **fields)
        check_owners(call, store, keeps_state=True, lists="refuse")

    form = MultipartPeek(b"b")
    with pytest.raises(GatewayError, match="not read"):
        asked(b"/v1/vector_stores", rest=True)
    asked(b"/v1/files", form=form)
    own = f"/v1/containers/{OWN}/files".encode()
    asked(own, form=form)
    with pytest.raises(GatewayError, match="not read"):
        asked(own, form=form, body=b'name="file_id"')


def test_ids_that_may_be_known_elsewhere_are_looked_for_first(a_call: MakeCall) -> None:
    store = MemoryStore(9)
    store.missed = ("x",)
    call = a_call(b"{}", route=Route(Kind.NATIVE, "", b"/responses"), caller=CALLER)
    with pytest.raises(GatewayError) as error:
        check_owners(call, store, keeps_state=True, lists="refuse")
    assert error.value.status == 503


@given(
    st.recursive(
        st.none() | st.booleans() | st.text() | st.integers(),
        lambda x: st.lists(x) | st.dictionaries(st.text(), x),
    )
)
def test_no_body_trips_it_up(body: object) -> None:
    text = json.dumps(body).encode()
    route = Route(Kind.THROUGH, "", b"/v1/vector_stores")
    from proxy.wire.form import RequestHead  # noqa: PLC0415

    head = RequestHead.of(b"POST", b"/v1/vector_stores", ())
    call = Call(route=route, head=head, caller=CALLER, body=text, length=len(text), json=text)
    check_owners(call, MemoryStore(9), keeps_state=True, lists="refuse")


def test_whose_it_is_that_an_answer_names(a_call: MakeCall, store: MemoryStore) -> None:
    def owner(path: str, method: str, caller: Caller = CALLER) -> bytes:
        route = Route(Kind.THROUGH, "", f"/v1{path}".encode())
        return owner_of_made(a_call(route=route, method=method.encode(), caller=caller), store)

    master = Caller("master", b"master", owner=b"master", admin=True)
    assert owner("/files", "POST") == MINE
    assert owner("/files", "GET") == b"", "a list makes nothing one's own"
    assert owner(f"/batches/{THEIRS}", "GET", master) == OTHERS, "what the operator sees stays its owner's"
    assert owner("/batches/batch_new", "GET", master) == b"master"
    assert owner("/threads/runs", "POST", Caller("anonymous:x", b"id")) == b"id"


def test_only_virtual_keys_are_kept_apart(a_call: MakeCall) -> None:
    assert is_subject(a_call(caller=CALLER))
    assert not is_subject(a_call(caller=Caller("master", b"m", admin=True)))
    assert not is_subject(a_call(caller=Caller("anonymous", b"")))


def test_who_owns_one_goes_on_owning_it(store: MemoryStore) -> None:
    store.put(THEIRS, "scope", MINE)
    assert store.owner(THEIRS) == OTHERS
    store.put("nobodys", "scope", MINE)
    assert store.owner("nobodys") == MINE
