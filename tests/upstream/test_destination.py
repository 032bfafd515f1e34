from __future__ import annotations

import pytest

from proxy.providers.dialect import own_headers
from proxy.types import Deployment, Secret
from proxy.upstream.destination import EVERYTHING, Destination, Endpoint, Forwarding
from proxy.wire.form import SIEVES_REMEMBERED
from proxy.wire.head import CHUNKED, NO_BODY
from proxy.wire.head_parser import HeadParser

PARSER = HeadParser(65536, 100)


def destination(*, yielding: frozenset[bytes] = frozenset(), **more) -> Destination:
    settings = {"api_key": Secret("sk-upstream"), "provider": "openai", **more}
    deployment = Deployment(
        id="d",
        group="g",
        model="m",
        api_base="https://up/v1",
        object_scope="s",
        **settings,
    )
    return Destination(
        deployment, Endpoint("up", 443, tls=True), b"/v1", b"up.example", yielding, own_headers(deployment)
    )


def client(*lines: bytes):
    raw = b"\r\n".join((b"POST /v1/x HTTP/1.1", b"Host: gateway", *lines)) + b"\r\n\r\n"
    return PARSER.parse(raw)[0]


def sent(head: bytes) -> list[bytes]:
    """Its header lines, behind the request line and the destination's own two."""
    lines = head.split(b"\r\n")
    assert lines[-2:] == [b"", b""]
    return lines[3:-2]


def lines_of(
    *lines: bytes, to: Destination | None = None, forwarding: Forwarding = EVERYTHING
) -> list[bytes]:
    return sent((to or destination()).head(client(*lines), forwarding, NO_BODY, b"/v1/x"))


def test_the_whole_head() -> None:
    known, to = client(b"X-One: 1", b"content-length: 5", b"x-two:2"), destination()
    head = to.head(known, EVERYTHING, 5, b"/v1/x?a=1&a=2")
    assert head == (
        b"POST /v1/x?a=1&a=2 HTTP/1.1\r\nHost: up.example\r\nAuthorization: Bearer sk-upstream\r\n"
        b"X-One: 1\r\nContent-Length: 5\r\nx-two:2\r\n\r\n"
    )


def test_order_spelling_and_repetition_stay() -> None:
    lines = [b"B-Second: 1", b"a-first: 2", b"X-Same: a", b"x-sAME: b", b"X-Same: a"]
    assert lines_of(*lines) == lines


def test_bytes_beyond_ascii_stay() -> None:
    assert lines_of(b"X-Name: J\xc3\xbcrgen \xff") == [b"X-Name: J\xc3\xbcrgen \xff"]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([b"Content-Length: 9", b"A: 1"], [b"Content-Length: 5", b"A: 1"]),
        ([b"A: 1", b"Content-Length: 9"], [b"A: 1", b"Content-Length: 5"]),
        ([b"A: 1", b"Content-Length: 9", b"B: 2"], [b"A: 1", b"Content-Length: 5", b"B: 2"]),
        ([b"A: 1"], [b"A: 1", b"Content-Length: 5"]),
        ([b"Te: x", b"Content-Length: 9", b"B: 2"], [b"Content-Length: 5", b"B: 2"]),
    ],
)
def test_content_length_stays_in_its_place(lines: list[bytes], expected: list[bytes]) -> None:
    assert sent(destination().head(client(*lines), EVERYTHING, 5, b"/")) == expected


def test_framing_is_the_gateways_own() -> None:
    chunked = client(b"Transfer-Encoding: chunked")
    assert sent(destination().head(chunked, EVERYTHING, CHUNKED, b"/")) == [b"Transfer-Encoding: chunked"]
    assert sent(destination().head(chunked, EVERYTHING, 3, b"/")) == [b"Content-Length: 3"]
    assert sent(destination().head(client(), EVERYTHING, NO_BODY, b"/")) == []


@pytest.mark.parametrize(
    "line",
    [
        b"Connection: keep-alive",
        b"Keep-Alive: timeout=5",
        b"Proxy-Connection: keep-alive",
        b"Proxy-Authorization: Basic x",
        b"TE: trailers",
        b"Trailer: X",
        b"Upgrade: h2c",
        b"Expect: 100-continue",
        b"Authorization: Bearer sk-gateway",
        b"API-Key: sk-gateway",
        b"x-api-key: sk-gateway",
        b"X-Goog-Api-Key: sk-gateway",
        b"Ocp-Apim-Subscription-Key: sk-gateway",
        b"Cookie: session=1",
        b"X-Amzn-Oidc-Data: eyJ",
        b"X-LiteLLM-Target-Model: gpt-4o",
        b"x-litellm-anything: x",
    ],
)
def test_what_never_leaves_the_gateway(line: bytes) -> None:
    assert lines_of(b"A: 1", line, b"B: 2") == [b"A: 1", b"B: 2"]


def test_what_connection_names_stays_behind() -> None:
    assert lines_of(
        b"Connection: close, X-Secret", b"x-secret: 1", b"X-Public: 2", b"Connection: x-more", b"X-More: 3"
    ) == [b"X-Public: 2"]


def test_a_deployments_headers_replace_the_clients() -> None:
    to = destination(headers=((b"X-Tenant", b"ours"), (b"authorization", b"Basic b3Vycw==")))
    head = to.head(client(b"x-tenant: theirs", b"X-Other: 1"), EVERYTHING, NO_BODY, b"/")
    assert head == (
        b"POST / HTTP/1.1\r\nHost: up.example\r\nX-Tenant: ours\r\nauthorization: Basic b3Vycw==\r\nX-Other: 1\r\n\r\n"
    )


def test_the_organization_of_the_deployment_wins() -> None:
    to = destination(organization="org-ours")
    head = to.head(client(b"OpenAI-Organization: org-theirs"), EVERYTHING, NO_BODY, b"/")
    assert head.lower().count(b"openai-organization") == 1
    assert b"OpenAI-Organization: org-ours\r\n" in head


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"openai-organization: org-theirs", b"openai-organization: org-theirs"),
        (b"A: 1", b"OpenAI-Organization: org-ours"),
    ],
)
def test_an_organization_that_yields_to_the_clients(line: bytes, expected: bytes) -> None:
    to = destination(organization="org-ours", yielding=frozenset((b"openai-organization",)))
    head = to.head(client(line), EVERYTHING, NO_BODY, b"/")
    assert head.lower().count(b"openai-organization") == 1
    assert expected in head


def test_forwarding_may_hold_back() -> None:
    lines = [b"A: 1", b"X-Trace: 2", b"OpenAI-Organization: org"]
    assert lines_of(*lines, forwarding=Forwarding(extensions=False)) == [b"A: 1", b"OpenAI-Organization: org"]
    withheld = Forwarding(withheld=frozenset((b"openai-organization",)))
    assert lines_of(*lines, forwarding=withheld) == [b"A: 1", b"X-Trace: 2"]
    assert lines_of(*lines, forwarding=Forwarding(only=frozenset((b"x-trace",)))) == [b"X-Trace: 2"]
    assert lines_of(*lines, forwarding=EVERYTHING.without(frozenset((b"a",)))) == lines[1:]


@pytest.mark.parametrize(
    ("provider", "goes"),
    [
        ("openai", [b"OpenAI-Organization: o", b"openai-project: p", b"X-Goog-User-Project: g"]),
        ("groq", []),
        ("anthropic", [b"anthropic-beta: b"]),
        ("gemini", [b"X-Goog-User-Project: g"]),
    ],
)
@pytest.mark.parametrize("forwarding", [EVERYTHING, Forwarding(withheld=frozenset((b"b",)))])
def test_what_is_said_to_one_provider_goes_to_no_other(
    provider: str, goes: list[bytes], forwarding: Forwarding
) -> None:
    lines = (b"OpenAI-Organization: o", b"openai-project: p", b"anthropic-beta: b", b"X-Goog-User-Project: g")
    head = destination(provider=provider).head(client(b"A: 1", *lines), forwarding, NO_BODY, b"/")
    assert [line for line in sent(head) if not line.startswith(b"anthropic-version")] == [b"A: 1", *goes]


def test_a_deployment_without_a_key_sends_none() -> None:
    head = destination(api_key=Secret("")).head(client(), EVERYTHING, NO_BODY, b"/")
    assert head == b"POST / HTTP/1.1\r\nHost: up.example\r\n\r\n"


def test_what_one_client_sends_another_does_not() -> None:
    to = destination()
    silent = Forwarding(extensions=False)
    for _ in range(4):
        for user in (b"alice", b"bob"):
            known = client(b"X-User: " + user, b"A: 1")
            assert sent(to.head(known, EVERYTHING, NO_BODY, b"/")) == [b"X-User: " + user, b"A: 1"]
            assert sent(to.head(known, silent, NO_BODY, b"/")) == [b"A: 1"]


def test_per_cent_signs_stay() -> None:
    for number in range(4):
        lines = [b"X%%d: %b %s", b"X-Number%%: %d" % number, b"Content-Length: 5"]
        assert lines_of(*lines) == [*lines[:2]]
        assert sent(destination().head(client(*lines), EVERYTHING, 5, b"/%b")) == lines


def test_deployments_share_what_is_known_of_a_form() -> None:
    known = client(b"X-User: alice")
    for number in range(200):
        destination(headers=((b"X-Tenant", b"%d" % number),), api_key=Secret(f"sk-{number}")).head(
            known, EVERYTHING, 5, b"/"
        )
    assert len(known.form.kept) == 1
    for number in range(200):
        destination(headers=((b"X-%d" % number, b""),)).head(known, EVERYTHING, 5, b"/")
    assert len(known.form.kept) <= SIEVES_REMEMBERED


def test_a_requests_own_headers_stand_in_for_the_clients_and_give_way_to_the_deployments() -> None:
    head, to = client(b"X-Version: 1", b"X-Beta: 2"), destination(headers=((b"X-Beta", b"own"),))
    more = ((b"x-version", b"9"), (b"x-beta", b"9"))
    for _ in range(2):
        assert sent(to.head(head, EVERYTHING, NO_BODY, b"/", more)) == [b"X-Beta: own", b"x-version: 9"]
        assert sent(to.head(head, EVERYTHING, NO_BODY, b"/")) == [b"X-Beta: own", b"X-Version: 1"]
