"""Pictures and documents: as a data URI, or where they are to be fetched.

https://www.rfc-editor.org/rfc/rfc2397
"""

from __future__ import annotations

import re

import msgspec

PDF = "application/pdf"
_DATA = re.compile(r"data:([\w.+/-]{3,100})?(?:;[\w.=+-]{1,100})*?;base64,", re.IGNORECASE)


class Media(msgspec.Struct, frozen=True):
    media_type: str = ""
    data: str = ""
    """In base64."""
    url: str = ""
    """In place of data."""

    @property
    def source(self) -> dict[str, object]:
        """As Anthropic has it."""
        if self.url:
            return {"type": "url", "url": self.url}
        return {"type": "base64", "media_type": self.media_type, "data": self.data}

    @property
    def uri(self) -> str:
        """As chat has it."""
        return self.url or f"data:{self.media_type};base64,{self.data}"


def media_of(url: str, media_type: str = "") -> Media | None:
    """None: neither an address of the web nor a data URI in base64."""
    if url[:8].lower().startswith(("http://", "https://")):
        return Media(media_type, url=url)
    found = _DATA.match(url)
    if found is None:
        return None
    return Media((found[1] or media_type or "application/octet-stream").lower(), url[found.end() :])
