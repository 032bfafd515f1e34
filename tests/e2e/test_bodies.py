"""Whatever a body is coded in, however late its model stands in it: the group that it names serves it, or nobody."""

from __future__ import annotations

import gzip
import io
import json
import os
import random
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import brotli
import httpx
import openai
import pytest

from loadtest.answers import Answer
from loadtest.gateway_process import GatewayProcess
from proxy.gateway.reading.multipart import boundary_of

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

KEY = "sk-gateway-master"
CONFIG = """
model_list:
  - model_name: gpt-a
    litellm_params: {model: openai/gpt-a, api_base: UPSTREAM/v1, api_key: sk-a, use_in_pass_through: true}
  - model_name: gpt-b
    litellm_params: {model: openai/upstream-b, api_base: UPSTREAM/v1, api_key: sk-b}
  - model_name: same
    litellm_params: {model: openai/same, api_base: UPSTREAM/v1, api_key: sk-same}
  - model_name: shelf/*
    litellm_params: {model: openai/*, api_base: UPSTREAM/v1, api_key: sk-shelf}
sluice_settings: {peek_limit_mb: 4, form_limit_mb: 60, held_bodies_mb: 96, spool_folder: "FOLDER"}
router_settings: {num_retries: 1}
"""
LARGE = random.Random(7).randbytes(40 * 1024 * 1024)
IMAGE = {"created": 1, "data": [{"b64_json": ""}]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("spool")


@pytest.fixture(scope="module")
def gateway(start, folder: Path) -> Iterator[GatewayProcess]:
    with start(CONFIG.replace("FOLDER", str(folder))) as running:
        yield running


@pytest.fixture(params=["fast", "http2"])
def client(request: pytest.FixtureRequest, gateway: GatewayProcess) -> Iterator[httpx.Client]:
    two = request.param == "http2"
    headers = {"authorization": f"Bearer {KEY}", "accept-encoding": "identity"}
    with httpx.Client(
        base_url=gateway.url, http1=not two, http2=two, headers=headers, timeout=60, trust_env=False
    ) as made:
        yield made


@pytest.fixture
def sdk(client: httpx.Client, gateway: GatewayProcess) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=KEY, http_client=client, max_retries=0)


def deleted_files(gateway: GatewayProcess) -> list[str]:
    links = [os.path.realpath(link) for link in Path(f"/proc/{gateway.process.pid}/fd").iterdir()]
    return [name for name in links if name.endswith("(deleted)") and "spool" in name]


def none_is_left(gateway: GatewayProcess) -> bool:
    deadline = time.monotonic() + 10
    while deleted_files(gateway) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not deleted_files(gateway)


# -- codings

CODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": partial(brotli.compress, quality=1),
    "zstd": zstd.compress,
    "gzip, gzip": lambda text: gzip.compress(gzip.compress(text)),
    "zstd, br": lambda text: brotli.compress(zstd.compress(text), quality=1),
}
JSON_PATHS = ["/v1/chat/completions", "/v1/responses", "/v1/assistants", "/openai/v1/responses"]


def asked_with(upstream) -> bytes:
    return {n.lower(): v for n, v in upstream.last.headers}[b"authorization"]


def coding_of(upstream) -> bytes | None:
    return {n.lower(): v for n, v in upstream.last.headers}.get(b"content-encoding")


@pytest.mark.parametrize("path", JSON_PATHS)
@pytest.mark.parametrize("coding", CODERS)
def test_the_group_that_a_coded_body_names_serves_it(client, upstream, coding: str, path: str) -> None:
    headers = {"content-encoding": coding, "content-type": "application/json"}
    renamed = json.dumps({"model": "gpt-b", "input": "x" * 5_000}).encode()
    assert client.post(path, content=CODERS[coding](renamed), headers=headers).status_code == 200
    assert (asked_with(upstream), coding_of(upstream)) == (b"Bearer sk-b", None)
    assert upstream.last.body == renamed.replace(b"gpt-b", b"upstream-b")
    same = CODERS[coding](renamed.replace(b"gpt-b", b"same"))
    assert client.post(path, content=same, headers=headers).status_code == 200
    assert (asked_with(upstream), coding_of(upstream)) == (b"Bearer sk-same", coding.encode())
    assert upstream.last.body == same, "the client's own bytes"


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses"])
@pytest.mark.parametrize("coding", CODERS)
def test_a_model_that_nobody_serves_is_404_in_every_coding(client, upstream, coding: str, path: str) -> None:
    answer = client.post(
        path, content=CODERS[coding](b'{"model":"nobody"}'), headers={"content-encoding": coding}
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found")
    assert upstream.requests == []


@pytest.mark.parametrize("path", JSON_PATHS)
@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        (b"\0", {"content-encoding": "compress"}, 415, "unsupported_content_encoding"),
        (b'{"model":"gpt-b","model":"gpt-a"}', {}, 400, "duplicate_key"),
        (b'{"model":"gpt-a","MODEL":"gpt-b"}', {}, 400, "duplicate_key"),
        (b'{"model":"gpt-b"', {}, 400, "invalid_json"),
        (zstd.compress(b"0" * 300_000_000), {"content-encoding": "zstd"}, 413, "request_too_large"),
    ],
)
def test_what_is_not_certain_is_refused(
    client, upstream, path: str, body: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    answer = client.post(path, content=body, headers={"content-type": "application/json", **headers})
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert upstream.requests == []


@pytest.mark.parametrize("content_type", ["application/octet-stream", "text/plain", ""])
def test_json_by_any_other_type(client, upstream, content_type: str) -> None:
    headers = {"content-type": content_type} if content_type else {}
    assert client.post("/v1/assistants", content=b'{"model":"gpt-b"}', headers=headers).status_code == 200
    assert asked_with(upstream) == b"Bearer sk-b"
    assert upstream.last.body == b'{"model":"upstream-b"}'


def test_a_large_coded_body(gateway, client, upstream) -> None:
    """30 MB of text, decoded in a thread."""
    text = json.dumps({"model": "gpt-b", "input": random.Random(1).randbytes(15_000_000).hex()}).encode()
    answer = client.post("/v1/responses", content=zstd.compress(text), headers={"content-encoding": "zstd"})
    assert answer.status_code == 200
    assert upstream.last.body == text.replace(b"gpt-b", b"upstream-b")


# -- forms


def post_form(client: httpx.Client, path: str, body: bytes, content_type: str) -> httpx.Response:
    """In pieces: httpx cuts a whole body anew for each frame of HTTP/2."""
    pieces = (body[at : at + 65_536] for at in range(0, len(body), 65_536))
    headers = {"content-type": content_type, "content-length": str(len(body))}
    return client.post(path, content=pieces, headers=headers)


def form(*fields: tuple[str, str | bytes]) -> tuple[bytes, str]:
    """The fields in this order, bytes as a file; and the type."""
    boundary = "----WebKitFormBoundary7MA4YWxkTrZu0gW"
    parts = []
    for name, value in fields:
        file = '; filename="a.png"\r\nContent-Type: image/png' if isinstance(value, bytes) else ""
        text = value if isinstance(value, bytes) else value.encode()
        parts.append(
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'.encode()
            + text
            + b"\r\n"
        )
    return b"".join(parts) + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


@pytest.mark.parametrize("path", ["/v1/images/edits", "/v1/videos", "/v1/audio/transcriptions"])
def test_a_file_of_40_mb_before_the_model(gateway, client, upstream, path: str) -> None:
    body, content_type = form(("image", LARGE), ("model", "gpt-b"), ("prompt", "p"))
    upstream.say(Answer(500, body=b"{}"), Answer(body=b"{}"))  # and it can be sent again
    assert post_form(client, path, body, content_type).status_code == 200
    assert len(upstream.requests) == 2
    expected = body.replace(b"\r\ngpt-b\r\n", b"\r\nupstream-b\r\n")
    for request in upstream.requests:
        assert {n.lower(): v for n, v in request.headers}[b"authorization"] == b"Bearer sk-b"
        assert request.body == expected
    assert none_is_left(gateway)


def test_a_file_of_40_mb_before_its_target(gateway, client, upstream) -> None:
    body, content_type = form(("file", LARGE), ("purpose", "batch"), ("target_model_names", "gpt-b"))
    assert post_form(client, "/v1/files", body, content_type).status_code == 200
    assert asked_with(upstream) == b"Bearer sk-b"
    assert upstream.last.body == form(("file", LARGE), ("purpose", "batch"))[0]
    assert none_is_left(gateway)


def test_the_sdks_image_edit(gateway, sdk: openai.OpenAI, upstream) -> None:
    upstream.say(Answer(body=json.dumps(IMAGE).encode()))
    picture = io.BytesIO(LARGE)
    picture.name = "a.png"
    assert sdk.images.edit(image=picture, prompt="p", model="gpt-b").data
    content_type = {n.lower(): v for n, v in upstream.last.headers}[b"content-type"]
    boundary = boundary_of(content_type)
    assert boundary is not None
    assert asked_with(upstream) == b"Bearer sk-b"
    assert LARGE in upstream.last.body
    assert upstream.last.body.count(b"\r\nupstream-b\r\n--" + boundary) == 1


def test_the_sdks_image_edit_with_the_file_first(gateway, sdk: openai.OpenAI, upstream) -> None:
    """As openai-node orders it; the SDK's own client sends it."""
    upstream.say(Answer(body=json.dumps(IMAGE).encode()))
    fields = [
        ("image", ("a.png", io.BytesIO(LARGE), "image/png")),
        ("model", (None, b"gpt-b")),
        ("prompt", (None, b"p")),
    ]
    options = {"headers": {"Content-Type": "multipart/form-data"}}
    got = sdk.post("/images/edits", cast_to=openai.types.ImagesResponse, files=fields, options=options)
    assert got.data
    assert asked_with(upstream) == b"Bearer sk-b"
    body = upstream.last.body
    assert body.index(b'name="image"') < body.index(b'name="model"')
    assert b"\r\nupstream-b\r\n" in body


def test_a_form_over_its_limit_is_413_before_it_has_come(gateway, connect, upstream) -> None:
    _, content_type = form(("image", b"x"))
    with connect(gateway) as raw:
        answer = raw.exchange(
            f"POST /v1/images/edits HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n"
            f"Content-Type: {content_type}\r\nContent-Length: {80 << 20}\r\n\r\n".encode()
        )
    assert (answer.status, answer.error["code"]) == (413, "request_too_large")
    assert "form_limit_mb" in str(answer.error["message"])
    assert upstream.requests == []
    assert none_is_left(gateway)


def test_a_client_that_leaves_leaves_nothing_behind(gateway, connect, upstream) -> None:
    body, content_type = form(("image", LARGE), ("model", "gpt-b"))
    with connect(gateway) as raw:
        raw.send(
            f"POST /v1/images/edits HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n"
            f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            + body[: len(body) // 2]
        )
        deadline = time.monotonic() + 10
        while not deleted_files(gateway):
            assert time.monotonic() < deadline, "it is on disk by now"
            time.sleep(0.01)
    assert none_is_left(gateway)
    assert upstream.requests == []


def test_without_a_disk_large_forms_are_507_and_others_are_served(start, connect, upstream) -> None:
    body, content_type = form(("image", LARGE[:6_000_000]), ("model", "gpt-b"))
    small, _ = form(("image", b"x"), ("model", "gpt-b"))
    with (
        start(CONFIG.replace("FOLDER", "/nowhere/at/all")) as running,
        httpx.Client(
            base_url=running.url, headers={"authorization": f"Bearer {KEY}"}, trust_env=False
        ) as client,
    ):
        answer = post_form(client, "/v1/images/edits", body, content_type)
        assert (answer.status_code, answer.json()["error"]["code"]) == (507, "insufficient_storage")
        assert upstream.requests == []
        answer = post_form(client, "/v1/images/edits", small, content_type)
        assert answer.status_code == 200
        assert "spool_folder" in running.output


# -- names behind patterns


def test_a_pattern_is_listed_by_its_upstreams_names(client, sdk: openai.OpenAI, upstream) -> None:
    models = [{"id": "m1", "object": "model", "created": 5, "owned_by": "them"}]
    upstream.say(Answer(body=json.dumps({"object": "list", "data": models}).encode()))
    assert [model.id for model in sdk.models.list()] == ["gpt-a", "gpt-b", "same", "shelf/m1"]
    assert sdk.models.retrieve("shelf/m1").created == 5
    with pytest.raises(openai.NotFoundError):
        sdk.models.retrieve("shelf/m2")
    assert sdk.models.retrieve("gpt-a").id == "gpt-a"
    assert all(request.target == b"/v1/models" for request in upstream.requests)
