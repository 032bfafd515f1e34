"""Whose objects a request names on a provider's own API, and which models.

Its paths are not OpenAI's, and not known: an object is what was seen made through this gateway, or looks like nothing
else. What only reads or ends one has to name one of the caller's own.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

from proxy.errors import state_unusable
from proxy.gateway.reading.call import Call
from proxy.gateway.reading.ids import is_sure, named_in, text_with_ids
from proxy.gateway.reading.tenancy import (
    READS,
    Lists,
    everybodys,
    must_be_readable,
    names_in,
    object_not_found,
)
from proxy.providers.objects import RESOURCE, could_be_id
from proxy.routing.affinity import ObjectStore

_ANSWERED = (
    "chat|completions|complete|converse|converse-stream|count_tokens|embed|embeddings|generate|generations|invoke"
    "|invoke-with-response-stream|messages|moderations|predict|rerank|responses|speech|transcriptions|translations"
)
_GENERATES = re.compile(rf"(?::\w+|/(?:{_ANSWERED}))/*$")
"""How paths end that make an answer, and nothing that is kept: `models/gemini-2.5-pro:generateContent`."""
_ABOUT_MODELS = re.compile(r"/(?:models|foundation-models|inference-profiles|tags|ps|version)(?:/|$)")
_MODEL = re.compile(r"/(?:models?|tunedModels|deployments|engines)/+([^/:]+(?::\d+)?)")
"""`/model/anthropic.claude-v2:0/converse`, `/models/gemini-2.5-pro:generateContent`, `/deployments/gpt/...`."""
_RESOURCES = re.compile(RESOURCE)


def makes_an_answer(call: Call) -> bool:
    """And nothing that is kept."""
    return call.head.method == b"POST" and _GENERATES.search(_path(call)) is not None


def models_in_path(path: bytes) -> list[str]:
    return _MODEL.findall(unquote(path.decode("latin-1")))


def check_owners_there(call: Call, store: ObjectStore, lists: Lists) -> None:
    """Raises GatewayError 400, 403, 404, 415, 503, as `check_owners` does."""
    owner, path, reads = call.caller.owner, _path(call), call.head.method in READS
    own = False
    for name in objects_in(path):
        of = store.owner(name)
        own = own or of == owner
        if of != owner and (of or is_sure(name)):
            raise object_not_found(name)
    for name in _elsewhere(call):
        of = store.owner(name)
        if of != owner and (of or is_sure(name)):
            raise object_not_found(name)
    if store.missed:  # they may be another's: who asks again has looked for them
        raise state_unusable()
    if own or call.head.method == b"POST" or _ABOUT_MODELS.search(path) is not None:
        return
    last = path.rstrip("/").rpartition("/")[2]
    if could_be_id(last) or _RESOURCES.search(path) is not None or not reads:
        raise object_not_found(last)
    if lists != "open":
        raise everybodys()


def owner_of_made_there(call: Call, store: ObjectStore) -> bytes:
    """Whose the objects are that an answer names: those of a list, or of a look at what nobody owns, are nobody's."""
    owners = filter(None, map(store.owner, objects_in(_path(call))))
    made = b"" if call.head.method in READS else call.caller.owner or call.caller.id
    return next(owners, made)


def objects_in(path: str) -> list[str]:
    """What of a path could be an object's id: a segment, or Google's `files/...`."""
    segments = [each.partition(":")[0] for each in path.split("/") if each]
    return [*filter(could_be_id, segments), *(found[0] for found in _RESOURCES.finditer(path))]


def _elsewhere(call: Call) -> list[str]:
    """In the query and the body."""
    names = [] if not call.head.query else names_in(call.head.query)
    if not makes_an_answer(call):
        must_be_readable(call)
    if call.json:
        names += [found[0].decode() for found in _IN_BODY.finditer(call.json)]
        if text := text_with_ids(call.json, refers=True):
            names += [each.name for each in named_in(text)]
    return names


_IN_BODY = re.compile(RESOURCE.encode())


def _path(call: Call) -> str:
    return unquote(call.route.path.decode("latin-1"))
