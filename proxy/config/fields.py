"""The types that settings are written in: each one carries its bounds, and their reason."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta

from proxy.types import Secret


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A mapping of the file. Every field is a key, under the key's own name."""


Seconds: TypeAlias = Annotated[float, Meta(gt=0, le=86_400)]
"""At most a day: more is a typing error, mostly milliseconds."""
SecondsOrZero: TypeAlias = Annotated[float, Meta(ge=0, le=86_400)]
Days: TypeAlias = Annotated[float, Meta(gt=0, le=36_500)]
"""At most a century."""
Count: TypeAlias = Annotated[int, Meta(ge=0)]
Positive: TypeAlias = Annotated[int, Meta(ge=1)]
Megabytes: TypeAlias = Annotated[float, Meta(gt=0, le=1_048_576)]
"""At most a TiB: more does not fit any disk a body could come from."""
Percent: TypeAlias = Annotated[float, Meta(ge=0, le=100)]
Cost: TypeAlias = Annotated[float, Meta(ge=0, le=1)]
"""US dollars per token: a dollar for one is a price per million, written by mistake."""
Mode: TypeAlias = Literal["live", "probe", "buffered"]
Weight: TypeAlias = Annotated[int, Meta(ge=0)] | Annotated[float, Meta(ge=0, le=1e9)]
Text: TypeAlias = Annotated[str, Meta(min_length=1)]
HTTP_URL = r"^https?://[^\s/?#]"
_URL_PATH = r"^/[^\s?#]*$"
_HEADER_NAME = r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"
"""A token of RFC 9110 5.6.2."""
_PERIOD = r"^[1-9][0-9]{0,8}(mo|[smhdw])$"
_MOMENT = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2})?(Z|[+-][0-9]{2}:[0-9]{2})?)?$"
"""RFC 3339, or a part of it."""
_HEADER_PATTERN = r"^[!#$%&'+.^_`|~0-9A-Za-z-]+\*?$"
PATTERNS = {
    HTTP_URL: "an http(s) URL",
    _URL_PATH: "a path that starts with /",
    _HEADER_NAME: "a header name, without blanks or colons",
    _PERIOD: "a length of time: `30s`, `15m`, `1h`, `7d`, `2w`, `1mo`",
    _MOMENT: "a date, `2026-12-31`, or a date and time, `2026-12-31T18:00:00+01:00`",
    _HEADER_PATTERN: "a header name, or a beginning of names with a * behind it",
}
"""What they mean, for people."""
HttpUrl: TypeAlias = Annotated[str, Meta(pattern=HTTP_URL)]
UrlPath: TypeAlias = Annotated[str, Meta(pattern=_URL_PATH)]
HeaderName: TypeAlias = Annotated[str, Meta(pattern=_HEADER_NAME)]
PeriodText: TypeAlias = Annotated[str, Meta(pattern=_PERIOD)]
Moment: TypeAlias = Annotated[str, Meta(pattern=_MOMENT)]
Dollars: TypeAlias = Annotated[float, Meta(ge=0, le=1e9)]
"""At most a billion: more is no budget."""
HeaderPattern: TypeAlias = Annotated[str, Meta(pattern=_HEADER_PATTERN)]


def decode_custom(kind: type, value: object) -> object:
    """msgspec's `dec_hook`: text becomes a Secret, without the blanks around it.

    Raises ValueError for what cannot be a header value (RFC 9110 5.5); its text never holds the value.
    """
    if kind is object:
        return value
    if kind is not Secret or not isinstance(value, str):
        raise ValueError("Expected `str`")
    text = value.strip()
    if not text.isprintable() or not text.isascii():
        raise ValueError("holds a line break, a control character or a letter that is not ASCII")
    return Secret(text)
