"""Who speaks Anthropic's language in a run, some upstreams and some clients; and what it sounds like.

https://platform.claude.com/docs/en/api/messages and .../build-with-claude/streaming
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

from loadtest.sim.network import SUFFIX
from loadtest.sim.plan import Ask, ClientPlan, Fault, Kind, Target
from loadtest.sim.settings import Section, Settings
from proxy.types import Usage

MESSAGES = b"/v1/messages"
CHAT, TEXT, ANTHROPIC = "chat", "completions", "anthropic"
"""Languages, by who speaks them."""
ENDS = (b"data: [DONE]", b'data: {"type":"message_stop"}')
"""Last events."""
_ERRORS = {
    Fault.UNAUTHORIZED: b'"type":"authentication_error"',
    Fault.NO_MONEY: b'"type":"rate_limit_error","details":{"error_code":"enforced_spend_limit_reached"}',
    Fault.LIMITED: b'"type":"rate_limit_error"',
    Fault.LIMITED_UNTIMED: b'"type":"rate_limit_error"',
    Fault.REJECTING: b'"type":"invalid_request_error"',
}


def spoken(
    seed: int, settings: Settings, clients: tuple[ClientPlan, ...]
) -> tuple[Settings, tuple[ClientPlan, ...]]:
    """In half of all runs two fifths of the upstreams speak it, and a third of the chats are asked in it."""
    chance = random.Random(f"{seed} languages")
    if chance.random() < 0.5:
        return settings, clients
    targets = tuple(
        replace(target, speaks_anthropic=not target.completes and chance.random() < 0.4)
        for target in settings.targets
    )
    entries = tuple(map(_entry, settings.entries, targets))
    told = tuple(replace(client, asks=tuple(_ask(ask, chance) for ask in client.asks)) for client in clients)
    return replace(settings, targets=targets, entries=entries), told


def _entry(entry: Section, target: Target) -> Section:
    params = entry["litellm_params"]
    assert isinstance(params, dict)
    if not target.speaks_anthropic:
        return entry
    own = {"model": "anthropic/claude-sonnet-4-5", "api_base": f"http://{target.name}{SUFFIX}"}
    return {**entry, "litellm_params": {**params, **own}}


def _ask(ask: Ask, chance: random.Random) -> Ask:
    asks_so = ask.kind is Kind.CHAT and chance.random() < 0.35
    return replace(ask, target=MESSAGES) if asks_so else ask


def of_door(target: bytes) -> str:
    return ANTHROPIC if target == MESSAGES else CHAT


def had_last(payload: bytes) -> bool:
    """And its blank line."""
    return payload.endswith(tuple(end + b"\n\n" for end in ENDS))


def said_last(payload: bytes) -> bool:
    """A stream's own last event has come, its blank line or not."""
    return payload.rstrip(b"\r\n").endswith(ENDS)


def usage_json(usage: Usage) -> bytes:
    return b'{"input_tokens":%d,"output_tokens":%d}' % (usage.input_tokens or 0, usage.output_tokens or 0)


def message(tag: bytes, text: bytes, usage: Usage) -> bytes:
    return (
        b'{"id":"%b","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"%b"}],'
        b'"stop_reason":"end_turn","stop_sequence":null,"usage":%b}'
    ) % (tag, text, usage_json(usage))


def events(tag: bytes, words: list[bytes], usage: Usage) -> Iterator[bytes]:
    """Of a whole stream. What it used is said from the first one on."""
    yield _event(
        b"message_start",
        b'"message":{"id":"%b","type":"message","role":"assistant","model":"m","content":[],"stop_reason":null,'
        b'"stop_sequence":null,"usage":%b}' % (tag, usage_json(usage)),
    )
    yield _event(b"content_block_start", b'"index":0,"content_block":{"type":"text","text":""}')
    for word in words:
        delta = b'"index":0,"delta":{"type":"text_delta","text":"%b"}' % word
        yield _event(b"content_block_delta", delta)
    yield _event(b"content_block_stop", b'"index":0')
    yield _event(
        b"message_delta",
        b'"delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":%d}'
        % (usage.output_tokens or 0),
    )
    yield b'event: message_stop\ndata: {"type":"message_stop"}\n\n'


def _event(kind: bytes, rest: bytes) -> bytes:
    return b'event: %b\ndata: {"type":"%b",%b}\n\n' % (kind, kind, rest)


def error(tag: bytes, fault: Fault) -> bytes:
    kind = _ERRORS.get(fault, b'"type":"api_error"')
    return b'{"type":"error","error":{%b,"message":"%b"}}' % (kind, tag)


def error_event(tag: bytes) -> bytes:
    return b"event: error\ndata: %b\n\n" % error(tag, Fault.ERROR_EVENT)
