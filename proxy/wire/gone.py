"""What every room that serves a client may find out."""

from __future__ import annotations


class ClientGone(Exception):  # noqa: N818 - a fact, not an error
    """The client left: stop everything this request started."""
