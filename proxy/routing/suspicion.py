"""An answer that may mean that a key will not do."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from proxy.types import Deployment, Result


class Suspicion(msgspec.Struct, frozen=True, eq=False):
    """An answer that may mean that a key will not do, without a word that decides it. Nothing rests for it yet.

    Whoever hears of it makes one free call with the deployment's key, `GET {base}/models`, off the request's path, and
    tells `Router.confirm`.
    """

    deployment: Deployment
    """One that uses the key: where and how to ask."""
    result: Result
    """The answer that raised it."""
    call_id: str
    at: float
    """Monotonic seconds."""


Suspect = Callable[[Suspicion], None]


def unheard(_suspicion: Suspicion) -> None:
    """Nobody confirms: suspicions stay what they are."""
