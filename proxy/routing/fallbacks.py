"""Which groups a request may turn to when its own has failed, and which of their deployments would take it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from proxy.routing.features import Features
from proxy.types import Deployment, Refusal

ANY_GROUP = "*"


class Fallbacks(msgspec.Struct, frozen=True):
    """LiteLLM's four lists, each from a group to the groups that stand in for it, in order."""

    general: Mapping[str, Sequence[str]] = {}
    default: Sequence[str] = ()
    context_window: Mapping[str, Sequence[str]] = {}
    content_policy: Mapping[str, Sequence[str]] = {}
    most: int = 5
    """Groups that one request may turn to."""

    def groups(self, names: Sequence[str], refusal: Refusal | None) -> tuple[str, ...]:
        """Where to turn, in order; `names`: what the client asked for, and the group that serves it.

        A refusal for what is in the request has lists of its own, and no others.
        """
        if refusal is Refusal.CONTEXT_WINDOW:
            found = _of(self.context_window, names)
        elif refusal is Refusal.CONTENT_POLICY:
            found = _of(self.content_policy, names)
        else:
            found = _of(self.general, names) or self.default
        return tuple(dict.fromkeys(name for name in found if name not in names))[: self.most]

    def reads_refusals(self) -> bool:
        """Whether it matters why a request was turned down."""
        return bool(self.context_window or self.content_policy)


def _of(lists: Mapping[str, Sequence[str]], names: Sequence[str]) -> Sequence[str]:
    found = (lists[name] for name in (*names, ANY_GROUP) if name in lists)
    return next(found, ())


def would_refuse(deployment: Deployment, features: Features) -> bool:
    """Known to: what the configuration does not deny may work."""
    longest = deployment.abilities.max_input_tokens
    return bool(deployment.abilities.lacks & features.needs) or (
        longest is not None and features.input_tokens > longest
    )
