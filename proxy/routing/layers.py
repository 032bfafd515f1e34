"""What facts about upstreams are true of, each once, however many entries of the configuration share it.

    Host     scheme, host and port (and how its certificate is checked): unreachable, refused, TLS
    Key      an upstream's base, credential, organization and headers of the deployment's own: wrong, without money
    Model    a key, and the upstream's name of the model: rate limits, denied, failing, slow
    Family   a key, and the family of a request's path: scopes that the key lacks

A key keeps the models that its entries name for good, and others (a `*` takes any) only when there is something to
remember of them, at most `MODELS_PER_KEY`: those that the upstream denies go first, since clients may invent names,
and where all others rest for better reasons nothing more is remembered.
"""

from __future__ import annotations

import enum
import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol
from urllib.parse import urlsplit
from weakref import WeakSet

import msgspec

from proxy.routing.evidence import Evidence
from proxy.routing.health import UNTOLD, Health, Told
from proxy.routing.hold import NO_HOLD, Hold
from proxy.routing.prediction import Prediction
from proxy.routing.rules import DENIED, Rule
from proxy.types import Deployment
from proxy.types import Layer as Kind

WORTH_TELLING_S = 0.5
"""A hundred requests refused together make a rest a little longer each: others need not hear of every one."""
MODELS_PER_KEY = 512
"""Beside those of the configuration: more than any provider serves."""
MODEL_NAME_CHARS = 256
"""Longer names are the client's to worry about."""
FAMILIES_PER_KEY = 64
"""More than there are."""
ID_CHARS = 12
"""Of a digest in hex: 48 bits, to tell a configuration's keys apart."""
_DEFAULT_PORTS = {"http": 80, "https": 443}


class News(enum.Enum):
    RESTS = "rests"
    """It was well before, or rested for another reason."""
    RESTS_LONGER = "rests longer"
    WELL = "well"
    PROBED = "probed"
    """A probe is on its way: no other process needs one."""


class Change(msgspec.Struct, frozen=True):
    """What everybody who shares a layer wants to know of it."""

    layer: Layered
    news: News
    now: float


Report = Callable[[Change], None]


class Watcher(Protocol):
    def invalidate(self) -> None:
        """Who may be picked has changed."""

    def invalidate_named(self) -> None:
        """For requests that name models, or are of a family, of which something is remembered."""

    def noted(self, model: str) -> None:
        """A key remembers something of a model now."""

    def forgot(self, model: str) -> None:
        """It does no longer."""

    def noted_family(self, family: str) -> None: ...


def untold(_change: Change) -> None:
    """Nobody wants to know."""


class Layered:
    """What can rest. Mutable; shared by all pools, and kept over reloads."""

    __slots__ = ("__weakref__", "_told_until", "health", "held", "id", "kind", "report", "shown")

    def __init__(self, kind: Kind, id_: str, shown: str, report: Report) -> None:
        """`id_`: for the operator's calls. `shown`: for logs and errors; both without any credential."""
        self.kind = kind
        self.id = id_
        self.shown = shown
        self.health = Health()
        self.held = NO_HOLD
        self.report = report
        self._told_until = -math.inf

    def bench(
        self, rule: Rule, now: float, cooldown_s: float, length_s: float | None, told: Told = UNTOLD
    ) -> None:
        began = not self.health.benched or self.health.rule is not rule
        self.health.bench(rule, now, cooldown_s, length_s, told)
        self.notify()
        if began or self.health.until > self._told_until + WORTH_TELLING_S:
            self._told_until = self.health.until
            self.report(Change(self, News.RESTS if began else News.RESTS_LONGER, now))

    def succeeded(self, now: float) -> None:
        if self.health.benched and self.health.succeeded(now):
            self._ceased(now)

    def learned_nothing(self, now: float) -> None:
        if self.health.benched and self.health.learned_nothing(now):
            self.notify()

    def begin_trial(self, now: float) -> None:
        """HOT where something is benched: it was picked."""
        if self.health.benched and self.health.begin_trial(now):
            self.notify()
            self.report(Change(self, News.PROBED, now))

    def hear_rest(
        self, rule: Rule, streak: int, until: float, last_resort_at: float, at: float, told: Told
    ) -> bool:
        """Another process has learned it then. Reported to nobody. Whether it is news."""
        if self.health.benched and until <= self.health.until:
            return False
        self.health.hear(rule, streak, until, last_resort_at, at, told)
        self._told_until = until
        self.notify()
        return True

    def hear_well(self, at: float) -> bool:
        """Another process has had a good answer then."""
        if not self.health.benched or at < self.health.since:
            return False
        self.health.lift(at)
        self.notify()
        return True

    def hear_probe(self, at: float) -> bool:
        """Another process has one on its way."""
        if not self.health.benched or at < self.health.since or not self.health.begin_trial(at):
            return False
        self.notify()
        return True

    def hold(self, hold: Hold, now: float) -> None:
        """The operator's word."""
        self.held = hold
        if not hold.holds(now):
            self.revive(now)
        self.notify()

    def revive(self, now: float) -> None:
        rested = self.health.benched
        self.health.forget()
        if rested:
            self._ceased(now)

    def rests(self, now: float) -> bool:
        if self.held.holds(now):
            return True
        health = self.health
        return health.benched and not (health.admits(now) or health.admits_last_resort(now))

    def notify(self) -> None:
        raise NotImplementedError

    def _ceased(self, now: float) -> None:
        self.notify()
        self.report(Change(self, News.WELL, now))


class Host(Layered):
    __slots__ = ("watchers",)

    def __init__(self, id_: str, report: Report) -> None:
        super().__init__(Kind.HOST, id_, f"host {id_}", report)
        self.watchers: WeakSet[Watcher] = WeakSet()

    def notify(self) -> None:
        for watcher in self.watchers:
            watcher.invalidate()


class Key(Layered):
    __slots__ = ("base", "digest", "families", "host", "models", "suspected_at", "watchers")

    def __init__(self, id_: str, digest: bytes, name: str, base: str, host: Host, report: Report) -> None:
        super().__init__(Kind.KEY, id_, f"key {name} at {host.id}", report)
        self.host = host
        self.base = base
        self.digest = digest
        """Of what identifies it, the same in every process."""
        self.models: dict[str, Model] = {}
        self.families: dict[str, Family] = {}
        self.watchers: WeakSet[Watcher] = WeakSet()
        """Pools that must look again. Weak: those of an old configuration end with it."""
        self.suspected_at = -math.inf
        """When its owner was last asked whether a suspicion is right."""

    def notify(self) -> None:
        for watcher in self.watchers:
            watcher.invalidate()

    def fixed(self, name: str) -> Model:
        """Of the configuration: never forgotten."""
        model = self.models.get(name)
        if model is None:
            model = self.models[name] = Model(self, name, self.report)
            for watcher in self.watchers:
                watcher.noted(name)
        model.fixed = True
        return model

    def remembered(self, name: str, now: float) -> Model | None:
        """Made when there is something to remember; None: there is no room for it."""
        model = self.models.get(name)
        if model is not None:
            return model
        if len(name) > MODEL_NAME_CHARS or not self._make_room(now):
            return None
        model = self.models[name] = Model(self, name, self.report)
        for watcher in self.watchers:
            watcher.noted(name)
        return model

    def family(self, name: str) -> Family | None:
        family = self.families.get(name)
        if family is None and len(self.families) < FAMILIES_PER_KEY:
            family = self.families[name] = Family(self, name, self.report)
            for watcher in self.watchers:
                watcher.noted_family(name)
        return family

    def layers(self) -> Iterator[Layered]:
        yield self
        yield from self.models.values()
        yield from self.families.values()

    def _make_room(self, now: float) -> bool:
        if len(self.models) < MODELS_PER_KEY:
            return True
        loose = [model for model in self.models.values() if not model.fixed]
        if len(loose) < MODELS_PER_KEY:
            return True
        free = [model for model in loose if not model.held.holds(now)]
        gone = next((model for model in free if model.health.rule is DENIED), None)
        gone = gone or next((model for model in free if now >= model.health.until), None)
        if gone is None:
            return False
        del self.models[gone.name]
        for watcher in self.watchers:
            watcher.forgot(gone.name)
        return True


class Model(Layered):
    __slots__ = ("evidence", "fixed", "key", "learns_at", "name", "prediction")

    def __init__(self, key: Key, name: str, report: Report) -> None:
        super().__init__(Kind.MODEL, f"{key.id}/{name}", f"{_model(name)} of {key.shown}", report)
        self.key = key
        self.name = name
        self.fixed = False
        self.evidence = Evidence()
        self.prediction: Prediction | None = None
        """None: no answer told what is left."""
        self.learns_at = -math.inf

    def notify(self) -> None:
        for watcher in self.key.watchers:
            if self.fixed:
                watcher.invalidate()
            else:
                watcher.invalidate_named()

    def bench(
        self, rule: Rule, now: float, cooldown_s: float, length_s: float | None, told: Told = UNTOLD
    ) -> None:
        self.evidence.clear()
        super().bench(rule, now, cooldown_s, length_s, told)

    def revive(self, now: float) -> None:
        self.evidence.forget()
        if self.prediction is not None:
            self.prediction.forget()
        super().revive(now)


class Family(Layered):
    __slots__ = ("key", "name")

    def __init__(self, key: Key, name: str, report: Report) -> None:
        super().__init__(Kind.FAMILY, f"{key.id}/{name}", f"{name} of {key.shown}", report)
        self.key = key
        self.name = name

    def notify(self) -> None:
        for watcher in self.key.watchers:
            watcher.invalidate_named()


class Layers:
    """Hosts and keys of one configuration; those that stay are taken over from the one before."""

    def __init__(self, report: Report = untold) -> None:
        self.report = report
        self.hosts: dict[str, Host] = {}
        self.keys: dict[bytes, Key] = {}

    def key_of(self, deployment: Deployment) -> Key:
        digest = key_digest(deployment)
        key = self.keys.get(digest)
        if key is None:
            host = self._host(deployment)
            name = _called(deployment)
            key = Key(digest.hex()[:ID_CHARS], digest, name, deployment.api_base, host, self._tell)
            self.keys[digest] = key
        return key

    def take_over(self, old: Layers) -> None:
        """Those of `old` in place of this one's own; members must ask for theirs again."""
        self.hosts = {id_: old.hosts.get(id_, host) for id_, host in self.hosts.items()}
        for digest, key in self.keys.items():
            kept = old.keys.get(digest)
            if kept is not None:
                self.keys[digest] = kept
            else:
                key.host = self.hosts[key.host.id]
        for layered in self.all():
            layered.report = self._tell

    def all(self) -> Iterator[Layered]:
        yield from self.hosts.values()
        for key in self.keys.values():
            yield from key.layers()

    def find(self, kind: Kind, id_: str, now: float) -> Layered | None:
        """For the operator. `id_` as `/admin/layers` shows it; a model or family nobody remembers is made."""
        if kind is Kind.HOST:
            return self.hosts.get(id_)
        key_id, slash, name = id_.partition("/")
        key = next((key for key in self.keys.values() if key.id == key_id), None)
        if key is None or kind is Kind.KEY:
            return key if not slash else None
        if not slash:
            return None
        return key.remembered(name, now) if kind is Kind.MODEL else key.family(name)

    def _host(self, deployment: Deployment) -> Host:
        id_ = host_id(deployment)
        host = self.hosts.get(id_)
        if host is None:
            host = self.hosts[id_] = Host(id_, self._tell)
        return host

    def _tell(self, change: Change) -> None:
        self.report(change)


def host_id(deployment: Deployment) -> str:
    """`https://api.openai.com:443`; how certificates are checked, where that is not the usual way."""
    if deployment.unservable is not None:  # and what is written may be no address
        return "nowhere"
    parts = urlsplit(deployment.api_base)
    port = parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
    checked = "" if deployment.ssl_verify is True or parts.scheme == "http" else f" ({deployment.ssl_verify})"
    return f"{parts.scheme}://{_bracketed(parts.hostname or '')}:{port}{checked}"


def key_digest(deployment: Deployment) -> bytes:
    """16 bytes of what identifies a key: its base, since one host may serve several upstreams by path."""
    parts: Sequence[object] = (
        host_id(deployment),
        deployment.api_base.partition("://")[2].partition("/")[2].rstrip("/").removesuffix("v1"),
        deployment.api_key.reveal(),
        deployment.organization,
        deployment.headers,
    )
    return hashlib.blake2b(msgspec.msgpack.encode(parts), digest_size=16, person=b"sluice-key").digest()


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _model(name: str) -> str:
    """Names may be a client's: what cannot be printed is not."""
    return f"model {name if name.isprintable() else ascii(name)}" if name else "requests that name no model"


def _called(deployment: Deployment) -> str:
    """By the variable that a person wrote, else by the entry that names it first. Never the credential."""
    return deployment.origin or deployment.id
