"""A deployment with its state and what it stands on, as pools hold it."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Sequence

from proxy.routing.ground import Layers
from proxy.routing.hold import NO_HOLD
from proxy.routing.layered import Layered
from proxy.routing.layers import Host, Key, Model
from proxy.routing.settings import RouterSettings
from proxy.routing.state import DeploymentState
from proxy.routing.wish import Wish
from proxy.types import Deployment


class Member:
    """The same object in every pool of one router, but where a pool asks for a model by name: see `facing`."""

    __slots__ = (
        "_layers",
        "_settings",
        "cooldown_s",
        "deployment",
        "host",
        "key",
        "limit",
        "model",
        "stars",
        "state",
        "tier",
        "weight",
    )

    def __init__(
        self,
        deployment: Deployment,
        state: DeploymentState,
        layers: Layers,
        settings: RouterSettings,
        key: Key | None = None,
    ) -> None:
        """`key`: what it stands on; None: as the layers say."""
        limit = deployment.share.max_parallel_requests
        if limit is None:
            limit = settings.default_max_parallel_requests
        cooldown_s = (
            settings.cooldown_s if deployment.share.cooldown_s is None else deployment.share.cooldown_s
        )
        self.deployment = deployment
        self.state = state
        self.limit = sys.maxsize if limit is None else limit
        self.tier = (deployment.share.order, deployment.share.weight == 0)
        """Within one order, those of weight 0 come after all others."""
        self.weight = deployment.share.weight or 1
        self.cooldown_s = 0.0 if settings.disable_cooldowns else cooldown_s
        """0: nothing that is learned makes it rest, and it teaches nobody to."""
        self.stars = "*" in deployment.model
        self.model: Model | None = None
        """What is remembered of the model that it is asked for, if anything."""
        self._settings = settings
        self.stand_on(layers, key)

    def stand_on(self, layers: Layers, key: Key | None = None) -> None:
        self._layers = layers
        self.key: Key = key or layers.key_of(self.deployment)
        self.host: Host = self.key.host
        if not self.stars:
            self.model = self.key.fixed(self.deployment.model)

    def named(self, wish: Wish) -> str:
        """The upstream's name of the model that is asked for."""
        if wish.model is not None:
            return wish.model
        return self.deployment.model.replace("*", wish.star, 1) if self.stars else self.deployment.model

    def model_for(self, wish: Wish) -> Model | None:
        """HOT. What is remembered of the model asked for."""
        if wish.model is None and not self.stars:
            return self.model
        return self.key.models.get(self.named(wish))

    def facing(self, model: Model | None) -> Member:
        """The same, asked for another model."""
        other = Member(self.deployment, self.state, self._layers, self._settings, self.key)
        other.model = model
        return other

    def takes(self, now: float, tried: Collection[Deployment], tokens: int) -> bool:
        """Has it room for this request, as far as is known?"""
        model = self.model
        return self.fits(now, tried, tokens) and (
            model is None or model.prediction is None or model.prediction.favours(now, tokens)
        )

    def fits(self, now: float, tried: Collection[Deployment], tokens: int) -> bool:
        """Within what the operator has set."""
        state = self.state
        return (
            state.in_flight < self.limit
            and self.deployment not in tried
            and (state.quota is None or state.quota.admits(now, tokens))
        )

    def fits_share(self, now: float, tried: Collection[Deployment], wish: Wish) -> bool:
        """Within what the operator has set, but for others' guesses."""
        state, quota, model = self.state, self.state.quota, self.model
        return (
            quota is not None
            and state.in_flight < self.limit
            and self.deployment not in tried
            and quota.admits_share(now, wish.tokens, wish.caller)
            and (model is None or model.prediction is None or model.prediction.favours(now, wish.tokens))
        )

    def begin_trial(self, now: float, family: str) -> None:
        """Where something that it stands on is benched: the request is the probe."""
        if self.cooldown_s:
            for layer in self.layers(family):
                layer.begin_trial(now)

    def layers(self, family: str) -> Iterator[Layered]:
        yield self.host
        yield self.key
        model = self.model
        if model is not None and model.concerns(family):
            yield model
        if family and (found := self.key.families.get(family)) is not None:
            yield found

    def is_troubled(self, family: str) -> bool:
        """Whether anything that it stands on rests or is held, or was held: else it is usable."""
        host, key, model = self.host, self.key, self.model
        if self.state.held is not NO_HOLD or host.held is not NO_HOLD or key.held is not NO_HOLD:
            return True
        if host.health.benched or key.health.benched:
            return True
        if model is not None and (model.held is not NO_HOLD or model.health.benched):
            return True
        return bool(family) and family in key.families

    def held(self, now: float, family: str) -> bool:
        """By the operator."""
        return self.state.held.holds(now) or any(layer.held.holds(now) for layer in self.layers(family))

    def admits(self, now: float, family: str) -> bool:
        if not self.cooldown_s or not self.is_benched(family):
            return True
        return all(layer.health.admits(now) for layer in self.layers(family))

    def admits_last_resort(self, now: float, family: str) -> bool:
        return all(
            layer.health.admits(now) or layer.health.admits_last_resort(now) for layer in self.layers(family)
        )

    def is_benched(self, family: str) -> bool:
        """Something is, though it may be time for a probe."""
        if self.host.health.benched or self.key.health.benched:
            return True
        model = self.model
        if model is not None and model.health.benched and model.concerns(family):
            return True
        found = self.key.families.get(family) if family else None
        return found is not None and found.health.benched

    def next_change(self, now: float, family: str) -> Iterator[float]:
        """When the answers above may change by time alone."""
        if self.state.held.holds(now):
            yield self.state.held.until
        for layer in self.layers(family):
            if layer.held.holds(now):
                yield layer.held.until
            if layer.health.benched:
                yield layer.health.next_change(now)


Members = Sequence[Member]
