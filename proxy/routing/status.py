"""What the control room may show of a deployment, and of what it stands on: never a key."""

from __future__ import annotations

import math

import msgspec

from proxy.routing.health import Stage
from proxy.routing.hold import Hold
from proxy.routing.layered import Layered
from proxy.routing.layers import Model
from proxy.routing.member import Member


class LayerStatus(msgspec.Struct, frozen=True):
    """A host, a key, a key's model or a key's kind of request."""

    kind: str
    """`host`, `key`, `model` or `family`."""
    id: str
    """For the operator's calls."""
    name: str
    """Host, key, model or family, as a person knows it; never a credential."""
    state: str
    """`closed`, `open` or `half_open`."""
    reason: str
    """`refused`, `auth`, `denied`, `scope`, `rate_limited`, `failing`, `slow`, `operator`, `draining`; empty when
    closed."""
    since_s: float
    """Seconds ago that it began to rest; 0 when it does not."""
    until_s: float
    """Seconds from now until it may get requests again; `inf`: until the operator revives it."""
    status: int
    """What the upstream answered when it was learned; 0: nothing."""
    word: str
    """The upstream's own code for it."""
    call_id: str
    """Of the request that it was learned by."""


UNSERVABLE = "unservable"


class DeploymentStatus(msgspec.Struct, frozen=True):
    id: str
    group: str
    model: str
    api_base: str
    state: str
    """`closed`, `open` or `half_open`; `unservable`: the configuration has it, and `reason` says what is amiss."""
    reason: str
    """That of the layer that rests the longest (`LayerStatus.reason`), or `rate_limited` by its own quota, or the
    operator's word; empty when closed."""
    until_s: float
    """Seconds from now until it may get requests again; `inf`: until the operator revives it."""
    in_flight: int
    requests: int
    failures: int
    consecutive: int
    """Failures since the last success."""
    ewma_s: float | None = None
    """Seconds until its answers begin, on average of late; None: none has."""
    remaining_requests: int | None = None
    """What its answers say that its key has left, less what was sent since; None: they do not say."""
    remaining_tokens: int | None = None
    rpm_used: int | None = None
    """Requests of the last minute; None: not counted, since nothing limits them."""
    tpm_used: int | None = None
    """Tokens, those of running requests as expected."""
    origin: str = ""
    """The line and variable that a person wrote it by."""
    layers: tuple[LayerStatus, ...] = ()
    """What it stands on that rests: for some of its requests at least."""


def describe(member: Member, now: float) -> DeploymentStatus:
    deployment, state = member.deployment, member.state
    stage, reason, until_s = _standing(member, now)
    quota = state.quota
    prediction = None if member.model is None else member.model.prediction
    remaining = (None, None) if prediction is None else prediction.remaining(now)
    used = (None, None) if quota is None else quota.used(now)
    return DeploymentStatus(
        id=deployment.id,
        group=deployment.group,
        model=deployment.model,
        api_base=_without_credentials(deployment.api_base),
        state=stage,
        reason=reason,
        until_s=until_s,
        in_flight=state.in_flight,
        requests=state.requests,
        failures=state.failures,
        consecutive=state.consecutive,
        ewma_s=state.pace.ewma_s(),
        remaining_requests=remaining[0],
        remaining_tokens=remaining[1],
        rpm_used=used[0],
        tpm_used=used[1],
        origin=deployment.origin,
        layers=tuple(describe_layer(layer, now) for layer in _its_layers(member) if rests(layer, now)),
    )


def describe_layer(layer: Layered, now: float) -> LayerStatus:
    stage, reason, until_s = layer_stage(layer, now)
    health = layer.health
    benched = health.benched
    return LayerStatus(
        kind=layer.kind.value,
        id=layer.id,
        name=layer.shown,
        state=stage.value,
        reason=reason,
        since_s=now - health.since if benched else 0.0,
        until_s=until_s,
        status=health.told.status if benched else 0,
        word=health.told.word if benched else "",
        call_id=health.told.call_id if benched else "",
    )


def rests(layer: Layered, now: float) -> bool:
    return layer.health.benched or layer.held.holds(now)


def layer_stage(layer: Layered, now: float) -> tuple[Stage, str, float]:
    """Stage, why, and for how long. The operator's word outranks health."""
    if layer.held.holds(now):
        return _held(layer.held, now)
    return layer.health.stage(now), layer.health.reason(), layer.health.until_s(now)


def _standing(member: Member, now: float) -> tuple[str, str, float]:
    if member.deployment.unservable is not None:
        return UNSERVABLE, member.deployment.unservable, math.inf
    stage, reason, until_s = _rest(member, now)
    return stage.value, reason, until_s


def _rest(member: Member, now: float) -> tuple[Stage, str, float]:
    """Of an entry: the operator's word on it, then what it stands on, then its quota."""
    state = member.state
    if state.held.holds(now):
        return _held(state.held, now)
    stages = [layer_stage(layer, now) for layer in member.layers("") if rests(layer, now)]
    if stages and (member.cooldown_s or any(layer.held.holds(now) for layer in member.layers(""))):
        return max(stages, key=lambda stage: stage[2])
    if state.quota is None or state.quota.admits(now, 0):
        return Stage.CLOSED, "", 0.0
    return Stage.OPEN, "rate_limited", state.quota.wait_s(now, 0)


def _held(hold: Hold, now: float) -> tuple[Stage, str, float]:
    return Stage.OPEN, hold.reason, hold.until - now if hold.until < math.inf else math.inf


def _its_layers(member: Member) -> list[Layered]:
    """A `*` has as many models as are remembered; an entry with a model of its own has one."""
    key = member.key
    models: list[Model] = list(key.models.values()) if member.stars else []
    if member.model is not None:
        models = [member.model]
    return [member.host, key, *models, *key.families.values()]


def _without_credentials(url: str) -> str:
    """`https://user:password@host/path?token=...` loses user, password and query."""
    scheme, separator, rest = url.partition("?")[0].partition("://")
    host, slash, path = rest.partition("/")
    return scheme + separator + host.rpartition("@")[2] + slash + path
