"""What a family answers: a whole reply, or the events of a stream."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

import msgspec

from proxy.errors import GatewayError
from proxy.simulator.request import Request
from proxy.simulator.store import Stored
from proxy.types import Headers, Reply

Json: TypeAlias = dict[str, object]
"""A JSON object on its way out, or one the simulator keeps without looking inside."""
Metadata: TypeAlias = dict[str, str]

encode = msgspec.json.Encoder().encode

DONE = b"data: [DONE]\n\n"
MAX_PAGE = 100
DEFAULT_PAGE = 20


class Stream(msgspec.Struct, frozen=True):
    """Server-sent events, each one sent by itself and paced; making them may change the store as it goes."""

    events: Iterator[bytes]


Answer: TypeAlias = Reply | Stream


def reply(value: object, status: int = 200, headers: Headers = ()) -> Reply:
    return Reply(status, encode(value), headers=headers)


def deleted(object_id: str, kind: str) -> Reply:
    return reply({"id": object_id, "object": kind, "deleted": True})


def sse(value: object) -> bytes:
    return b"data: " + encode(value) + b"\n\n"


def sse_named(name: str, value: object) -> bytes:
    return b"event: " + name.encode() + b"\ndata: " + encode(value) + b"\n\n"


def list_reply(
    items: Sequence[Stored | Json], request: Request, *, order: str = "desc", max_page: int = MAX_PAGE
) -> Reply:
    """One page of `items` (oldest first), by the query's limit, order, after and before."""
    query = request.query
    ordered = list(items) if query.get("order", order) == "asc" else list(reversed(items))
    ids = [_id_of(item) for item in ordered]
    start = ids.index(query["after"]) + 1 if query.get("after") in ids else 0
    end = ids.index(query["before"]) if query.get("before") in ids else len(ids)
    page = ordered[start : min(end, start + _limit(query, max_page))]
    return reply(
        {
            "object": "list",
            "data": page,
            "first_id": _id_of(page[0]) if page else None,
            "last_id": _id_of(page[-1]) if page else None,
            "has_more": start + len(page) < end,
        }
    )


def _id_of(item: Stored | Json) -> str:
    return item.id if isinstance(item, Stored) else str(item["id"])


def _limit(query: dict[str, str], max_page: int) -> int:
    text = query.get("limit", str(min(DEFAULT_PAGE, max_page)))
    if not text.isdecimal() or not 1 <= int(text) <= max_page:
        message = f"Invalid 'limit': expected an integer from 1 to {max_page}, but got '{text}' instead."
        raise GatewayError(400, message, param="limit", code="invalid_value")
    return int(text)
