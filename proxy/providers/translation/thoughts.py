"""Signed thoughts inside an `encrypted_content` of /responses: a client gives it back as it came.

https://platform.openai.com/docs/guides/reasoning#encrypted-reasoning-items
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence

import msgspec
from msgspec import Raw

from proxy.providers.translation.coding import UNREADABLE, encode

_MARK = "thinking_blocks."
_decode = msgspec.json.Decoder(list[Raw]).decode


def sealed(blocks: Sequence[object]) -> str:
    return _MARK + base64.b64encode(encode(list(blocks))).decode()


def unsealed(content: str | None) -> list[Raw]:
    """Nothing, of what another provider has sealed."""
    if content is None or not content.startswith(_MARK):
        return []
    try:
        return _decode(base64.b64decode(content[len(_MARK) :], validate=True))
    except (binascii.Error, *UNREADABLE):
        return []
