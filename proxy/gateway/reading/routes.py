"""What a path means. Tables: adding an endpoint is a line.

Native routes know their model. Everything else of OpenAI's is passed through by rule, never by list: a new
endpoint works on the day it appears.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from urllib.parse import unquote

import msgspec

from proxy.errors import method_not_allowed, path_not_found
from proxy.gateway.reading.peek import usable_model
from proxy.providers.family import OTHER, family_of
from proxy.providers.reach import provider_named
from proxy.types import Page

MAX_REMEMBERED = 2048
"""Paths hold ids, so they are many; the busiest few are worth remembering. Emptied when full."""
MAX_REMEMBERED_BYTES = 256
"""Of a path: OpenAI's longest has some 150, and no client decides how much memory 2048 of them take."""


class Kind(enum.Enum):
    PAGE = "page"
    NATIVE = "native"
    THROUGH = "through"
    CUSTOM = "custom"


class Custom(msgspec.Struct, frozen=True):
    """One of `pass_through_endpoints`: a path that leads to a target of its own."""

    path: bytes
    include_subpath: bool
    auth: bool
    forward_headers: bool
    methods: frozenset[bytes]
    """Empty: all."""
    scope: str
    """The object scope of the one deployment made of its target and headers."""


class Route(msgspec.Struct, frozen=True):
    """Where one path leads."""

    kind: Kind
    name: str
    """For the record: bounded in number, without ids."""
    path: bytes = b""
    """The path as OpenAI has it, with or without /v1."""
    model: str | None = None
    """Named by the path itself."""
    model_needed: bool = False
    model_free: bool = False
    """No body on it names a model: there one that cannot be read may go on as it is."""
    chat: bool = False
    page: Page | None = None
    custom: Custom | None = None
    family: str = OTHER
    """The kind of request, for what a key may do."""
    provider: str | None = None
    """Whose own API it passes through to."""


NATIVE_NEEDS_MODEL = {
    b"chat/completions": True,
    b"completions": True,
    b"embeddings": True,
    b"moderations": False,
    b"images/generations": False,
    b"images/edits": False,
    b"images/variations": False,
    b"audio/speech": True,
    b"audio/transcriptions": True,
    b"audio/translations": True,
    b"responses": False,
    b"messages": True,
    b"messages/count_tokens": True,
}
"""OpenAI's endpoints that generate, and whether they can do without `model`."""
FAMILIES = frozenset(
    (b"agents", b"assistants", b"audio", b"batches", b"chat", b"chatkit", b"completions", b"containers",
     b"content_provenance_checks", b"conversations", b"decisions", b"embeddings", b"evals", b"files",
     b"fine_tuning", b"images", b"live", b"models", b"moderations", b"organization", b"projects", b"realtime",
     b"responses", b"safety", b"skills", b"threads", b"uploads", b"vaults", b"vector_stores", b"videos",
     b"webhook_endpoints", b"webhook_event_types")
)  # fmt: skip
"""First path segments that are OpenAI's without /v1 too, for clients whose base URL ends before it."""
MODEL_FREE = frozenset(
    (b"containers", b"content_provenance_checks", b"conversations", b"files", b"organization", b"projects",
     b"skills", b"uploads", b"vector_stores", b"webhook_endpoints")
)  # fmt: skip
"""Families whose bodies hold objects and never a model."""
PREFIXES = (b"/openai_passthrough", b"/openai")
AZURE = b"/openai/deployments/"
ANTHROPICS_OWN = "what is Anthropic's alone is below /anthropic/v1"
ENGINES = (b"/v1/engines/", b"/engines/")


class Routes:
    """Finds the route of a request; one per worker and configuration."""

    def __init__(self, pages: Iterable[Page], customs: Iterable[Custom], *, only_pages: bool = False) -> None:
        """`only_pages`: nothing leads to an upstream."""
        self._only_pages = only_pages
        self._customs = sorted(customs, key=lambda custom: -len(custom.path))
        self._pages: dict[bytes, Route] = {}
        self._page_prefixes: list[tuple[bytes, Route]] = []
        for page in pages:
            self._add_page(page)
        self._known: dict[tuple[bytes, bytes], Route] = {}

    def _add_page(self, page: Page) -> None:
        fixed, brace, _ = page.path.partition("{")
        route = Route(Kind.PAGE, page.path, page=page)
        if brace:
            self._page_prefixes.append((fixed.encode(), route))
        else:
            self._pages[fixed.encode()] = route

    def find(self, method: bytes, path: bytes) -> Route:
        """HOT. Raises GatewayError 404 or 405."""
        key = (method, path)
        route = self._known.get(key)
        if route is None:
            route = self._find(method, path)
            if len(path) <= MAX_REMEMBERED_BYTES:
                self._remember(key, route)
        return route

    def _remember(self, key: tuple[bytes, bytes], route: Route) -> None:
        if len(self._known) >= MAX_REMEMBERED:
            self._known.clear()
        self._known[key] = route

    def _find(self, method: bytes, path: bytes) -> Route:
        route = (
            self._custom(method, path)
            or self._page(method, path)
            or (None if self._only_pages else _upstreams(method, path))
        )
        if route is None:
            raise path_not_found(method.decode(), _shown(path))
        return route

    def _custom(self, method: bytes, path: bytes) -> Route | None:
        for custom in self._customs:
            whole = path == custom.path
            if whole or (custom.include_subpath and path.startswith(custom.path.rstrip(b"/") + b"/")):
                if custom.methods and method not in custom.methods:
                    allow = b", ".join(sorted(custom.methods)).decode()
                    raise method_not_allowed(method.decode(), _shown(path), allow)
                rest = b"" if whole else path.removeprefix(custom.path.rstrip(b"/"))
                return Route(Kind.CUSTOM, custom.path.decode(), rest, custom=custom)
        return None

    def _page(self, method: bytes, path: bytes) -> Route | None:
        route = self._pages.get(path)
        if route is None:
            route = next((r for prefix, r in self._page_prefixes if _is_below(path, prefix)), None)
        if route is None:
            return None
        assert route.page is not None
        if method.decode() in route.page.methods:
            return route
        if _is_openai(path):
            return None  # DELETE /v1/models/{id} is the upstream's business
        raise method_not_allowed(method.decode(), _shown(path), ", ".join(route.page.methods))


def _upstreams(method: bytes, path: bytes) -> Route | None:
    return (
        _model_in_path(method, path)
        or _prefixed(method, path)
        or _native(method, path)
        or _anthropics(method, path)
        or _family(method, path)
        or _of_provider(method, path)
    )


def _is_below(path: bytes, prefix: bytes) -> bool:
    return len(path) > len(prefix) and path.startswith(prefix)


def _is_openai(path: bytes) -> bool:
    return _after_version(path).partition(b"/")[0] in FAMILIES


def _after_version(path: bytes) -> bytes:
    """`/v1/files/x` and `/files/x` -> `files/x`"""
    return path[4:] if path.startswith(b"/v1/") else path[1:]


def _model_in_path(method: bytes, path: bytes) -> Route | None:
    """`/engines/{model}/...` and Azure's `/openai/deployments/{model}/...`"""
    for prefix in (AZURE, *ENGINES):
        if not path.startswith(prefix):
            continue
        segment, _, rest = path[len(prefix) :].partition(b"/")
        model = usable_model(unquote(segment.decode("ascii", "replace"), errors="replace"))
        if model and method == b"POST" and rest in NATIVE_NEEDS_MODEL:
            name = f"/{rest.decode()}"
            chat = rest == b"chat/completions"
            return Route(
                Kind.NATIVE,
                name,
                b"/" + rest,
                model,
                model_needed=True,
                chat=chat,
                family=family_of(method, rest),
            )
    return None


def _native(method: bytes, path: bytes) -> Route | None:
    rest = _after_version(path)
    if method != b"POST" or rest not in NATIVE_NEEDS_MODEL:
        return None
    return Route(
        Kind.NATIVE,
        f"/{rest.decode()}",
        b"/" + rest,
        model_needed=NATIVE_NEEDS_MODEL[rest],
        chat=rest == b"chat/completions",
        family=family_of(method, rest),
    )


def _anthropics(method: bytes, path: bytes) -> Route | None:
    """Nothing else of Anthropic's is here: it is no path of OpenAI's. Raises GatewayError 404, 405."""
    rest = _after_version(path)
    if rest.partition(b"/")[0] != b"messages":
        return None
    if rest in NATIVE_NEEDS_MODEL:
        raise method_not_allowed(method.decode(), _shown(path), "POST")
    raise path_not_found(method.decode(), _shown(path), ANTHROPICS_OWN)


def _prefixed(method: bytes, path: bytes) -> Route | None:
    for prefix in PREFIXES:
        if path == prefix or path.startswith(prefix + b"/"):
            rest = path[len(prefix) :] or b"/"
            return _through(f"{prefix.decode()}/{_family_name(rest)}", method, rest)
    return None


def _family(method: bytes, path: bytes) -> Route | None:
    if path.startswith(b"/v1/") or _is_openai(path):
        return _through(f"/{_family_name(path)}", method, path)
    return None


def _of_provider(method: bytes, path: bytes) -> Route | None:
    """`/groq/...`, `/gemini/v1beta/...`: the provider's own API, with its path."""
    first, slash, rest = path[1:].partition(b"/")
    name = provider_named(first.decode("ascii", "replace")) if slash and rest else None
    if name is None:
        return None
    family = family_of(method, b"/" + rest)
    return Route(Kind.THROUGH, f"/{name}/*", b"/" + rest, family=family, provider=name)


def _through(name: str, method: bytes, path: bytes) -> Route:
    return Route(Kind.THROUGH, name, path, model_free=_is_model_free(path), family=family_of(method, path))


def _is_model_free(path: bytes) -> bool:
    """Of threads, runs alone name models; an escape could spell them."""
    family, *rest = _after_version(path).split(b"/")
    return family in MODEL_FREE or (family == b"threads" and b"runs" not in rest and b"%" not in path)


def _family_name(path: bytes) -> str:
    """The first segment where it is OpenAI's; else `*`: clients must not choose the record's labels."""
    family = _after_version(path).partition(b"/")[0]
    return family.decode() if family in FAMILIES else "*"


def _shown(path: bytes) -> str:
    return path[:200].decode("ascii", "replace")


def described(customs: Iterable[Custom]) -> list[tuple[str, tuple[str, ...], str, str]]:
    """For the `/routes` page: path, methods, name, endpoint. The gateway's pages describe themselves."""
    native = [
        (f"{version}/{path.decode()}", ("POST",), path.decode(), "native")
        for path in NATIVE_NEEDS_MODEL
        for version in ("", "/v1")
    ]
    through = [(f"{prefix.decode()}/{{path}}", ANY, "openai", "through") for prefix in PREFIXES]
    through.append(("/{provider}/{path}", ANY, "provider", "through"))
    own = [
        (c.path.decode(), tuple(m.decode() for m in sorted(c.methods)) or ANY, "custom", "custom")
        for c in customs
    ]
    return [*native, *IN_PATH, *through, ("/v1/{path}", ANY, "openai", "through"), *own]


ANY = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
IN_PATH = [
    ("/engines/{model}/{path}", ("POST",), "engines", "native"),
    ("/openai/deployments/{model}/{path}", ("POST",), "azure", "native"),
]
