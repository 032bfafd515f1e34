"""Azure, Bedrock and Vertex as their servers see them: addresses, tokens, signatures, and what their errors teach."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import msgspec
import pytest

from loadtest.answers import Answer, chat
from proxy.providers.sigv4 import signature
from proxy.types import Secret, SigningKey

DOORS = ["HTTP/1.1", "HTTP/1.0"]
KEY = "sk-gateway-master"
CONFIG = """
model_list:
  - model_name: azure
    litellm_params: {model: azure/my gpt, api_base: UPSTREAM, api_key: k-azure, api_version: 2024-10-21}
  - {model_name: azure-v1, litellm_params: {model: azure/gpt, api_base: UPSTREAM, api_key: k-v1, api_version: v1}}
  - {model_name: "azure/*", litellm_params: {model: azure/*, api_base: UPSTREAM/star, api_key: k, api_version: V}}
  - model_name: entra
    litellm_params:
      {model: azure/gpt, api_base: UPSTREAM/e, api_version: V, tenant_id: good, client_id: c, client_secret: s}
  - model_name: refused
    litellm_params:
      {model: azure/gpt, api_base: UPSTREAM/r, api_version: V, tenant_id: bad, client_id: c, client_secret: s}
  - {model_name: refused, litellm_params: {model: openai/m, api_base: UPSTREAM/v1, api_key: k-other, order: 1}}
  - model_name: alone
    litellm_params:
      {model: azure/gpt, api_base: UPSTREAM/a, api_version: V, tenant_id: bad, client_id: c, client_secret: s}
  - model_name: bedrock
    litellm_params:
      model: bedrock/openai.gpt-oss-120b-1:0
      api_base: UPSTREAM/openai/v1
      aws_access_key_id: AKID
      aws_secret_access_key: SECRET
      aws_region_name: us-west-2
  - model_name: vertex
    litellm_params: {model: vertex_ai/gemini-2.5-pro, api_base: UPSTREAM, vertex_project: p, vertex_location: global}
  - {model_name: filtered, litellm_params: {model: azure/gpt, api_base: UPSTREAM/f, api_key: k, api_version: V}}
  - {model_name: unfiltered, litellm_params: {model: openai/u, api_base: UPSTREAM/u, api_key: k-u}}
router_settings: {content_policy_fallbacks: [{filtered: [unfiltered]}], num_retries: 1}
"""


class Giver(BaseHTTPRequestHandler):
    """Gives tokens: Entra's to the good tenant, and Google's metadata server's."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        good = self.path == "/good/oauth2/v2.0/token"
        self._say(200, b'{"access_token":"of-entra","expires_in":3599}') if good else self._say(
            401, b'{"error":"invalid_client","error_description":"s is wrong"}'
        )

    def do_GET(self) -> None:
        assert self.headers["metadata-flavor"] == "Google"
        self._say(200, b'{"access_token":"of-google","expires_in":3599,"token_type":"Bearer"}')

    def _say(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture(scope="module")
def giver() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Giver) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def gateway(start, giver):
    with start(CONFIG, AZURE_AUTHORITY_HOST=f"http://{giver}", GCE_METADATA_HOST=giver) as gateway:
        yield gateway


@pytest.fixture
def ask(gateway, connect):
    def asked(model: str, door: str = "HTTP/1.1", path: str = "/v1/chat/completions", **more: object):
        body = msgspec.json.encode({"model": model, "messages": [{"role": "user", "content": "hi"}], **more})
        lines = f"POST {path} {door}\r\nHost: gateway\r\nAuthorization: Bearer {KEY}\r\n"
        head = f"{lines}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        with connect(gateway) as client:
            return client.exchange(head.encode() + body)

    return asked


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    ("model", "target", "header", "value"),
    [
        ("azure", b"/openai/deployments/my%20gpt/chat/completions?api-version=2024-10-21", b"api-key", b"k-azure"),
        ("azure-v1", b"/openai/v1/chat/completions", b"api-key", b"k-v1"),
        ("azure/a/b", b"/star/openai/deployments/a%2Fb/chat/completions?api-version=V", b"api-key", b"k"),
        ("entra", b"/e/openai/deployments/gpt/chat/completions?api-version=V", b"authorization", b"Bearer of-entra"),
        ("vertex", b"/v1/projects/p/locations/global/endpoints/openapi/chat/completions", b"authorization",
         b"Bearer of-google"),
    ],
)  # fmt: skip
def test_addresses_and_credentials(
    model: str, target: bytes, header: bytes, value: bytes, door: str, ask, upstream
) -> None:
    for _ in range(2):
        assert ask(model, door).status == 200
        assert (upstream.last.target, upstream.last.header(header)) == (target, value)
    assert (upstream.last.header(b"authorization") is None) == (header == b"api-key")


def test_a_model_of_a_pattern_has_its_own_address(ask, upstream) -> None:
    for name in ("one", "two"):
        ask(f"azure/{name}")
        assert b"/deployments/%b/" % name.encode() in upstream.last.target


def test_a_redirect_is_followed_with_a_token_too(ask, upstream) -> None:
    upstream.say(Answer(status=307, headers=((b"location", b"/elsewhere"),)), chat())
    assert ask("entra").status == 200
    assert [each.target for each in upstream.requests][1:] == [b"/elsewhere"]
    assert upstream.last.header(b"authorization") == b"Bearer of-entra"


def test_azures_clients_and_azures_servers_have_versions_of_their_own(ask, upstream) -> None:
    ask("azure", path="/openai/deployments/azure/chat/completions?api-version=2023-05-15&x=1")
    assert upstream.last.target == b"/openai/deployments/my%20gpt/chat/completions?x=1&api-version=2024-10-21"


@pytest.mark.parametrize("door", DOORS)
def test_a_request_to_bedrock_is_signed(door: str, ask, upstream) -> None:
    assert ask("bedrock", door).status == 200
    sent = upstream.last
    assert sent.target == b"/openai/v1/chat/completions"
    assert msgspec.json.decode(sent.body)["model"] == "openai.gpt-oss-120b-1:0"
    stamp = sent.header(b"x-amz-date").decode()
    now_unix = datetime.strptime(f"{stamp}+0000", "%Y%m%dT%H%M%SZ%z").timestamp()
    assert abs(now_unix - time.time()) < 60
    key = SigningKey(access_key="AKID", secret=Secret("SECRET"), region="us-west-2", service="bedrock")
    wanted = dict(signature(key, b"POST", sent.header(b"host"), sent.target, sent.body, now_unix))
    assert sent.header(b"authorization") == wanted[b"Authorization"]


def test_where_there_is_no_token_another_is_asked_at_once(ask, upstream) -> None:
    started = time.monotonic()
    for _ in range(3):
        assert ask("refused").status == 200
    assert upstream.last.header(b"authorization") == b"Bearer k-other"
    assert time.monotonic() - started < 5.0


def test_where_nobody_else_is_the_reason_is_told_and_no_secret(ask, gateway, upstream) -> None:
    got = ask("alone")
    assert got.status == 502
    assert b"No token for this upstream: answered 401 invalid_client" in got.body
    assert not upstream.requests
    assert "invalid_client" in gateway.output
    assert "s is wrong" not in gateway.output


FILTERED = (
    b'{"error":{"message":"The response was filtered due to the prompt triggering Azure OpenAI\'s content management'
    b' policy.","type":null,"param":"prompt","code":"content_filter","status":400,"innererror":{"code":'
    b'"ResponsibleAIPolicyViolation","content_filter_result":{"hate":{"filtered":true,"severity":"high"}}}}}'
)


def test_azures_content_filter_turns_to_its_fallbacks(ask, upstream) -> None:
    upstream.say(Answer(400, chat().headers, FILTERED), chat())
    assert ask("filtered").status == 200
    assert [each.target for each in upstream.requests][-1] == b"/u/chat/completions"


def test_azures_rates_are_no_limits_where_they_are_not_known(ask, upstream) -> None:
    unknown = ((b"x-ratelimit-remaining-requests", b"-1"), (b"x-ratelimit-remaining-tokens", b"0"),
               (b"x-ratelimit-reset-tokens", b"0"))  # fmt: skip
    upstream.say(Answer(200, (*chat().headers, *unknown), chat().body))
    assert [ask("azure-v1").status for _ in range(2)] == [200, 200]


def test_the_probe_asks_each_as_it_must_be_asked(gateway, connect, upstream) -> None:
    with connect(gateway) as client:
        client.request("GET", "/health?probe=true")
    asked = {each.target: each for each in upstream.requests}
    assert asked[b"/e/openai/models?api-version=V"].header(b"authorization") == b"Bearer of-entra"
    assert asked[b"/openai/v1/models"].method == b"GET"
    assert asked[b"/openai/models?api-version=2024-10-21"].header(b"api-key") == b"k-azure"
