"""Whose objects a request names: what was made through one key is its team's, else its user's, else its own.

For others it is not there. Whatever the upstream could take for an object's id is looked at, however it is written: a
path's segments, a query's values, and every text of a JSON body.
"""

from __future__ import annotations

from typing import Literal, TypeAlias
from urllib.parse import parse_qsl, unquote

import msgspec

from proxy.errors import GatewayError, state_unusable
from proxy.gateway.reading.call import Call
from proxy.gateway.reading.ids import MAX_NAMED, Named, is_sure, named_in, text_with_ids, too_many
from proxy.gateway.reading.refusals import unreadable_type
from proxy.gateway.reading.routes import Kind
from proxy.providers.family import RESPONSES
from proxy.providers.objects import could_be_id
from proxy.routing.affinity import ObjectStore
from proxy.wire.head import NO_BODY

READS = (b"GET", b"HEAD")
NOT_FOUND = "object_not_found"
_WORDS = frozenset({
    "accept", "activate", "admin_api_keys", "alpha", "api_keys", "archive", "audio_speeches",
    "audio_transcriptions", "audit_logs", "calls", "cancel", "certificates", "characters", "checkpoints",
    "client_secrets", "code_interpreter_sessions", "compact", "complete", "completions", "content", "costs",
    "data_retention", "deactivate", "edits", "embeddings", "events", "extensions", "file_batches",
    "file_search_calls", "files", "generations", "graders", "groups", "hangup", "hosted_tool_permissions", "images",
    "input_items", "input_tokens", "invites", "items", "jobs", "messages", "model_permissions", "moderations",
    "output_items", "parts", "pause", "permissions", "projects", "rate_limits", "refer", "reject", "remix",
    "resume", "roles", "run", "runs", "search", "service_accounts", "sessions", "speech", "spend_alerts",
    "spend_limit", "steps", "submit_tool_outputs", "threads", "transcription_sessions", "transcriptions",
    "translations", "usage", "users", "validate", "variations", "vector_stores", "versions", "voice_consents",
    "voices", "web_search_calls",
})  # fmt: skip
"""Of the paths of https://platform.openai.com/docs/api-reference, behind the family: no ids."""
_OPENAI_PREFIXES = ("openai", "openai_passthrough", "v1")
_NATIVE = Kind.NATIVE


Lists: TypeAlias = Literal["filter", "refuse", "open"]


class Tenancy(msgspec.Struct, frozen=True):
    """Whether objects belong to those whose keys made them, and what becomes of lists of everybody's: a caller sees its
    own in them, none, or all."""

    on: bool = True
    lists: Lists = "filter"
    list_pages: int = 20
    """Of an upstream, read for one page of a caller's own."""


APART = Tenancy()


def check_owners(call: Call, store: ObjectStore, *, keeps_state: bool, lists: Lists) -> list[Named]:
    """HOT. What the body names. Raises GatewayError 400 for what others may read as another object, 404 for what is not
    the caller's, 403 for everybody's lists, 415 for what is not read, 503 for what may be known elsewhere.

    `lists`: what becomes of those. What is to be filtered passes here: `lists_everybodys`.
    """
    owner = call.caller.owner
    # Paths of native routes are words.
    objects = [] if call.route.kind is _NATIVE else _in_path(call.route.path)
    if keeps_state:
        if not objects and (lists == "refuse" or call.head.method == b"HEAD") and call.head.method in READS:
            raise everybodys()
        must_be_readable(call)
    for at, name in enumerate(objects):
        _check(store, name, owner, sure=at == 0 and keeps_state)
    if call.head.query:
        for name in names_in(call.head.query):
            _check(store, name, owner, sure=is_sure(name))
    refers = keeps_state or call.route.family == RESPONSES
    named: list[Named] = []
    if call.json and (text := text_with_ids(call.json, refers=refers)):
        named = named_in(text)
        for each in named:
            _check(store, each.name, owner, sure=each.sure)
    if store.missed:  # they may be another's: who asks again has looked for them
        raise state_unusable()
    return named


def is_subject(call: Call) -> bool:
    """HOT. The master key's holder may reach everything, and who needs no key belongs to nobody."""
    return call.caller.key is not None and not call.caller.admin


def lists_everybodys(call: Call) -> bool:
    """Of what keeps state: a list that its caller sees its own objects of, where it belongs to somebody."""
    return call.head.method in READS and is_subject(call) and not _in_path(call.route.path)


def owner_of_made(call: Call, store: ObjectStore) -> bytes:
    """Whose the objects are that an answer names: the owner's of the object that was asked, else the caller's; of a
    list, nobody's."""
    objects = _in_path(call.route.path)
    if objects:
        return store.owner(objects[0]) or call.caller.owner or call.caller.id
    if call.head.method in READS:
        return b""
    return call.caller.owner or call.caller.id


def _check(store: ObjectStore, name: str, owner: bytes, *, sure: bool) -> None:
    of = store.owner(name)
    if of == owner or (not of and not sure):
        return
    raise object_not_found(name)


def _in_path(path: bytes) -> list[str]:
    """From the first segment on that is none of the API's words."""
    segments = [unquote(each) for each in path.decode("latin-1").split("/") if each]
    while segments and segments[0] in _OPENAI_PREFIXES:
        del segments[0]
    return [each for each in segments[1:] if each not in _WORDS][:MAX_NAMED]


def names_in(query: bytes) -> list[str]:
    try:
        pairs = parse_qsl(query.decode("latin-1"), max_num_fields=MAX_NAMED)
    except ValueError:
        raise too_many() from None
    return [value for _, value in pairs if could_be_id(value)]


def must_be_readable(call: Call) -> None:
    """What is not read may name anything. Forms name objects where containers take files by their ids."""
    if call.length in (0, NO_BODY) or call.json is not None:
        return
    plain_form = call.form is not None and (b"containers" not in call.route.path or _names_nothing(call))
    if not plain_form:
        raise unreadable_type(call.head.get_all(b"content-type"))


def _names_nothing(call: Call) -> bool:
    return call.spool is None and b"file_id" not in call.body


def object_not_found(name: str) -> GatewayError:
    """As OpenAI says it of what is not there."""
    message = f"No such object: {name[:128]}"
    return GatewayError(404, message, param="id", code=NOT_FOUND)


def everybodys() -> GatewayError:
    message = (
        "This list would show objects of other keys, and they cannot be told apart in it, so it is not given to a"
        " virtual key. Ask for the objects themselves, or have the operator set sluice_settings.object_lists."
    )
    return GatewayError(403, message, code="list_of_everybody")
