"""`/` and `/docs`: Swagger UI, served from this machine alone, and `/openapi.json`, which it shows."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import msgspec

from proxy.errors import path_not_found
from proxy.types import Header, Headers, Page, PageRequest, Reply

SWAGGER_UI_VERSION = "5.35.0"
STATIC_DIR = Path(__file__).parent / "static"
STATIC_PATH = "/docs/static/"

CONTENT_SECURITY_POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "
    b"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""No inline script, nothing from elsewhere: a key typed into this page can go to this gateway only."""
PAGE_HEADERS: Headers = (
    (b"content-security-policy", CONTENT_SECURITY_POLICY),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-cache"),
)
FOREVER: Header = (b"cache-control", b"public, max-age=31536000, immutable")
"""The page asks for static files by version: what a URL names never changes."""


class StaticFile(msgspec.Struct, frozen=True):
    stored_as: str
    content_type: str


STATIC_FILES: dict[str, StaticFile] = {
    "swagger-ui-bundle.js": StaticFile("swagger-ui-bundle.js.gz", "text/javascript; charset=utf-8"),
    "swagger-ui.css": StaticFile("swagger-ui.css.gz", "text/css; charset=utf-8"),
    "docs.js": StaticFile("docs.js", "text/javascript; charset=utf-8"),
    "swagger-ui-bundle.js.LICENSE.txt": StaticFile(
        "swagger-ui-bundle.js.LICENSE.txt", "text/plain; charset=utf-8"
    ),
}


def docs_pages(described: Sequence[Page], version: str) -> tuple[Page, ...]:
    """`described`: the gateway's other pages, to be shown together with these."""

    @functools.cache
    def description() -> bytes:
        # Here and not on top: its tables cost 10 ms at start, and most processes are never asked.
        from proxy.control.openapi import document  # noqa: PLC0415

        return document((*described, *made), version)

    async def described_at(request: PageRequest) -> Reply:
        body = _addressed(description(), request.base_url)
        return Reply(200, body, headers=(_etag(body), (b"cache-control", b"no-cache")))

    @functools.cache
    def html() -> Reply:
        text = (STATIC_DIR / "docs.html").read_text()
        text = text.replace("{swagger_ui}", SWAGGER_UI_VERSION).replace("{sluice}", version)
        return Reply(200, text.encode(), "text/html; charset=utf-8", PAGE_HEADERS)

    made = (
        Page("/", _always(html), public=True, summary="The documentation, to read and to try"),
        Page("/docs", _always(html), public=True, summary="The documentation, to read and to try"),
        Page(f"{STATIC_PATH}{{name}}", _static, public=True, summary="Files of the documentation page"),
        Page("/openapi.json", described_at, public=True, summary="This description"),
    )
    return made


def _always(reply: Callable[[], Reply]) -> Callable[[PageRequest], Awaitable[Reply]]:
    async def answer(request: PageRequest) -> Reply:
        return reply()

    return answer


def _addressed(description: bytes, base_url: str) -> bytes:
    """Postman and Insomnia take no relative address for a server."""
    if not base_url:
        return description
    from proxy.control.openapi import SERVER  # noqa: PLC0415 - as above

    named = msgspec.json.encode({**SERVER, "url": base_url})
    return description.replace(msgspec.json.encode(SERVER), named, 1)


async def _static(request: PageRequest) -> Reply:
    name = request.path.removeprefix(STATIC_PATH)
    if name not in STATIC_FILES:
        return path_not_found(request.method, request.path).reply()
    return _static_reply(name)


@functools.cache
def _static_reply(name: str) -> Reply:
    """Gzip is not negotiated: what shows this page is a browser, and every browser takes gzip."""
    file = STATIC_FILES[name]
    body = (STATIC_DIR / file.stored_as).read_bytes()
    encoding: Headers = ((b"content-encoding", b"gzip"),) if file.stored_as.endswith(".gz") else ()
    headers = (*encoding, _etag(body), FOREVER, (b"x-content-type-options", b"nosniff"))
    return Reply(200, body, file.content_type, headers)


def _etag(body: bytes) -> Header:
    return b"etag", b'"' + hashlib.sha256(body).hexdigest()[:16].encode() + b'"'
