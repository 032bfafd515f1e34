"""A page of an upstream's list of objects: which objects it shows, and the same page with fewer of them.

https://platform.openai.com/docs/api-reference/files/list and its siblings; Anthropic's pages have the same fields.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import quote, unquote_plus

import msgspec
from msgspec import Raw

from proxy.errors import UNREADABLE

DATA, HAS_MORE, FIRST, LAST = "data", "has_more", "first_id", "last_id"
_SHOWN = frozenset(("object", DATA, HAS_MORE, FIRST, LAST))
"""What else a page says may be of everybody's (a count), so it is left out."""
_CURSORS = ("next", "prev")
"""How fields of other ways of paging begin: ids are not told apart there."""
PAGE = 100
"""Objects asked for in each further page: the most that OpenAI gives of most kinds."""
_NULL = Raw(b"null")
_encode = msgspec.json.encode
_decode = msgspec.json.Decoder(dict[str, Raw]).decode
_decode_items = msgspec.json.Decoder(list[Raw]).decode
_decode_flag = msgspec.json.Decoder(bool | None).decode


class _Named(msgspec.Struct):
    id: str


_decode_named = msgspec.json.Decoder(_Named).decode


class Item(msgspec.Struct, frozen=True, gc=False):
    id: str
    text: Raw
    """As the upstream wrote it."""


class ListPage(msgspec.Struct, frozen=True):
    items: tuple[Item, ...]
    has_more: bool
    fields: Mapping[str, Raw]
    """In their order."""


def page_in(text: bytes) -> ListPage | None:
    """None: it is no list whose objects can be told apart."""
    try:
        fields = _decode(text)
        if DATA not in fields or any(_is_cursor(name, value) for name, value in fields.items()):
            return None
        items = tuple([Item(_decode_named(raw).id, raw) for raw in _decode_items(fields[DATA])])
        return ListPage(items, bool(_decode_flag(fields.get(HAS_MORE, _NULL))), fields)
    except UNREADABLE:
        return None


def _is_cursor(name: str, value: Raw) -> bool:
    return name.startswith(_CURSORS) and bytes(value) != b"null"


def page_of(first: ListPage, items: Sequence[Item], *, has_more: bool) -> bytes:
    """In the words of the first page, with these objects."""
    ends = {FIRST: items[0].id, LAST: items[-1].id} if items else {FIRST: None, LAST: None}
    said: dict[str, object] = {**ends, DATA: [item.text for item in items], HAS_MORE: has_more}
    shown = {name: said.get(name, value) for name, value in first.fields.items() if name in _SHOWN}
    if has_more:
        shown[HAS_MORE] = True
    return _encode(shown)


def further(query: bytes, after: str) -> bytes:
    """The query for what comes behind this object."""
    fields = [field for field in query.split(b"&") if field]
    limit = max([PAGE, *(_number(field) for field in fields if _name(field) == "limit")])
    kept = [field for field in fields if _name(field) not in ("after", "limit")]
    return b"&".join([*kept, b"limit=%d" % limit, b"after=%b" % quote(after, safe="").encode()])


def goes_back(query: bytes) -> bool:
    """It asks for what comes before an object: there no further page can be asked for."""
    return any(_name(field) == "before" for field in query.split(b"&"))


def _name(field: bytes) -> str:
    return unquote_plus(field.partition(b"=")[0].decode("latin-1"))


def _number(field: bytes) -> int:
    value = field.partition(b"=")[2]
    return int(value) if value.isdigit() and len(value) < 6 else 0
