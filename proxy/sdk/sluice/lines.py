"""Headers that a caller writes, as HTTP can carry them."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping

from sluice.exceptions import BadRequestError

log = logging.getLogger("sluice")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""RFC 9110 section 5.1."""
_told: set[str] = set()


def written(headers: Mapping[str, object]) -> dict[str, str]:
    """A blank within a name is a hyphen: LiteLLM's own documentation writes `AI-Resource Group`. Raises BadRequestError
    for any other name that is none, and for a value of several lines or outside of Latin-1."""
    found: dict[str, str] = {}
    for name, value in headers.items():
        spelt = name if _NAME.fullmatch(name) else _spelt(name)
        text = str(value)
        if not text.isascii() and not _latin1(text):
            raise BadRequestError(f"the header `{name}` has letters that HTTP cannot carry: encode them.")
        if "\n" in text or "\r" in text or "\0" in text:
            raise BadRequestError(f"the header `{name}` is of several lines: write it in one.")
        found[spelt] = text
    return found


def _spelt(name: str) -> str:
    """Raises BadRequestError."""
    spelt = name.strip().replace(" ", "-")
    if not _NAME.fullmatch(spelt):
        raise BadRequestError(f"`{name}` is no name of a header: letters, digits and hyphens.")
    if name not in _told:
        _told.add(name)
        log.warning("the header `%s` is sent as `%s`: names have no blanks", name, spelt)
    return spelt


def _latin1(text: str) -> bool:
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:
        return False
    return True
