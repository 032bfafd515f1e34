"""What stands behind the `?` of a page's address, and what `{id}` of its path stood for."""

from __future__ import annotations

from urllib.parse import parse_qsl, unquote

from proxy.types import PageRequest

MAX_QUERY_FIELDS = 20
"""Two are known; more than a few is not a question to these pages."""


def fields_of(request: PageRequest) -> dict[str, str]:
    """The last of each name; blank ones too. Nothing when there are too many."""
    try:
        return dict(parse_qsl(request.query, keep_blank_values=True, max_num_fields=MAX_QUERY_FIELDS))
    except ValueError:
        return {}


def rest_of(request: PageRequest, prefix: str) -> str:
    """What follows the prefix in the raw path: it may hold slashes and percent-escapes."""
    return unquote(request.path.removeprefix(prefix))
