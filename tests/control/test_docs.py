from __future__ import annotations

import gzip
import json
import re
from html.parser import HTMLParser

import pytest

from proxy.control import docs


class Links(HTMLParser):
    """Every URL a page names, and whether it holds script or style of its own."""

    def __init__(self, html: bytes) -> None:
        super().__init__()
        self.urls: list[str] = []
        self.inline: list[str] = []
        self._in = ""
        self.feed(html.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.urls += [value or "" for name, value in attrs if name in ("src", "href")]
        self.inline += [name for name, _ in attrs if name.startswith("on") or name == "style"]
        self._in = tag

    def handle_endtag(self, tag: str) -> None:
        self._in = ""

    def handle_data(self, data: str) -> None:
        if self._in in ("script", "style") and data.strip():
            self.inline.append(data)


@pytest.mark.parametrize("path", ["/", "/docs"])
async def test_the_page_is_complete_on_this_machine(ask, path):
    reply = await ask(path)
    assert (reply.status, reply.content_type) == (200, "text/html; charset=utf-8")
    links = Links(reply.body)
    assert links.inline == []
    urls = [url for url in links.urls if url != "data:,"]
    assert len(urls) == 4
    for url in urls:
        assert (await ask("/" + url.partition("?")[0])).status == 200


async def test_the_page_may_load_and_call_nothing_else(ask):
    headers = dict((await ask("/docs")).headers)
    policy = headers[b"content-security-policy"]
    assert b"default-src 'none'" in policy
    assert b"unsafe" not in policy
    assert b"http" not in policy
    assert headers[b"x-content-type-options"] == b"nosniff"


async def test_static_files_are_named_by_version_and_kept(ask):
    body = (await ask("/")).body.decode()
    assert f"swagger-ui-bundle.js?v={docs.SWAGGER_UI_VERSION}" in body
    assert "docs.js?v=1.2.3" in body
    headers = dict((await ask("/docs/static/docs.js")).headers)
    assert b"immutable" in headers[b"cache-control"]
    assert re.fullmatch(rb'"[0-9a-f]{16}"', headers[b"etag"])


@pytest.mark.parametrize(
    ("name", "content_type", "holds"),
    [
        ("swagger-ui-bundle.js", "text/javascript; charset=utf-8", b"SwaggerUIBundle"),
        ("swagger-ui.css", "text/css; charset=utf-8", b".swagger-ui"),
    ],
)
async def test_the_two_large_files_are_sent_as_they_are_stored(ask, name, content_type, holds):
    reply = await ask(f"/docs/static/{name}")
    assert reply.content_type == content_type
    assert (b"content-encoding", b"gzip") in reply.headers
    assert holds in gzip.decompress(reply.body)


async def test_docs_js_calls_nobody(ask):
    body = (await ask("/docs/static/docs.js")).body
    assert b"://" not in body
    assert b"validatorUrl: null" in body


@pytest.mark.parametrize(
    "name", ["nope.js", "", "../docs.py", "README.md", "swagger-ui-bundle.js.gz", "%2e%2e/x"]
)
async def test_only_the_listed_files_are_served(ask, name):
    assert (await ask(f"/docs/static/{name}")).status == 404


async def test_the_licences_are_shipped():
    assert "Apache License" in (docs.STATIC_DIR / "swagger-ui.LICENSE").read_text()
    assert "SmartBear" in (docs.STATIC_DIR / "swagger-ui.NOTICE").read_text()
    assert docs.SWAGGER_UI_VERSION in (docs.STATIC_DIR / "README.md").read_text()


async def test_the_description_is_made_once(ask):
    first = await ask("/openapi.json")
    assert first.content_type == "application/json"
    assert (await ask("/openapi.json")).body is first.body


async def test_the_description_names_the_address_that_it_was_asked_at(ask):
    """Postman takes no relative server."""
    described = json.loads((await ask("/openapi.json", base_url="https://gateway.example:8443")).body)
    assert [server["url"] for server in described["servers"]] == ["https://gateway.example:8443"]
    plain = json.loads((await ask("/openapi.json")).body)
    assert [server["url"] for server in plain["servers"]] == ["/"]
    assert {**described, "servers": plain["servers"]} == plain
