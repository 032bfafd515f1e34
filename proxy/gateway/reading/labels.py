"""What a request says of itself for the books: on whose behalf it is sent, and under which words it shall be counted.

Names are LiteLLM's: https://docs.litellm.ai/docs/proxy/customers, https://docs.litellm.ai/docs/proxy/cost_tracking
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from proxy.errors import UNREADABLE
from proxy.wire.form import RequestHead

END_USER, CUSTOMER = b"x-litellm-end-user-id", b"x-litellm-customer-id"
TAGS_HEADER = b"x-litellm-tags"
MAX_CUSTOMER_CHARS = 256
"""A longer text is no id: it is not counted for anybody."""
MAX_TAGS = 32
"""Of one request, its key's too; each is a line of the reports."""
MAX_TAG_CHARS = 128


class Said(msgspec.Struct, gc=False):
    """The fields of a JSON body that say so, undecoded: whatever they hold is no reason to refuse it."""

    user: msgspec.Raw = msgspec.Raw()
    metadata: msgspec.Raw = msgspec.Raw()


class _Metadata(msgspec.Struct, gc=False):
    tags: msgspec.Raw = msgspec.Raw()
    user_id: msgspec.Raw = msgspec.Raw()


_decode_metadata = msgspec.json.Decoder(_Metadata).decode
_decode_text = msgspec.json.Decoder(str).decode
_decode_texts = msgspec.json.Decoder(list[str]).decode


class Labels(msgspec.Struct, frozen=True, gc=False):
    customer: str | None = None
    tags: tuple[str, ...] = ()


NONE = Labels()


def in_body(said: Said) -> Labels:
    """`user`, `metadata.tags`; Anthropic's `metadata.user_id`."""
    user = _text(said.user)
    if not said.metadata:
        return Labels(user)
    try:
        metadata = _decode_metadata(said.metadata)
    except UNREADABLE:
        return Labels(user)
    try:
        tags = _decode_texts(metadata.tags) if metadata.tags else ()
    except UNREADABLE:
        tags = ()
    return Labels(user or _text(metadata.user_id), usable_tags(tags))


def labels_of(head: RequestHead, body: Labels, of_key: tuple[str, ...] = ()) -> Labels:
    """HOT. All there are of one request: a header's customer comes before the body's, and the key's tags come first."""
    first = head.form.first
    customer = body.customer
    if END_USER in first or CUSTOMER in first:
        named = head.get(END_USER) or head.get(CUSTOMER) or b""
        customer = usable_customer(named.decode("utf-8", "replace")) or customer
    if TAGS_HEADER in first:
        listed = (head.get(TAGS_HEADER) or b"").decode("utf-8", "replace").split(",", MAX_TAGS)
        return Labels(customer, usable_tags((*of_key, *listed, *body.tags)))
    if body.tags:
        return Labels(customer, usable_tags((*of_key, *body.tags)))
    if customer is None and not of_key:
        return NONE
    return Labels(customer, of_key)


def usable_customer(text: str) -> str | None:
    text = text.strip()
    return text if 0 < len(text) <= MAX_CUSTOMER_CHARS and text.isprintable() else None


def usable_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """Each once, in their order."""
    found: dict[str, None] = {}
    for tag in tags:
        word = tag.strip()
        if 0 < len(word) <= MAX_TAG_CHARS and word.isprintable():
            found[word] = None
        if len(found) == MAX_TAGS:
            break
    return tuple(found)


def _text(raw: msgspec.Raw) -> str | None:
    if not raw:
        return None
    try:
        return usable_customer(_decode_text(raw))
    except UNREADABLE:
        return None
