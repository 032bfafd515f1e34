"""What one process learns of a layer, as others hear of it: one small message of fixed size, over any board."""

from __future__ import annotations

import hashlib
import struct
from typing import Protocol

from proxy.routing.ground import Layers
from proxy.routing.health import Told
from proxy.routing.layered import Change, Layered, News
from proxy.routing.layers import Family as FamilyLayer
from proxy.routing.layers import Key, Model
from proxy.routing.rules import RULES
from proxy.types import Layer

_FORM = struct.Struct("=BBBxIHxx16sddd40s40s168s24s")
"""Kind, news, rule and streak; the upstream's status; the host's or key's digest; when it was learned, until when, and
until when a pool with nothing better leaves it alone; the call's id, the upstream's word, the model or family, and the
family that a model was denied to."""
MESSAGE_BYTES = _FORM.size
_KINDS = (Layer.HOST, Layer.KEY, Layer.MODEL, Layer.FAMILY)
_NEWS = tuple(News)
_NAME_BYTES, _WORD_BYTES, _FAMILY_BYTES = 168, 40, 24


class FactBoard(Protocol):
    """Where processes tell each other what they learn: those of one machine, or, some day, of several.

    Messages may be lost, be late, and come twice; whoever hears one does no more than it would by its own learning.
    """

    def tell(self, message: bytes) -> None:
        """Never waits."""

    def news(self) -> list[bytes]:
        """What others have told since the last time; the first time, what of it is still here. Never waits."""
        ...


def written(change: Change) -> bytes | None:
    """None: a name too long to be told; others find out themselves."""
    layer = change.layer
    digest, name = _address(layer)
    encoded = name.encode()
    if len(encoded) > _NAME_BYTES:
        return None
    health = layer.health
    told = health.told
    return _FORM.pack(
        _KINDS.index(layer.kind),
        _NEWS.index(change.news),
        0 if health.rule is None else RULES.index(health.rule),
        health.streak,
        told.status,
        digest,
        change.now,
        health.until,
        health.last_resort_at,
        told.call_id.encode()[:_WORD_BYTES],
        told.word.encode("ascii", "replace")[:_WORD_BYTES],
        encoded,
        _denied_to(layer).encode()[:_FAMILY_BYTES],
    )


def hear(layers: Layers, message: bytes, now: float) -> bool:
    """Whether it changed anything. What is of no layer here, or is over, is passed over."""
    said = _FORM.unpack(message)
    kind, news, rule, streak, status, digest, at, until, last_resort_at, call_id, word, name, family = said
    rests = _NEWS[news] in (News.RESTS, News.RESTS_LONGER)
    layer = _find(layers, _KINDS[kind], digest, _text(name), now, makes=rests)
    if layer is None:
        return False
    if rests:
        if isinstance(layer, Model) and until > now:
            layer.deny(_text(family))
        return until > now and layer.hear_rest(
            RULES[rule], streak, until, last_resort_at, at, Told(status, _text(word), _text(call_id))
        )
    if _NEWS[news] is News.PROBED:
        return layer.hear_probe(at)
    return layer.hear_well(at)


def _address(layer: Layered) -> tuple[bytes, str]:
    if isinstance(layer, (Model, FamilyLayer)):
        return layer.key.digest, layer.name
    if isinstance(layer, Key):
        return layer.digest, ""
    return host_digest(layer.id), ""


def _denied_to(layer: Layered) -> str:
    return layer.denied_to[-1] if isinstance(layer, Model) and layer.denied_to else ""


def _find(
    layers: Layers, kind: Layer, digest: bytes, name: str, now: float, *, makes: bool
) -> Layered | None:
    if kind is Layer.HOST:
        return next((host for host in layers.hosts.values() if host_digest(host.id) == digest), None)
    key = layers.keys.get(digest)
    if key is None or kind is Layer.KEY:
        return key
    if kind is Layer.FAMILY:
        return key.family(name) if makes else key.families.get(name)
    return key.remembered(name, now) if makes else key.models.get(name)


def host_digest(host_id: str) -> bytes:
    return hashlib.blake2b(host_id.encode(), digest_size=16, person=b"sluice-host").digest()


def _text(padded: bytes) -> str:
    return padded.rstrip(b"\0").decode("utf-8", "replace")
