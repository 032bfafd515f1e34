"""Where a text is from, in each dialect's words.

https://platform.claude.com/docs/en/build-with-claude/citations
https://platform.openai.com/docs/guides/tools-web-search#output-and-citations
"""

from __future__ import annotations

import msgspec
from msgspec import Raw

from proxy.providers.translation.coding import UNREADABLE, encode


class _FromWeb(msgspec.Struct):
    url: str
    type: str
    title: str | None = None
    cited_text: str = ""


class _Url(msgspec.Struct):
    url: str
    title: str = ""


class _Annotation(msgspec.Struct):
    url_citation: _Url


_decode_web = msgspec.json.Decoder(_FromWeb).decode
_decode_annotation = msgspec.json.Decoder(_Annotation).decode
WEB = "web_search_result_location"


def annotation_of(citation: Raw, span: tuple[int, int]) -> Raw | None:
    """Chat's annotation of what Anthropic found in the web; None: chat has no word for other places."""
    try:
        found = _decode_web(citation)
    except UNREADABLE:
        return None
    if found.type != WEB:
        return None
    url = {"url": found.url, "title": found.title or "", "start_index": span[0], "end_index": span[1]}
    return Raw(encode({"type": "url_citation", "url_citation": url}))


def citation_of(annotation: Raw) -> Raw | None:
    """Anthropic's, of chat's annotation: without an index, which only Anthropic can make."""
    try:
        found = _decode_annotation(annotation).url_citation
    except UNREADABLE:
        return None
    said = {"type": WEB, "url": found.url, "title": found.title, "cited_text": "", "encrypted_index": ""}
    return Raw(encode(said))
