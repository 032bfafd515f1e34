"""Whom an error answer blames: the host, the key, the key's model, its kind of request, or nobody but the client.

What the kind says is whether another key may do better; what the blame says is what rests for it. With
`Layer.NOBODY` nothing rests, whatever the kind.
"""

from __future__ import annotations

import re

import msgspec

from proxy.providers.family import resource_of
from proxy.providers.outcome import duration_s
from proxy.providers.said import Said, said_in
from proxy.providers.words import (
    CLIENTS,
    NO_ACCESS,
    NO_MODEL,
    NO_SCOPE,
    TOO_FAST,
    TOO_LARGE,
    UNAFFORDABLE,
    UNKNOWN,
    WRONG_KEY,
    Meaning,
    clean,
    meaning_of,
    meaning_of_message,
)
from proxy.types import Layer, Result, ResultKind


class Asked(msgspec.Struct, frozen=True):
    """What the request was, as far as it decides whom its failure blames."""

    provider: str
    family: str
    model: str | None = None
    """The upstream's name of the model that the request named; None: it named none."""
    foreign: bool = False
    """The client's own organization, project or other identity went along, and is not the deployment's. What is then
    said of an account is true of that one."""


_LOOKED_INTO = frozenset({400, 401, 402, 403, 404, 422, 429})
_OF_REQUESTS = frozenset({400, 404, 422})
"""Statuses of a request that is wrong in itself, unless its words say otherwise."""
_BY_STATUS = {402: NO_ACCESS, 429: TOO_FAST, 401: UNKNOWN, 403: UNKNOWN}
_OF_ANY_REQUEST = frozenset({WRONG_KEY, NO_ACCESS, NO_MODEL})
"""All that a wrong request's status may mean instead."""
_ADMINISTRATION = "organization"


def needs_words(status: int, asked: Asked) -> bool:
    """Whether an answer of this status means one thing or another by its body."""
    return status in _LOOKED_INTO and (status != 404 or asked.model is not None)


def verdict(result: Result, body: bytes, asked: Asked) -> Result:
    """The result of an error's head, with what its body says of whom it blames.

    `body`: without its coding, and as much of it as is here.
    """
    if result.status not in _LOOKED_INTO:
        return result
    said = said_in(body)
    meaning = _meaning(result.status, said, asked)
    blame = _blame(meaning, said, asked)
    return msgspec.structs.replace(
        result,
        kind=meaning.kind,
        retry_after_s=_retry_after_s(result, meaning, said),
        blame=blame,
        certain=blame is not Layer.KEY or _is_certain(result.status, meaning, said, asked),
        word=clean(said.names) or meaning.name,
    )


def _meaning(status: int, said: Said, asked: Asked) -> Meaning:
    by_message = meaning_of_message(said.message)
    if by_message in (UNAFFORDABLE, CLIENTS):  # whatever the code: it is this request that is too much
        return by_message
    found = meaning_of(said.names) or by_message
    if found is NO_MODEL and not _denies(said.message, asked.model):
        found = CLIENTS if status in _OF_REQUESTS else UNAFFORDABLE
    if status in _OF_REQUESTS:
        return found if found in _OF_ANY_REQUEST else CLIENTS
    if status == 429 and found in (None, TOO_FAST):
        return TOO_LARGE if _too_large(said.message) else TOO_FAST
    return found or _BY_STATUS[status]


def _is_certain(status: int, meaning: Meaning, said: Said, asked: Asked) -> bool:
    """A name is the upstream's own; the message of a wrong request may begin with the client's words, and where the
    client sent credentials along it may be these that will not do."""
    if meaning is UNKNOWN or asked.foreign:
        return False
    return status not in _OF_REQUESTS or meaning_of(said.names) is meaning


def _blame(meaning: Meaning, said: Said, asked: Asked) -> Layer:
    if asked.foreign and meaning.identity:
        return Layer.NOBODY
    if meaning is NO_SCOPE:
        return Layer.FAMILY if _scopes_fit(said.message, asked.family) else Layer.NOBODY
    if meaning is NO_MODEL and resource_of(asked.family) in _ABOUT_MODELS:
        return Layer.NOBODY  # what cannot be tuned or evaluated may be asked all the same
    if meaning is TOO_FAST and _has_limits_of_its_own(asked):
        return Layer.FAMILY
    if meaning.blame is Layer.KEY and resource_of(asked.family) == _ADMINISTRATION:
        return Layer.FAMILY  # an ordinary key will not do there, and does elsewhere
    return meaning.blame


def _has_limits_of_its_own(asked: Asked) -> bool:
    """How many jobs or uploads there may be says nothing of chats with the model that they are about."""
    resource = resource_of(asked.family)
    return resource in _ABOUT_MODELS or (asked.model is None and resource not in _GENERATING)


_QUOTED = re.compile(r"`([^`]{1,256})`|'([^']{1,256})'|\"([^\"]{1,256})\"")


def _denies(message: str, model: str | None) -> bool:
    """A request may name models inside (of tools, of fallbacks): denying those does not deny its own."""
    if model is None:
        return False
    quoted = [next(filter(None, match.groups())) for match in _QUOTED.finditer(message)]
    return not quoted or model in quoted or f"models/{model}" in quoted


_NUMBERS = re.compile(
    r"limit:? ([\d,]{1,15})(?:, used:? [\d,]{1,15})?, requested:? ([\d,]{1,15})", re.IGNORECASE
)


def _too_large(message: str) -> bool:
    """More than the limit itself allows: no waiting helps."""
    if message.lower().startswith("request too large"):
        return True
    found = _NUMBERS.search(message)
    return found is not None and _number(found[2]) > _number(found[1])


def _number(text: str) -> int:
    return int(text.replace(",", "") or "0")


_TRY_AGAIN = re.compile(r"try again in ((?:[\d.]{1,12}(?:ms|h|m|s))+)", re.IGNORECASE)


def _retry_after_s(result: Result, meaning: Meaning, said: Said) -> float | None:
    """Its head's word, else the message's; none where no time heals it."""
    if meaning.kind is not ResultKind.RATE_LIMITED or meaning is TOO_LARGE:
        return None
    if result.retry_after_s is not None:
        return result.retry_after_s
    found = _TRY_AGAIN.search(said.message)
    return duration_s(found[1].encode()) or None if found else None


_SCOPES = re.compile(r"missing (?:required )?scopes?:? ([\w., ]{1,500})", re.IGNORECASE)
_GENERATING = frozenset(
    {"audio", "chat", "completions", "embeddings", "images", "moderations", "realtime", "responses", "videos"}
)
_ABOUT_MODELS = frozenset({"batches", "evals", "fine_tuning"})
_RESOURCES = {
    "batch": "batches", "management": _ADMINISTRATION, "messages": "threads", "model": "models", "runs": "threads",
    "vectorstores": "vector_stores",
}  # fmt: skip
"""Where a scope's word is not its family's."""


def _scopes_fit(message: str, family: str) -> bool:
    """Whether the family itself needs them. A chat that names a file may need the files' scope: other chats do not."""
    found = _SCOPES.search(message)
    if found is None:
        return True
    scopes = [scope.strip(".") for scope in re.split(r"[, ]+", found[1]) if "." in scope.strip(".")]
    return not scopes or any(_fits(scope, resource_of(family)) for scope in scopes)


def _fits(scope: str, resource: str) -> bool:
    if scope == "model.request":
        return resource in _GENERATING
    word = scope.removeprefix("api.").split(".", 1)[0]
    return _RESOURCES.get(word, word) == resource
