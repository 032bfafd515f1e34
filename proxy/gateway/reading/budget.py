"""What all requests of a worker may hold of bodies at once, in bytes: a limit per request alone bounds nothing.

Nobody gets all of it: who holds some may have `SHARE` times as much as is then left for others, so that whoever comes
next finds room, however much the others send. (Choudhury and Hahne, "Dynamic queue length thresholds for shared-memory
packet switches", 1998.)
"""

from __future__ import annotations

from collections.abc import Callable

from proxy.errors import GatewayError

SHARE = 2
"""Alone one gets two thirds of the whole, the next two thirds of what that one leaves."""


class Budget:
    """One worker's, for memory or for disk. It outlives a configuration, which may change its limit."""

    __slots__ = ("_held_by", "held_bytes", "limit_bytes", "refusal")

    def __init__(self, limit_bytes: int, refusal: Callable[[int], GatewayError]) -> None:
        """`refusal`: what a request is told for which there is no room, by the limit."""
        self.limit_bytes = limit_bytes
        self.held_bytes = 0
        self.refusal = refusal
        self._held_by: dict[bytes, int] = {}
        """Of those who hold anything."""

    def lease(self, holder: bytes = b"") -> Lease:
        """`holder`: for whom; all of one share what is theirs."""
        return Lease(self, holder)

    def try_take(self, holder: bytes, size_bytes: int) -> bool:
        left = self.limit_bytes - self.held_bytes - size_bytes
        theirs = self._held_by.get(holder, 0) + size_bytes
        if theirs > SHARE * left:
            return False
        self.held_bytes += size_bytes
        self._held_by[holder] = theirs
        return True

    def give_back(self, holder: bytes, size_bytes: int) -> None:
        self.held_bytes -= size_bytes
        theirs = self._held_by.get(holder, 0) - size_bytes
        if theirs > 0:
            self._held_by[holder] = theirs
        else:
            self._held_by.pop(holder, None)


class Lease:
    """One request's share, which grows as its body arrives. Close it when the request ends."""

    __slots__ = ("_budget", "_holder", "held_bytes")

    def __init__(self, budget: Budget, holder: bytes) -> None:
        self._budget = budget
        self._holder = holder
        self.held_bytes = 0

    def take(self, size_bytes: int) -> None:
        """Raises GatewayError 503 when there is no room; nothing is taken then."""
        if not self.try_take(size_bytes):
            raise self._budget.refusal(self._budget.limit_bytes)

    def try_take(self, size_bytes: int) -> bool:
        if not self._budget.try_take(self._holder, size_bytes):
            return False
        self.held_bytes += size_bytes
        return True

    def close(self) -> None:
        """What was taken is free again; a second call changes nothing."""
        if self.held_bytes:
            self._budget.give_back(self._holder, self.held_bytes)
            self.held_bytes = 0
