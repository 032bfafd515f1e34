"""What is known of a model: who serves it, what for, how much it reads and writes, its prices, what it can.

Of several deployments what holds whichever of them answers: the smallest sizes, the dearest prices, what all can.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

import msgspec
from msgspec import UNSET, UnsetType

from proxy.pricing.book import Found
from proxy.types import Deployment

LookUp: TypeAlias = Callable[[Deployment, str | None], Found]
"""What the price book has of a deployment's model; of the upstream's name, where a pattern leads to many."""
Candidates: TypeAlias = Callable[[str], Sequence[tuple[Deployment, str]]]
"""Of a model's name: its deployments, and the upstream's name of it at each."""
INPUT, OUTPUT = "input_cost_per_token", "output_cost_per_token"


def nothing_known(_deployment: Deployment, _model: str | None) -> Found:
    return Found()


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """By LiteLLM's names; what is not known is not there."""

    providers: tuple[str, ...] | UnsetType = UNSET
    mode: str | UnsetType = UNSET
    max_input_tokens: int | UnsetType = UNSET
    max_output_tokens: int | UnsetType = UNSET
    input_cost_per_token: float | UnsetType = UNSET
    """US dollars."""
    output_cost_per_token: float | UnsetType = UNSET
    supports: tuple[str, ...] | UnsetType = UNSET
    """`vision`, `function_calling`, `reasoning` ...: LiteLLM's `supports_*`."""
    retires: str | UnsetType = UNSET
    """The day on which its provider stops serving it."""


UNKNOWN = Facts()


def facts_of(name: str, candidates: Candidates, look_up: LookUp) -> Facts:
    found = [(each, look_up(each, model)) for each, model in candidates(name)]
    if not found:
        return UNKNOWN
    every = [supports(each, book) for each, book in found]
    return Facts(
        providers=tuple(dict.fromkeys(each.provider for each, _ in found)),
        mode=_first(mode_of(each, book) for each, book in found),
        max_input_tokens=_least(max_input_of(each, book) for each, book in found),
        max_output_tokens=_least(max_output_of(book) for _, book in found),
        input_cost_per_token=_dearest(price_of(book, INPUT) for _, book in found),
        output_cost_per_token=_dearest(price_of(book, OUTPUT) for _, book in found),
        supports=tuple(sorted(name for name in every[0] if all(can.get(name) for can in every))) or UNSET,
        retires=_least_text(book.model.retired if book.model else None for _, book in found),
    )


def price_of(book: Found, name: str) -> float | None:
    """US dollars."""
    said = book.fields.get(name)
    return float(said) if isinstance(said, int | float) else None


def mode_of(deployment: Deployment, book: Found) -> str | None:
    return deployment.abilities.mode or (book.model.mode if book.model else None)


def max_input_of(deployment: Deployment, book: Found) -> int | None:
    return deployment.abilities.max_input_tokens or (book.model.max_input_tokens if book.model else None)


def max_output_of(book: Found) -> int | None:
    return book.model.max_output_tokens if book.model else None


_FEATURES = {
    "tools": "function_calling", "vision": "vision", "audio": "audio_input", "schema": "response_schema",
    "prefill": "assistant_prefill",
}  # fmt: skip
"""What `model_info` may deny, by the gateway's names for it."""


def supports(deployment: Deployment, book: Found) -> dict[str, bool]:
    """What it is known to be able to do, or not to be: the configuration's word before the table's."""
    model = book.model
    known = {} if model is None else dict.fromkeys(model.lacks, False) | dict.fromkeys(model.supports, True)
    return known | dict.fromkeys(
        (_FEATURES[each] for each in deployment.abilities.lacks if each in _FEATURES), False
    )


def _first(values: Iterable[str | None]) -> str | UnsetType:
    return next((value for value in values if value), UNSET)


def _least(values: Iterable[int | None]) -> int | UnsetType:
    return min((value for value in values if value is not None), default=UNSET)


def _least_text(values: Iterable[str | None]) -> str | UnsetType:
    return min((value for value in values if value), default=UNSET)


def _dearest(values: Iterable[float | None]) -> float | UnsetType:
    """Unset where one of them is not known."""
    found = list(values)
    known = [value for value in found if value is not None]
    return max(known) if known and len(known) == len(found) else UNSET
