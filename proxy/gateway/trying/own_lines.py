"""The gateway's own lines in an answer's head: `x-litellm-*`."""

from __future__ import annotations

from proxy.accounting.record import Record
from proxy.gateway.accounts.lines import key_lines, limit_lines
from proxy.gateway.trying.lane import Lane
from proxy.limits.ledger import Reservation
from proxy.types import Headers
from proxy.wire.response_head import ResponseHead

RATE_LIMITS = b"x-ratelimit-"


class OwnLines:
    """One per worker and configuration."""

    __slots__ = ("told",)

    def __init__(self, *, told: bool) -> None:
        """`told`: whether answers carry any."""
        self.told = told

    def of_call(self, record: Record) -> Headers:
        """For errors of the gateway's own making, which come from no deployment."""
        return ((b"x-litellm-call-id", record.call_id.encode()),) if self.told else ()

    def of_stream(self, record: Record, reservation: Reservation | None) -> bytes:
        """For a stream that begins before any deployment has answered."""
        return b"".join(b"%b: %b\r\n" % line for line in self.of_call(record)) + self.of_key(reservation)

    def of_key(self, reservation: Reservation | None) -> bytes:
        """Of an answer that is no upstream's: the key's limits, where it has any."""
        if reservation is None:
            return b""
        return (key_lines(reservation) if self.told else b"") + limit_lines(reservation)

    def of_limits(self, reservation: Reservation, head: ResponseHead) -> bytes:
        """HOT where there are limits. Of the upstream's limits and the key's an answer tells one, never a mixture."""
        lines = key_lines(reservation) if self.told else b""
        return lines if head.mentions(RATE_LIMITS) else lines + limit_lines(reservation)

    def of_answer(self, record: Record, lane: Lane, overhead_s: float) -> bytes:
        """HOT. Overhead: what passed before the upstream was asked."""
        if not self.told:
            return b""
        return (
            b"x-litellm-call-id: %b\r\n%bx-litellm-attempted-retries: %d\r\n"
            b"x-litellm-attempted-fallbacks: %d\r\nx-litellm-overhead-duration-ms: %.3f\r\n"
            % (
                record.call_id.encode(),
                lane.header,
                record.attempts - 1,
                record.fallbacks,
                overhead_s * 1000,
            )
        )
