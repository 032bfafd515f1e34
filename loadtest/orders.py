"""`x-mock: status=429; retry_after=2`: how a client out of process asks the mock for an answer.

Orders are `name` or `name=value`, parted by `;`. They are applied, in the order of ORDERS, to the answer
that the request would get anyway.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from loadtest.answers import Answer, Fault, Framing, chat, chat_stream, error

HEADER = b"x-mock"


class BadOrder(ValueError):  # noqa: N818 - the word of the domain
    """The x-mock header holds something that is not an order."""


def _fault(fault: Fault) -> Callable[[Answer, str], Answer]:
    return lambda answer, at: replace(answer, fault=fault, fault_at=int(at or 0))


def _framing(framing: Framing) -> Callable[[Answer, str], Answer]:
    return lambda answer, _: replace(answer, framing=framing)


def _lie(answer: Answer, by: str) -> Answer:
    return replace(answer, framing=Framing.LENGTH, content_length=answer.length() + int(by))


ORDERS: dict[str, Callable[[Answer, str], Answer]] = {
    "size": lambda _, value: chat(size_bytes=int(value)),
    "events": lambda _, value: chat_stream(int(value)),
    "status": lambda _, value: error(int(value)),
    "retry_after": lambda answer, value: replace(
        answer, headers=(*answer.headers, (b"retry-after", value.encode()))
    ),
    "gap_ms": lambda answer, value: replace(answer, gap_s=float(value) / 1000),
    "delay_ms": lambda answer, value: replace(answer, head_delay_s=float(value) / 1000),
    "piece_bytes": lambda answer, value: replace(answer, piece_bytes=int(value)),
    "early_hints": lambda answer, _: replace(answer, before=b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    "chunked": _framing(Framing.CHUNKED),
    "until_close": _framing(Framing.CLOSE),
    "wrong_length": _lie,
    "bad_chunk": lambda answer, _: replace(answer, raw=_bad_chunk(answer)),
    "garbage": lambda answer, _: replace(answer, raw=b"\x16\x03 this is not HTTP\r\n\r\n", close_after=True),
    "close_after": lambda answer, _: replace(answer, close_after=True),
    "reset": _fault(Fault.RESET),
    "truncate": _fault(Fault.CLOSE),
    "half_close": _fault(Fault.HALF_CLOSE),
    "stall": _fault(Fault.STALL),
    "silence": lambda answer, _: replace(answer, fault=Fault.STALL, fault_at=0),
}


def _bad_chunk(answer: Answer) -> bytes:
    return replace(answer, framing=Framing.CHUNKED).head() + b"zz\r\nnot a chunk\r\n"


def ordered(text: str, answer: Answer) -> Answer:
    """The answer with every order of an x-mock header applied. Raises BadOrder."""
    orders = dict(_order(part) for part in text.split(";") if part.strip())
    for name in ORDERS:
        if name in orders:
            answer = _apply(name, orders.pop(name), answer)
    if orders:
        raise BadOrder(f"x-mock knows no {', '.join(orders)}; it knows {', '.join(ORDERS)}")
    return answer


def _order(part: str) -> tuple[str, str]:
    name, _, value = part.partition("=")
    return name.strip().lower(), value.strip()


def _apply(name: str, value: str, answer: Answer) -> Answer:
    try:
        return ORDERS[name](answer, value)
    except (TypeError, ValueError) as problem:
        raise BadOrder(f"x-mock: {name}={value}: {problem}") from None
