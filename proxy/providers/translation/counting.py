"""How many tokens a request has, where the upstream cannot be asked: by a rule of thumb, on the safe side.

https://platform.claude.com/docs/en/build-with-claude/token-counting
"""

from __future__ import annotations

import re
from typing import NoReturn

from proxy.errors import Answered
from proxy.providers.translation import messages_to_chat
from proxy.providers.translation.coding import encode
from proxy.providers.translation.refusing import Terms
from proxy.types import Deployment, Moment

BYTES_PER_TOKEN = 3.5
"""Of English in JSON; code and other languages have fewer."""
PICTURE_TOKENS = 1600
"""https://platform.claude.com/docs/en/build-with-claude/vision#evaluate-image-size"""
_DATA = re.compile(rb'"data:[^"]*"')


def count(body: bytes, deployment: Deployment, moment: Moment) -> NoReturn:
    """Raises Answered: `{"input_tokens": ...}`; GatewayError 400."""
    terms = Terms(deployment.model, deployment.provider, drop=True)
    said, _ = messages_to_chat.request(body, terms)
    text, pictures = _DATA.subn(b'""', said)
    raise Answered(encode({"input_tokens": int(len(text) / BYTES_PER_TOKEN) + pictures * PICTURE_TOKENS}))
