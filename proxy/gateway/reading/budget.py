"""What all requests of a worker may hold of bodies at once, in bytes: a limit per request alone bounds nothing."""

from __future__ import annotations

from collections.abc import Callable

from proxy.errors import GatewayError


class Budget:
    """One worker's, for memory or for disk. It outlives a configuration, which may change its limit."""

    __slots__ = ("held_bytes", "limit_bytes", "refusal")

    def __init__(self, limit_bytes: int, refusal: Callable[[int], GatewayError]) -> None:
        """`refusal`: what a request is told for which there is no room, by the limit."""
        self.limit_bytes = limit_bytes
        self.held_bytes = 0
        self.refusal = refusal

    def lease(self) -> Lease:
        return Lease(self)


class Lease:
    """One request's share, which grows as its body arrives. Close it when the request ends."""

    __slots__ = ("_budget", "held_bytes")

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self.held_bytes = 0

    def take(self, size_bytes: int) -> None:
        """Raises GatewayError 503 when there is no room; nothing is taken then."""
        if not self.try_take(size_bytes):
            raise self._budget.refusal(self._budget.limit_bytes)

    def try_take(self, size_bytes: int) -> bool:
        budget = self._budget
        if budget.held_bytes + size_bytes > budget.limit_bytes:
            return False
        budget.held_bytes += size_bytes
        self.held_bytes += size_bytes
        return True

    def close(self) -> None:
        """What was taken is free again; a second call changes nothing."""
        self._budget.held_bytes -= self.held_bytes
        self.held_bytes = 0
