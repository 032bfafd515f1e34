"""More tokens asked for than the model writes, which most upstreams refuse: as many as it writes (`modify_params`).

As LiteLLM's `get_modified_max_tokens`, but for models whose prompt and answer share one limit: nobody counts the prompt
here.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from proxy.providers.outline import outline
from proxy.providers.splice import replace_field

_LIMITS: Mapping[bytes, tuple[str, ...]] = {
    b"/chat/completions": ("max_completion_tokens", "max_tokens"),
    b"/completions": ("max_tokens",),
    b"/messages": ("max_tokens",),
    b"/responses": ("max_output_tokens",),
}
"""By endpoint: in which fields it is said."""


class _Asked(msgspec.Struct):
    max_tokens: object = None
    max_completion_tokens: object = None
    max_output_tokens: object = None


_decode = msgspec.json.Decoder(_Asked).decode


def clipped(body: bytes, path: bytes, most: int) -> bytes:
    """The same object where it asks for no more than `most`. Raises msgspec.DecodeError where it is no JSON object."""
    names = _LIMITS.get(path)
    if names is None:
        return body
    asked = _decode(outline(body).text)
    for name in names:
        number = getattr(asked, name)
        if isinstance(number, int) and number > most:
            body = replace_field(body, name, b"%d" % most)
    return body
