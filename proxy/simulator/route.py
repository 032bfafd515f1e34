"""Routes as values, and the router that finds one by method and path."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from proxy.errors import method_not_allowed, path_not_found
from proxy.simulator.answer import Answer
from proxy.simulator.request import Request


class Route(msgspec.Struct, frozen=True):
    method: str
    path: str
    """`{name}` stands for one path segment."""
    handle: Callable[[Request], Answer]


class Router:
    def __init__(self, routes: Iterable[Route]) -> None:
        self._by_length: dict[int, dict[tuple[str, ...], dict[str, Route]]] = {}
        for route in routes:
            parts = tuple(route.path.split("/"))
            self._by_length.setdefault(len(parts), {}).setdefault(parts, {})[route.method] = route

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        """The route and what its `{names}` matched; raises the API's 404 and 405."""
        methods, params = self._match(path) or ({}, {})
        if not methods:
            raise path_not_found(method, path)
        route = methods.get("GET" if method == "HEAD" else method)
        if route is None:
            raise method_not_allowed(method, path, allowed(methods))
        return route, params

    def methods(self, path: str) -> str:
        """For OPTIONS: the methods that `path` knows; raises the API's 404."""
        matched = self._match(path)
        if matched is None:
            raise path_not_found("OPTIONS", path)
        return allowed(matched[0])

    def _match(self, path: str) -> tuple[dict[str, Route], dict[str, str]] | None:
        parts = path.split("/")
        patterns = self._by_length.get(len(parts), {})
        exact = patterns.get(tuple(parts))
        if exact is not None:
            return exact, {}
        for pattern, methods in patterns.items():
            if all(map(_fits, pattern, parts)):
                return methods, _params(pattern, parts)
        return None


def _fits(want: str, got: str) -> bool:
    return want == got or (want[:1] == "{" and got != "")


def _params(pattern: tuple[str, ...], parts: list[str]) -> dict[str, str]:
    return {want[1:-1]: got for want, got in zip(pattern, parts, strict=True) if want[:1] == "{"}


def allowed(methods: Iterable[str]) -> str:
    names = set(methods)
    return ", ".join(sorted(names | ({"HEAD"} if "GET" in names else set())))
