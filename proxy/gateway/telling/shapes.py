"""Errors of the gateway's own, in the shape that its clients read: OpenAI's, or Anthropic's on its endpoints."""

from __future__ import annotations

from proxy.errors import GatewayError
from proxy.providers.translation.events import Failed
from proxy.providers.translation.messages_words import ERROR_TYPES, error
from proxy.types import Reply

ANTHROPICS = "/messages"
"""How the names of Anthropic's endpoints begin."""


def reply_of(error: GatewayError, route: str) -> Reply:
    """`route`: its name, as in the record."""
    if not route.startswith(ANTHROPICS):
        return error.reply()
    return Reply(error.status, anthropic_body(error), headers=error.headers)


def anthropic_body(failed: GatewayError) -> bytes:
    """https://platform.claude.com/docs/en/api/errors; the gateway's own code goes along."""
    kind = ERROR_TYPES.get(failed.status, "api_error")
    return error(Failed(failed.kind, failed.message, failed.code, failed.param), kind)
