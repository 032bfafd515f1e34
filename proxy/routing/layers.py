"""What facts about upstreams are true of, each once, however many entries of the configuration share it.

    Host     scheme, host and port (and how its certificate is checked): unreachable, refused, TLS
    Key      an upstream's base, credential, organization and headers of the deployment's own: wrong, without money
    Model    a key, and the upstream's name of the model: rate limits, denied (to a family), failing, slow
    Family   a key, and the family of a request's path: scopes that the key lacks

A key keeps the models that its entries name for good, and others (a `*` takes any) only when there is something to
remember of them, at most `MODELS_PER_KEY`: those that the upstream denies go first, since clients may invent names,
and where all others rest for better reasons nothing more is remembered.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from weakref import WeakSet

from proxy.routing.evidence import Evidence
from proxy.routing.health import UNTOLD, Told
from proxy.routing.hold import NO_HOLD
from proxy.routing.layered import Layered, Report, Watcher
from proxy.routing.prediction import Prediction
from proxy.routing.rules import DENIED, Rule
from proxy.types import Layer as Kind

MODELS_PER_KEY = 512
"""Beside those of the configuration: more than any provider serves."""
MODEL_NAME_CHARS = 256
"""Longer names are the client's to worry about."""
FAMILIES_PER_KEY = 64
"""More than there are."""


class Host(Layered):
    __slots__ = ("watchers",)

    def __init__(self, id_: str, report: Report) -> None:
        super().__init__(Kind.HOST, id_, f"host {id_}", report)
        self.watchers: WeakSet[Watcher] = WeakSet()

    def notify(self) -> None:
        for watcher in self.watchers:
            watcher.invalidate()


class Key(Layered):
    __slots__ = ("base", "digest", "families", "host", "models", "named", "suspected_at", "watchers")

    def __init__(self, id_: str, digest: bytes, name: str, base: str, host: Host, report: Report) -> None:
        super().__init__(Kind.KEY, id_, f"key {name} at {host.id}", report)
        self.host = host
        self.base = base
        self.digest = digest
        """Of what identifies it, the same in every process."""
        self.models: dict[str, Model] = {}
        self.named = 0
        """Of these, by the configuration."""
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
        self.named += not model.fixed
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
        if len(self.models) - self.named < MODELS_PER_KEY:
            return True
        gone = next((model for model in self._loose(now) if model.health.rule is DENIED), None)
        gone = gone or next((model for model in self._loose(now) if now >= model.health.until), None)
        if gone is None:
            return False
        gone.allow()
        del self.models[gone.name]
        for watcher in self.watchers:
            watcher.forgot(gone.name)
        return True

    def _loose(self, now: float) -> Iterator[Model]:
        """Those that may be forgotten, the eldest first."""
        return (model for model in self.models.values() if not model.fixed and not model.held.holds(now))


class Model(Layered):
    __slots__ = ("denied_to", "evidence", "fixed", "key", "learns_at", "name", "prediction")

    def __init__(self, key: Key, name: str, report: Report) -> None:
        super().__init__(Kind.MODEL, f"{key.id}/{name}", f"{_model(name)} of {key.shown}", report)
        self.key = key
        self.name = name
        self.fixed = False
        self.evidence = Evidence()
        self.prediction: Prediction | None = None
        """None: no answer told what is left."""
        self.learns_at = -math.inf
        self.denied_to: tuple[str, ...] = ()
        """Families whose requests the upstream denied it to, the latest last: a model of chats is none of speech."""

    def concerns(self, family: str) -> bool:
        """Whether its rest, if it has one, is for such requests, too."""
        if not self.denied_to or self.health.rule is not DENIED or self.held is not NO_HOLD:
            return True
        return family in self.denied_to

    def deny(self, family: str) -> None:
        """A rest follows."""
        if family and family not in self.denied_to:
            self.denied_to = (*self.denied_to, family)
            for watcher in self.key.watchers:
                watcher.noted_family(family)
            if self.health.benched:
                self.notify()

    def allow(self) -> None:
        for family in self.denied_to:
            for watcher in self.key.watchers:
                watcher.forgot_family(family)
        self.denied_to = ()

    def notify(self) -> None:
        if self.denied_to and not self.health.benched:
            self.allow()
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


def _model(name: str) -> str:
    """Names may be a client's: what cannot be printed is not."""
    return f"model {name if name.isprintable() else ascii(name)}" if name else "requests that name no model"
