"""A list of an upstream's objects, told as the list of those that are the caller's.

Its pages are the upstream's with others' objects left out. A page that would be short is filled from the next ones,
since clients take an empty page for the last: within bounds, beyond which it is refused, and not said to be empty.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from proxy.accounting.inflate import inflated
from proxy.accounting.record import Record
from proxy.errors import Fault, GatewayError
from proxy.gateway.exchange import Exchange
from proxy.gateway.reading.tenancy import everybodys
from proxy.gateway.telling.delivery import Delivery
from proxy.gateway.telling.ends import outcome_of
from proxy.providers.lists import Item, ListPage, goes_back, page_in, page_of
from proxy.types import Result
from proxy.upstream.answer import Answer
from proxy.wire.header_lines import without

MAX_PAGE_BYTES = 16 * 1024 * 1024
"""Of one page: 10,000 files have some 3 MB."""
_OF_THE_BYTES = frozenset(
    (b"content-encoding", b"etag", b"content-md5", b"digest", b"content-digest", b"last-modified")
)
"""Headers that are true of the upstream's bytes."""
Own = Callable[[list[str]], Awaitable[frozenset[str]]]
"""Of these ids, the caller's."""
Next = Callable[[str], Awaitable[Answer]]
"""The upstream's page behind this object. Raises UpstreamFailure, ClientGone."""


class _Whole:
    """A tap that keeps what it is fed."""

    def __init__(self) -> None:
        self.text = bytearray()

    def feed(self, payload: bytes) -> None:
        if len(self.text) <= MAX_PAGE_BYTES:
            self.text += payload


async def relay_own(
    exchange: Exchange,
    query: bytes,
    answer: Answer,
    result: Result,
    extra: bytes,
    record: Record,
    own: Own,
    following: Next,
    most_pages: int,
) -> Delivery:
    """Of a good answer. `most_pages`: of the upstream, for this one.

    Raises GatewayError 403 for what is no list that can be told apart, and where the caller's objects lie too far
    behind others'; UpstreamFailure, ClientGone.
    """
    first = await _page(answer)
    items, has_more = await _filled(first, query, own, following, most_pages)
    head = answer.head
    head.lines = without(head.lines, _OF_THE_BYTES.__contains__)
    record.status = head.status
    await exchange.begin(head, extra)
    await exchange.write(page_of(first, items, has_more=has_more))
    await exchange.end()
    return Delivery(outcome_of(result.status, result.kind), result)


async def _filled(
    first: ListPage, query: bytes, own: Own, following: Next, most_pages: int
) -> tuple[list[Item], bool]:
    """As many as the upstream's first page showed, if there are so many; and whether there may be more."""
    items, page = await _kept(first, own), first
    for _ in range(most_pages - 1):
        if len(items) >= len(first.items) or not page.has_more or not page.items or goes_back(query):
            break
        page = await _after(page, following)
        items += await _kept(page, own)
    if not items and page.has_more and not goes_back(query):
        raise too_far()
    return items[: len(first.items)], page.has_more or len(items) > len(first.items)


async def _after(page: ListPage, following: Next) -> ListPage:
    """Raises GatewayError 502 where the upstream has none to give."""
    answer = await following(page.items[-1].id)
    try:
        if answer.head.status != 200:
            raise no_next_page(answer.head.status)
        return await _page(answer)
    finally:
        answer.close()


async def _kept(page: ListPage, own: Own) -> list[Item]:
    names = await own([item.id for item in page.items]) if page.items else ()
    return [item for item in page.items if item.id in names]


async def _page(answer: Answer) -> ListPage:
    """Raises GatewayError 403."""
    whole = _Whole()
    tap = inflated(whole, answer.head.content_encoding)
    if tap is None:
        raise everybodys()
    await answer.read_all(MAX_PAGE_BYTES, tap)
    page = page_in(bytes(whole.text))
    if page is None:
        raise everybodys()
    return page


def too_far() -> GatewayError:
    message = (
        "Among the objects that the upstream lists there are too many of others before any of yours. Ask for the"
        " objects themselves, or have the operator raise sluice_settings.object_list_pages."
    )
    return GatewayError(403, message, code="list_of_everybody")


def no_next_page(status: int) -> GatewayError:
    message = (
        f"The upstream gave a page of this list and answered {status} when it was asked for the next one."
    )
    return GatewayError(
        502, message, kind="upstream_error", code="upstream_list_broken", fault=Fault.UPSTREAM
    )
