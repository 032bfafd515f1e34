"""What one attempt's end teaches, and whom: the layer that failed, and those that it shows to be well."""

from __future__ import annotations

from proxy.routing.health import Told
from proxy.routing.layered import Layered
from proxy.routing.layers import Model
from proxy.routing.member import Member
from proxy.routing.prediction import Prediction
from proxy.routing.rules import DENIED, FAILING, RATE_LIMITED, SLOW, SOFT, Rule, blamed, denies, rule_of
from proxy.routing.settings import RouterSettings
from proxy.routing.suspicion import Suspect, Suspicion, unheard
from proxy.routing.wish import Cause, Wish
from proxy.types import Layer, Limits, Result, ResultKind

LEARNS_EVERY_S = 0.05
"""Under load most answers' words on the quota are not read: they cost as much as choosing a deployment."""
LEARNS_SELDOM_S = 1.0
"""While there is plenty, or nothing is said: many deployments, each asked now and then, must not cost more than one."""
SUSPECTED_AGAIN_S = 1.0
"""How often one key's owner is asked to confirm."""
_OK = ResultKind.OK
_NEUTRAL = ResultKind.NEUTRAL
_REFUSED = ResultKind.REFUSED


class Learning:
    """One per router."""

    def __init__(self, settings: RouterSettings) -> None:
        self._settings = settings
        self._heeds = settings.learn_rate_limits
        """What answers say of their key's quota."""
        self.suspect: Suspect = unheard

    def answered(
        self,
        member: Member,
        wish: Wish,
        now: float,
        limits: Limits | None,
        picked_at: float | None,
    ) -> bool:
        """A good answer's head is here. Whether the request may now be held to be good where others failed it."""
        self._heed(member, wish, limits, now, picked_at)
        self._is_well(member, wish, now)
        model = member.model_for(wish)
        if model is None or model.prediction is None:
            return False
        return model.prediction.answered_well(now, picked_at)

    def listens(self, member: Member, wish: Wish, now: float) -> bool:
        """HOT. What was sent since the last report is subtracted from it, so it need not be of this moment."""
        model = member.model if wish.model is None and not member.stars else member.model_for(wish)
        if now >= (member.state.learns_at if model is None else model.learns_at) and self._heeds:
            return True
        key = member.key
        if member.host.health.benched or key.health.benched or key.families:
            return True
        prediction = None if model is None else model.prediction
        return (model is not None and model.health.benched) or (
            prediction is not None and prediction.on_trial
        )

    def succeeded(self, member: Member, wish: Wish, result: Result, now: float) -> None:
        """HOT."""
        model = member.model if wish.model is None and not member.stars else member.model_for(wish)
        key = member.key
        if model is not None:
            model.evidence.succeeded(wish.caller, now)
            prediction = model.prediction
            if prediction is not None:
                prediction.give_back(result, now, wish.tokens)
                if prediction.on_trial:
                    prediction.answered_well(now, _picked_at(result, now))
            if model.health.benched:
                self._is_well(member, wish, now)
                return
        if key.families or key.health.benched or member.host.health.benched:
            self._is_well(member, wish, now)

    def failed(self, member: Member, wish: Wish, result: Result, now: float, cause: Cause) -> None:
        """Anything but a good answer."""
        model = member.model_for(wish)
        if result.limits is not None:
            self._heed(member, wish, result.limits, now, _picked_at(result, now))
        if model is not None and model.prediction is not None:
            model.prediction.give_back(result, now, wish.tokens)
        self._end_trials(member, wish, result, now)
        layer = blamed(result)
        if layer is Layer.NOBODY or not member.cooldown_s:
            return
        if not result.certain:
            self._suspect(member, result, now, cause)
        elif result.kind in SOFT:
            self._failed_softly(member, wish, result, now, cause)
        elif result.kind is not _NEUTRAL or denies(result):
            self._turned_away(member, wish, layer, result, now, cause)

    def cleared(self, cause: Cause, now: float, cooldown_s: float) -> None:
        """The request that failed elsewhere is answered well: it was no poison."""
        for mark in cause.suspects:
            mark.cleared = True
        for mark in cause.suspects:
            if not mark.model.health.benched and cooldown_s:
                self._convict(mark.model, now, cooldown_s, Told(mark.status, mark.word, cause.call_id))

    def fell_behind(self, member: Member, wish: Wish, now: float) -> None:
        """Its answers were far slower than its group's, several times in a row."""
        model = member.model_for(wish) or member.key.remembered(member.named(wish), now)
        if model is not None and member.cooldown_s and not model.health.benched:
            model.bench(SLOW, now, member.cooldown_s, None)

    def confirmed(self, member: Member, suspicion: Suspicion, now: float) -> None:
        if member.cooldown_s:
            told = Told(suspicion.result.status, suspicion.result.word, suspicion.call_id)
            rule = rule_of(suspicion.result, Layer.KEY)
            assert rule is not None
            member.key.bench(rule, now, member.cooldown_s, None, told)

    def _heed(
        self, member: Member, wish: Wish, limits: Limits | None, now: float, picked_at: float | None
    ) -> None:
        """What the answer says of the limits."""
        if not self._heeds:
            return
        model = member.model_for(wish)
        if limits is not None and model is None:
            model = member.key.remembered(member.named(wish), now)
        if model is None:
            member.state.learns_at = now + LEARNS_SELDOM_S
            return
        prediction = model.prediction
        if limits is not None:
            prediction = self._prediction_of(model, member, now)
            prediction.learn(limits, now, picked_at, wish.tokens)
        scarce = prediction is not None and (limits is None or prediction.is_scarce())
        model.learns_at = now + (LEARNS_EVERY_S if scarce else LEARNS_SELDOM_S)

    def _prediction_of(self, model: Model, member: Member, now: float) -> Prediction:
        if model.prediction is None:
            model.prediction = Prediction()
            for _ in range(member.state.in_flight):  # sent before anything was counted
                model.prediction.take(now, 0)
        return model.prediction

    def _is_well(self, member: Member, wish: Wish, now: float) -> None:
        for layer in _layers(member, wish):
            layer.succeeded(now)

    def _end_trials(self, member: Member, wish: Wish, result: Result, now: float) -> None:
        """Whoever answers at all is reached; of the others nothing was learned."""
        reached = result.status != 0 or result.kind in SOFT
        for layer in _layers(member, wish):
            if reached and layer is member.host:
                layer.succeeded(now)
            else:
                layer.learned_nothing(now)
        model = member.model_for(wish)
        if model is not None and model.prediction is not None:
            if result.kind is ResultKind.RATE_LIMITED and blamed(result) is Layer.MODEL:
                model.prediction.refused()
            else:
                model.prediction.learned_nothing()

    def _failed_softly(self, member: Member, wish: Wish, result: Result, now: float, cause: Cause) -> None:
        model = member.model_for(wish) or member.key.remembered(member.named(wish), now)
        if model is None:
            return
        mark = model.evidence.failed(model, cause, now)
        mark.status, mark.word = result.status, result.word
        told = Told(result.status, result.word, cause.call_id)
        if model.health.benched:
            if now >= model.health.until:
                model.bench(FAILING, now, member.cooldown_s, None, told)
            return
        self._convict(model, now, member.cooldown_s, told)

    def _convict(self, model: Model, now: float, cooldown_s: float, told: Told) -> None:
        if model.evidence.convicts(self._settings.allowed_fails, now):
            model.bench(FAILING, now, cooldown_s, None, told)

    def _turned_away(
        self, member: Member, wish: Wish, layer: Layer, result: Result, now: float, cause: Cause
    ) -> None:
        rests = self._layer(member, wish, layer, now)
        rule = rule_of(result, layer)
        if rests is None or rule is None:
            return
        if rule is DENIED and isinstance(rests, Model):
            rests.deny(wish.family)
        told = Told(result.status, result.word, cause.call_id)
        rests.bench(rule, now, member.cooldown_s, self._length_s(rule, result), told)

    def _layer(self, member: Member, wish: Wish, layer: Layer, now: float) -> Layered | None:
        if layer is Layer.HOST:
            return member.host
        if layer is Layer.KEY:
            return member.key
        if layer is Layer.FAMILY:
            return member.key.family(wish.family)
        return member.model_for(wish) or member.key.remembered(member.named(wish), now)

    def _length_s(self, rule: Rule, result: Result) -> float | None:
        if rule is RATE_LIMITED and result.retry_after_s is not None:
            return min(max(0.0, result.retry_after_s), self._settings.max_retry_after_s)
        return None

    def _suspect(self, member: Member, result: Result, now: float, cause: Cause) -> None:
        key = member.key
        if key.health.benched or now < key.suspected_at + SUSPECTED_AGAIN_S:
            return
        key.suspected_at = now
        self.suspect(Suspicion(member.deployment, result, cause.call_id, now))


def _layers(member: Member, wish: Wish) -> list[Layered]:
    found: list[Layered] = [member.host, member.key]
    model = member.model_for(wish)
    if model is not None and model.concerns(wish.family):
        found.append(model)
    family = member.key.families.get(wish.family)
    if family is not None:
        found.append(family)
    return found


def _picked_at(result: Result, now: float) -> float | None:
    return None if result.first_byte_s is None else now - result.first_byte_s
