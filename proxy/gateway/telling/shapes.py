"""Errors of the gateway's own, as its clients read them: in OpenAI's shape, or in Anthropic's."""

from __future__ import annotations

import re

from proxy.errors import GatewayError
from proxy.providers.translation.events import Failed
from proxy.providers.translation.messages_words import error, error_type_of
from proxy.types import Reply
from proxy.wire.form import RequestHead

_ANTHROPICS = re.compile("(?:/v1)?/messages(?:/|$)|/anthropic(?:/|$)")
"""How the names of Anthropic's endpoints begin, and the paths of what is none of them."""
VERSION = b"anthropic-version"


def reads_anthropics(head: RequestHead) -> bool:
    """Its client says for which edition of Anthropic's API it is."""
    return head.get(VERSION) is not None


def reply_of(error: GatewayError, route: str, head: RequestHead) -> Reply:
    """`route`: its name, or an unknown path, as in the record."""
    if _ANTHROPICS.match(route) is None and not reads_anthropics(head):
        return error.reply()
    return Reply(error.status, anthropic_body(error), headers=error.headers)


def anthropic_body(failed: GatewayError) -> bytes:
    """https://platform.claude.com/docs/en/api/errors; the gateway's own code goes along."""
    told = Failed(failed.kind, failed.message, failed.code, failed.param)
    return error(told, error_type_of(failed.status))
