"""What a request was, as far as it decides whom its failure blames; and the words that nobody knew yet."""

from __future__ import annotations

import logging
import re

from proxy.credentials import TARGET
from proxy.gateway.reading.call import Call
from proxy.gateway.trying.choice import Choice
from proxy.gateway.trying.outbound import model_sent
from proxy.providers.verdict import Asked
from proxy.providers.words import known
from proxy.types import Deployment, Result
from proxy.upstream.destination import Destination, Forwarding
from proxy.wire.form import RequestHead

log = logging.getLogger("sluice")

IDENTITIES = (
    b"openai-organization", b"openai-project", b"openai-beta", b"x-goog-user-project", b"helicone-auth",
    b"cf-aig-authorization", b"anthropic-beta",
)  # fmt: skip
"""Headers by which a client says on whose account, or by which agreement, it asks."""
_CREDENTIAL = re.compile(rb"(?:^|&)(?:key|api[_-]?key|access_token|token)=", re.IGNORECASE)
"""In a query, as Google's APIs take it: to an operator's own target it goes along, and may count there."""
_OF_EVERYONE = frozenset((b"assistants=v2", b"realtime=v1"))
"""Of `OpenAI-Beta`: what OpenAI's SDKs send by themselves, and every key knows."""
WORDS_REMEMBERED = 256
"""Unknown words that were logged; upstreams have some dozens, and no more lines than this are worth writing."""


def asked_of(call: Call, choice: Choice, destination: Destination, forwarding: Forwarding) -> Asked:
    deployment = destination.deployment
    return Asked(
        deployment.provider,
        call.route.family,
        model_sent(call, choice, deployment),
        foreign(call.head, destination, forwarding),
    )


def foreign(head: RequestHead, destination: Destination, forwarding: Forwarding) -> bool:
    """The client's own identity goes along, and is not the deployment's."""
    if destination.deployment.provider == TARGET and head.query and _CREDENTIAL.search(head.query):
        return True
    sieve = destination.narrow(forwarding)
    for name in IDENTITIES:
        value = head.get(name)
        if value is None or not sieve.passes(name):
            continue
        if name in head.form.connection_tokens or value in _OF_EVERYONE:
            continue
        if name != b"openai-organization" or value != (destination.deployment.organization or "").encode():
            return True
    return False


class UnknownWords:
    """Each is logged once: a line for `providers/words.py`. Bounded."""

    __slots__ = ("_told",)

    def __init__(self) -> None:
        self._told: set[tuple[str, int, str]] = set()

    def tell(self, deployment: Deployment, result: Result) -> None:
        """A word has been cleaned: it is a name, and never a message, which may repeat a key."""
        word = (deployment.provider, result.status, result.word)
        if known(result.word) or word in self._told or len(self._told) >= WORDS_REMEMBERED:
            return
        self._told.add(word)
        log.warning("an upstream of %s answered %d with a word that is not known here: %s", *word)
