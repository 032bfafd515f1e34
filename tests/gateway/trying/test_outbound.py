from __future__ import annotations

import gzip
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from proxy.errors import GatewayError
from proxy.gateway.reading.call import Call
from proxy.gateway.reading.multipart import MultipartPeek
from proxy.gateway.reading.routes import Custom, Kind, Route
from proxy.gateway.trying.choice import Choice
from proxy.gateway.trying.lane import AttemptSettings, Lane, lane_of
from proxy.gateway.trying.outbound import Sender
from proxy.providers.dialect import own_headers
from proxy.routing.affinity import MemoryStore
from proxy.routing.router import Pool, Router, RouterSettings
from proxy.types import Deployment
from proxy.upstream.destination import EVERYTHING, Destination, Endpoint, Forwarding
from proxy.upstream.outbound import Outbound, Patience
from proxy.wire.head import CHUNKED, NO_BODY

MakeCall = Callable[..., Call]
SETTINGS = AttemptSettings(Patience(1, 1, 1, 1), 1.0, response_headers=True)
MakeDeployment = Callable[..., Deployment]
THROUGH = Route(Kind.THROUGH, "/files", b"/v1/files")
IN_PATH = Route(Kind.NATIVE, "/chat/completions", b"/chat/completions", model="m", chat=True)
ODD_JSON = b' {"model" : "m",\n "x":1.0, "metadata":{"a":"\xc3\xbc\\u00fc"} , "model_x":"m"}\n'


def to(deployment: Deployment, base_path: bytes = b"/v1") -> Lane:
    own = own_headers(deployment)
    endpoint = Endpoint("127.0.0.1", 9, False)
    return lane_of(Destination(deployment, endpoint, base_path, b"127.0.0.1:9", own=own), SETTINGS)


def pool_of(*deployments: Deployment) -> Pool:
    found = Router(deployments, RouterSettings(), store=MemoryStore(9)).match(deployments[0].group)
    assert found is not None
    return found.pool


@pytest.fixture
def send(exchange: Callable[..., Any]) -> Callable[..., Outbound]:
    def sent(call: Call, deployment: Deployment, *, named: bool = True, **choice: Any) -> Outbound:
        made = Choice(choice.pop("pool", None) or pool_of(deployment), group_named=named, **choice)
        return Sender(EVERYTHING).outbound(call, made, to(deployment), exchange())

    return sent


# -- JSON


@pytest.mark.parametrize("route", [None, THROUGH])
def test_where_nothing_changes_the_body_is_the_clients_own_object(
    send: Any, a_call: MakeCall, a_deployment: MakeDeployment, route: Route | None
) -> None:
    call = a_call(ODD_JSON, **({"route": route} if route else {}))
    out = send(call, a_deployment())
    assert out.body is call.body
    assert out.rest is None
    assert b"\r\nContent-Length: %d\r\n" % len(ODD_JSON) in out.head


def test_a_renamed_model_is_the_only_change(
    send: Any, a_call: MakeCall, a_deployment: MakeDeployment
) -> None:
    out = send(a_call(ODD_JSON), a_deployment(model="gpt-4o-2024"))
    assert out.body == ODD_JSON.replace(b'"model" : "m"', b'"model" : "gpt-4o-2024"')
    assert b"Content-Length: %d\r\n" % len(out.body) in out.head


def test_a_wildcard_fills_in_the_upstreams_name(
    send: Any, a_call: MakeCall, a_deployment: MakeDeployment
) -> None:
    call = a_call(b'{"model":"w/x"}', model="w/x", body_model="w/x")
    assert send(call, a_deployment(group="w/*", model="*"), wildcard="x").body == b'{"model":"x"}'


def test_a_model_that_named_nothing_is_not_renamed(
    send: Any, a_call: MakeCall, a_deployment: MakeDeployment
) -> None:
    call = a_call()
    assert send(call, a_deployment(model="other"), named=False).body is call.body


def test_an_object_of_another_group_keeps_the_clients_model(
    send: Any, a_call: MakeCall, a_deployment: MakeDeployment
) -> None:
    call, inside, outside = a_call(), a_deployment("in", model="other"), a_deployment("out", model="other")
    assert send(call, outside, pool=pool_of(inside), scope="s").body is call.body
    assert send(call, inside, pool=pool_of(inside), scope="s").body == b'{"model":"other"}'


def test_a_model_of_the_path_is_put_into_the_body(
    send: Any, a_call: MakeCall, a_deployment: MakeDeployment
) -> None:
    out = send(a_call(b'{"x":1}', route=IN_PATH, body_model=None), a_deployment(model="up"))
    assert msgspec.json.decode(out.body) == {"x": 1, "model": "up"}


def test_target_names_are_cut_out(send: Any, a_call: MakeCall, a_deployment: MakeDeployment) -> None:
    body = b'{"a": 1, "target_model_names": ["m"], "b" : 2}'
    call = a_call(body, route=THROUGH, model=None, body_model=None, has_target_field=True)
    sent = send(call, a_deployment(model="other"), named=False).body
    assert b"target_model_names" not in sent
    assert msgspec.json.decode(sent) == {"a": 1, "b": 2}
    assert sent.startswith(b'{"a": 1')
    assert sent.endswith(b'"b" : 2}')


def test_default_params_are_for_known_endpoints(
    send: Any, a_call: MakeCall, a_deployment: MakeDeployment
) -> None:
    deployment = a_deployment(default_params={"temperature": msgspec.Raw(b"0.5")})
    assert msgspec.json.decode(send(a_call(), deployment).body)["temperature"] == 0.5
    call = a_call(route=THROUGH)
    assert send(call, deployment, named=False).body is call.body


@pytest.mark.parametrize(
    "body", [b'{"model":"m","\xff":1}', b'{"model":"m","x":%b}' % (b"[" * 3000 + b"]" * 3000)]
)
def test_a_body_that_only_looked_like_json_is_400(
    send: Any, a_call: MakeCall, a_deployment: MakeDeployment, body: bytes
) -> None:
    with pytest.raises(GatewayError) as caught:
        send(a_call(body), a_deployment(model="other"))
    assert (caught.value.status, caught.value.code) == (400, "invalid_json")


# -- compressed JSON


def test_a_compressed_body_goes_as_it_came_where_nothing_changes(
    send: Any, a_call: MakeCall, a_deployment: MakeDeployment
) -> None:
    packed = gzip.compress(ODD_JSON)
    out = send(a_call(packed, json=ODD_JSON, headers=((b"Content-Encoding", b"gzip"),)), a_deployment())
    assert out.body is packed or out.body == packed
    assert b"Content-Encoding: gzip\r\n" in out.head


def test_a_compressed_body_goes_plain_where_it_changes(
    send: Any, a_call: MakeCall, a_deployment: MakeDeployment
) -> None:
    packed = gzip.compress(b'{"model":"m"}')
    call = a_call(packed, json=b'{"model":"m"}', headers=((b"Content-Encoding", b"gzip"), (b"X-A", b"b")))
    out = send(call, a_deployment(model="other"))
    assert out.body == b'{"model":"other"}'
    assert b"content-encoding" not in out.head.lower()
    assert b"X-A: b\r\n" in out.head


# -- forms


def form_call(a_call: MakeCall, body: bytes, **fields: Any) -> Call:
    form = MultipartPeek(b"b")
    form.feed(body)
    return a_call(body, json=None, form=form, model=form.model, body_model=form.model, **fields)


def part(name: bytes, value: bytes) -> bytes:
    return b'--b\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n' % (name, value)


def test_a_form_is_the_clients_own_object_where_nothing_changes(
    send: Any, a_call: MakeCall, a_deployment: MakeDeployment
) -> None:
    call = form_call(a_call, part(b"model", b"m") + part(b"x", b"y") + b"--b--\r\n")
    assert send(call, a_deployment()).body is call.body


def test_a_clients_own_credentials_stay(send: Any, a_call: MakeCall, a_deployment: MakeDeployment) -> None:
    body = b'{"model":"m","api_key":"sk-theirs","n":1,"vertex_credentials":{"a":1}}'
    call = a_call(body, private=("api_key", "vertex_credentials"))
    for deployment in (a_deployment(), a_deployment(model="other")):
        sent = msgspec.json.decode(send(call, deployment).body)
        assert sent == {"model": deployment.model, "n": 1}


def test_and_those_of_a_form(send: Any, a_call: MakeCall, a_deployment: MakeDeployment) -> None:
    whole = part(b"model", b"m") + part(b"api_key", b"sk-theirs") + part(b"z", b"m") + b"--b--\r\n"
    out = send(form_call(a_call, whole), a_deployment())
    assert out.body == part(b"model", b"m") + part(b"z", b"m") + b"--b--\r\n"


def test_a_forms_model_is_renamed_and_its_targets_are_cut(
    send: Any, a_call: MakeCall, a_deployment: MakeDeployment
) -> None:
    ours = part(b"target_model_names", b"m")
    body = part(b"a", b"m") + part(b"model", b"m") + ours + part(b"z", b"m") + b"--b--\r\n"
    out = send(form_call(a_call, body), a_deployment(model="longer-name"))
    expected = part(b"a", b"m") + part(b"model", b"longer-name") + part(b"z", b"m") + b"--b--\r\n"
    assert out.body == expected
    assert b"Content-Length: %d\r\n" % len(expected) in out.head


def test_what_is_still_on_the_wire_keeps_its_length(
    send: Any, a_call: MakeCall, a_deployment: MakeDeployment
) -> None:
    file = b"--b\r\nContent-Disposition: form-data; name=file; filename=f\r\n\r\nxxx"
    call = form_call(a_call, part(b"model", b"m") + file)
    call = msgspec.structs.replace(call, rest=True, length=5_000)
    out = send(call, a_deployment(model="longer"))
    assert out.body == part(b"model", b"longer") + file
    assert b"Content-Length: %d\r\n" % (5_000 + 5) in out.head
    assert out.rest is not None


def test_a_chunked_body_begins_with_a_chunk_of_what_was_read(
    send: Any, a_call: MakeCall, a_deployment: MakeDeployment
) -> None:
    start = part(b"model", b"m")
    call = msgspec.structs.replace(form_call(a_call, start), rest=True, length=CHUNKED)
    out = send(call, a_deployment())
    assert out.body == b"%x\r\n%b\r\n" % (len(start), start)
    assert b"Transfer-Encoding: chunked\r\n" in out.head
    nothing = msgspec.structs.replace(call, body=b"", form=None)
    assert send(nothing, a_deployment()).body == b""


def test_no_body_at_all(send: Any, a_call: MakeCall, a_deployment: MakeDeployment) -> None:
    call = a_call(b"", json=None, model=None, body_model=None, length=NO_BODY, method=b"GET", route=THROUGH)
    out = send(call, a_deployment(), named=False)
    assert out.body == b""
    assert b"content-length" not in out.head.lower() or b"Content-Length: 0\r\n" in out.head


# -- targets and heads


@pytest.mark.parametrize(
    ("path", "query", "expected"),
    [
        (b"/v1/files/a%2Fb", b"", b"/v1/files/a%2Fb"),
        (b"/v1/files", b"?a=1&a=2&b=%20", b"/v1/files?a=1&a=2&b=%20"),
        (b"/v1/files", b"?", b"/v1/files?"),
        (b"/v1/files", b"?a=1&api-key=sk-theirs&b=%20&acces%73_token=x", b"/v1/files?a=1&b=%20"),
        (b"/v1/files", b"?API_KEY=sk-theirs", b"/v1/files"),
        (b"/files/", b"", b"/v1/files/"),
    ],
)
def test_path_and_query_as_sent(
    send: Any, a_call: MakeCall, a_deployment: MakeDeployment, path: bytes, query: bytes, expected: bytes
) -> None:
    call = a_call(route=Route(Kind.THROUGH, "/files", path), target=b"/openai" + path + query)
    assert send(call, a_deployment(), named=False).head.split(b" ")[1] == expected


@pytest.mark.parametrize("path", [b"/v1/files/../admin", b"/v1/%2e%2e/x", b"/v1/./x"])
def test_a_path_that_climbs_is_400(
    send: Any, a_call: MakeCall, a_deployment: MakeDeployment, path: bytes
) -> None:
    for route in (Route(Kind.THROUGH, "/files", path), Route(Kind.CUSTOM, "/c", path, custom=CUSTOM)):
        with pytest.raises(GatewayError) as caught:
            send(a_call(route=route), a_deployment(), named=False)
        assert caught.value.code == "invalid_path"


@pytest.mark.parametrize(
    ("deployment", "stream", "asked"),
    [
        ({}, True, False),
        ({}, False, True),
        ({"keepalive_s": 1.0}, True, False),
        ({"keepalive_s": 1.0}, False, True),
        ({"provider": "text-completion-openai"}, False, False),
    ],
)
def test_codings_are_asked_for_where_the_answer_is_only_passed_on(
    send: Any,
    a_call: MakeCall,
    a_deployment: MakeDeployment,
    deployment: dict[str, Any],
    stream: bool,
    asked: bool,
) -> None:
    headers = ((b"Accept-Encoding", b"gzip"), (b"Accept", b"*/*"))
    call = a_call(b'{"model":"m","messages":[{"role":"user","content":"x"}]}', headers=headers, stream=stream)
    head = send(call, a_deployment(**deployment)).head
    assert (b"Accept-Encoding: gzip\r\n" in head, b"Accept: */*\r\n" in head) == (asked, True)


def test_a_path_that_was_refused_is_refused_again(
    a_call: MakeCall, a_deployment: MakeDeployment, exchange: Callable[..., Any]
) -> None:
    sender, deployment = Sender(EVERYTHING), a_deployment()
    call, destination = a_call(route=Route(Kind.THROUGH, "/files", b"/v1/./x")), to(deployment)
    for _ in range(2):
        with pytest.raises(GatewayError):
            sender.outbound(call, Choice(pool_of(deployment)), destination, exchange())


HEADERS = ((b"X-Trace", b"1"), (b"Accept", b"*/*"), (b"OpenAI-Beta", b"b"))
CUSTOM = Custom(b"/c", False, True, False, frozenset(), "s")


def test_native_endpoints_may_keep_headers_back(
    a_call: MakeCall, a_deployment: MakeDeployment, exchange: Callable[..., Any]
) -> None:
    sender, deployment = Sender(Forwarding(extensions=False)), a_deployment()
    choice = Choice(pool_of(deployment), group_named=True)
    native = sender.outbound(a_call(headers=HEADERS), choice, to(deployment), exchange()).head
    through = sender.outbound(a_call(headers=HEADERS, route=THROUGH), choice, to(deployment), exchange()).head
    assert (b"X-Trace" in native, b"OpenAI-Beta" in native) == (False, True)
    assert b"X-Trace: 1\r\n" in through


@pytest.mark.parametrize("forwards", [False, True])
def test_a_custom_target_learns_of_the_client_only_what_was_allowed(
    send: Any, a_call: MakeCall, a_deployment: MakeDeployment, forwards: bool
) -> None:
    custom = msgspec.structs.replace(CUSTOM, forward_headers=forwards)
    call = a_call(
        headers=HEADERS, route=Route(Kind.CUSTOM, "/c", b"/sub", custom=custom), json=None, form=None
    )
    head = send(call, a_deployment(), named=False).head
    assert head.startswith(b"POST /v1/sub HTTP/1.1\r\n")
    assert (b"X-Trace" in head) is forwards
    assert b"Accept: */*\r\n" in head


# -- translation


def test_chat_for_a_completions_deployment(send: Any, a_call: MakeCall, a_deployment: MakeDeployment) -> None:
    deployment = a_deployment(provider="text-completion-openai")
    call = a_call(b'{"model":"m","messages":[{"role":"user","content":"hi"}]}')
    out = send(call, deployment)
    assert out.head.startswith(b"POST /v1/completions HTTP/1.1\r\n")
    assert msgspec.json.decode(out.body)["prompt"] == "hi"
    assert out.translation is not None
    assert send(call, a_deployment()).translation is None
    assert send(a_call(route=THROUGH), deployment, named=False).translation is None
