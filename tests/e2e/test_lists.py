"""Lists of an upstream's objects: each key sees its own, whatever the upstream's pages are like."""

from __future__ import annotations

import gzip
import itertools
import json
from collections.abc import Iterator, Sequence
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from loadtest.answers import JSON_TYPE, Answer, RawRequest, error
from loadtest.gateway_process import GatewayProcess, running_gateway
from tests.e2e.conftest import GATEWAY_KEY, RawAnswer, RawClient, Upstream

CONFIG = """
model_list:
  - model_name: gpt-4o
    litellm_params: {model: openai/gpt-4o, api_base: UPSTREAM/v1, api_key: sk-upstream, use_in_pass_through: true}
general_settings: {master_key: sk-gateway-master}
sluice_settings:
  object_list_pages: 4
  keys:
    - {key: sk-a-key-of-the-first, key_alias: first}
    - {key: sk-a-key-of-the-other, key_alias: other}
"""
FIRST, OTHER = "sk-a-key-of-the-first", "sk-a-key-of-the-other"
MOST = 100
NUMBERS = itertools.count()
"""No id is given twice: whose one is stays."""


class Files:
    """An upstream's files, oldest last, which it lists page by page."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.coded = False
        self.broken_after: str | None = None

    def __call__(self, request: RawRequest) -> Answer | None:
        if request.method == b"POST":
            self.ids.insert(0, f"file-{next(NUMBERS):024}")
            return Answer(body=json.dumps({"id": self.ids[0], "object": "file"}).encode())
        query = parse_qs(urlsplit(request.target.decode()).query)
        after = query.get("after", [None])[0]
        if after is not None and after == self.broken_after:
            return error(500)
        start = 0 if after is None else self.ids.index(after) + 1
        size = min(MOST, int(query.get("limit", ["2"])[0]))
        return self._page(self.ids[start : start + size], more=start + size < len(self.ids))

    def _page(self, ids: Sequence[str], *, more: bool) -> Answer:
        ends = {"first_id": ids[0], "last_id": ids[-1]} if ids else {"first_id": None, "last_id": None}
        data = [{"id": id_, "object": "file"} for id_ in ids]
        text = json.dumps({"object": "list", "data": data, **ends, "has_more": more}).encode()
        if self.coded:
            return Answer(
                body=gzip.compress(text),
                headers=(JSON_TYPE, (b"content-encoding", b"gzip"), (b"etag", b'"of-all"')),
            )
        return Answer(body=text)


@pytest.fixture(scope="module")
def gateway(started_upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    config = CONFIG.replace("UPSTREAM", started_upstream.origin)
    with running_gateway(tmp_path_factory.mktemp("lists"), config=config, key=GATEWAY_KEY) as running:
        yield running


@pytest.fixture
def files(upstream: Upstream) -> Files:
    found = Files()
    upstream.say(*[found] * 500)  # type: ignore[list-item]
    return found


class Asking:
    """A client of either door."""

    def __init__(self, gateway: GatewayProcess, door: str) -> None:
        self._gateway = gateway
        self._door = door

    def make(self, key: str, count: int = 1) -> None:
        for _ in range(count):
            made = httpx.post(
                f"{self._gateway.url}/v1/files",
                headers={"authorization": f"Bearer {key}"},
                files={"file": ("a.txt", b"text")},
                data={"purpose": "batch"},
            )
            assert made.status_code == 200, made.text

    def list(self, key: str, query: str = "", path: str = "/v1/files") -> RawAnswer:
        client = RawClient(self._gateway.port, key)
        version = "1.1" if self._door == "fast" else "1.0"
        lines = f"GET {path}{query} HTTP/{version}\r\nHost: g\r\nAuthorization: Bearer {key}\r\n\r\n"
        try:
            return client.exchange(lines.encode())
        finally:
            client.close()


@pytest.fixture(params=["fast", "asgi"])
def ask(gateway: GatewayProcess, request: pytest.FixtureRequest) -> Asking:
    return Asking(gateway, request.param)


def ids(answer: RawAnswer) -> list[str]:
    assert answer.status == 200, answer.body
    return [each["id"] for each in json.loads(answer.body)["data"]]


@pytest.mark.parametrize("path", ["/v1/files", "/files", "/openai/v1/files", "/openai/files"])
@pytest.mark.parametrize("coded", [False, True])
def test_a_page_holds_ones_own_and_is_filled_from_the_next(
    ask: Asking, files: Files, path: str, coded: bool
) -> None:
    files.coded = coded
    ask.make(FIRST)
    ask.make(OTHER, 5)
    ask.make(FIRST, 2)
    mine = [files.ids[0], files.ids[1], files.ids[7]]
    page = ask.list(FIRST, "?limit=2", path)
    assert ids(page) == mine[:2]
    said = json.loads(page.body)
    assert (said["first_id"], said["last_id"], said["has_more"]) == (mine[0], mine[1], True)
    assert page.header(b"content-encoding") is None
    assert page.header(b"etag") is None
    last = ask.list(FIRST, f"?limit=2&after={mine[1]}", path)
    assert ids(last) == mine[2:]
    assert json.loads(last.body)["has_more"] is False
    assert ids(ask.list(OTHER, "?limit=2", path)) == files.ids[2:4]
    files.coded = False
    assert ids(ask.list(GATEWAY_KEY, "?limit=100", path)) == files.ids


def test_who_has_none_sees_an_empty_list(ask: Asking, files: Files) -> None:
    ask.make(OTHER, 3)
    page = ask.list(FIRST)
    assert ids(page) == []
    assert json.loads(page.body)["has_more"] is False


def test_ones_own_too_far_behind_others_are_not_said_to_be_none(ask: Asking, files: Files) -> None:
    files.ids = [f"file-{number:024}" for number in range(10**6, 10**6 + 400)]
    refused = ask.list(FIRST)
    assert (refused.status, refused.error["code"]) == (403, "list_of_everybody")
    del files.ids[300:]
    assert ids(ask.list(FIRST)) == []


def test_a_page_that_the_upstream_does_not_give_is_not_said_to_be_the_last(ask: Asking, files: Files) -> None:
    ask.make(FIRST, 3)
    ask.make(OTHER, 3)
    files.broken_after = files.ids[1]
    broken = ask.list(FIRST)
    assert (broken.status, broken.error["code"]) == (502, "upstream_list_broken")


@pytest.mark.parametrize(
    "body",
    [
        b'{"object":"page","data":[{"results":[]}]}',
        b'{"usage":17}',
        b"<html>",
        b'{"data":[],"next_page":"p2"}',
    ],
)
def test_what_is_no_list_of_objects_is_refused(ask: Asking, upstream: Upstream, body: bytes) -> None:
    upstream.say(Answer(body=body))
    refused = ask.list(FIRST, path="/v1/organization/costs")
    assert (refused.status, refused.error["code"]) == (403, "list_of_everybody")


def test_an_error_of_the_upstreams_is_told_as_it_is(ask: Asking, upstream: Upstream) -> None:
    upstream.say(error(400))
    assert ask.list(FIRST, "?limit=-1").status == 400


def test_only_a_lists_beginning_is_no_list(ask: Asking, upstream: Upstream) -> None:
    upstream.say(Answer(status=206, body=b'{"object":"list","data":['))
    assert ask.list(FIRST).status == 403
