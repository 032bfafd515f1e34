"""What is known of an answer beside its body: the headers it came with, what it cost, who gave it.

It is worked out when it is looked at: most answers' is not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

_KEPT = ("x-ratelimit-", "retry-after")
"""Of a provider's headers, what has its own name among `additional_headers`, too, as LiteLLM has it."""


class Beside(msgspec.Struct, eq=False):
    """One answer's; whoever made the request writes it."""

    headers: Iterable[tuple[str, str]] = ()
    """As the provider sent them."""
    model: str = ""
    """The provider's name of it."""
    provider: str = ""
    api_base: str = ""
    model_id: str | None = None
    """The deployment's, where a Router chose one."""
    prices: Mapping[str, object] = {}
    """What the caller says it costs: US dollars, by LiteLLM's names."""
    cost: float | None = None
    """US dollars, where it is known already: of a stream, whose answer is read."""
    call_id: str = ""
    hidden: dict[str, Any] | None = None
    """Once it was looked at; whoever looks may add to it."""

    def response_headers(self) -> dict[str, str]:
        """By lower-case name; of several of one name all, by commas (RFC 9110 section 5.3)."""
        found: dict[str, str] = {}
        for name, value in self.headers:
            lower = name.lower()
            found[lower] = f"{found[lower]}, {value}" if lower in found else value
        return found

    def hidden_params(self, answer: Mapping[str, Any] | None) -> dict[str, Any]:
        """`answer`: priced by its usage; None: there is none yet."""
        if self.hidden is None:
            self.hidden = {
                "model_id": self.model_id,
                "api_base": self.api_base or None,
                "custom_llm_provider": self.provider or None,
                "litellm_model_name": self.model or None,
                "litellm_call_id": self.call_id or None,
                "response_cost": None,
                "additional_headers": _additional(self.response_headers()),
            }
        if self.hidden["response_cost"] is None:
            self.hidden["response_cost"] = self._cost(answer)
        return self.hidden

    def _cost(self, answer: Mapping[str, Any] | None) -> float | None:
        if self.cost is not None or answer is None or not self.model:
            return self.cost
        from sluice.models.cost import cost_of_answer  # noqa: PLC0415 - the table of prices

        found: float | None = cost_of_answer(answer, self.model, self.provider, self.api_base, self.prices)
        return found


def _additional(headers: Mapping[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in headers.items() if name.startswith(_KEPT)}
    return kept | {f"llm_provider-{name}": value for name, value in headers.items()}


class Told:
    """Mixed into answers and streams, which have a slot `_beside`."""

    __slots__ = ()
    _beside: Beside

    @property
    def _response_headers(self) -> dict[str, str]:
        """The provider's own headers, by lower-case name."""
        return beside(self).response_headers()

    @property
    def _hidden_params(self) -> dict[str, Any]:
        """`response_cost` (US dollars; None: not known), `model_id`, `api_base`, `additional_headers` ..."""
        return beside(self).hidden_params(self if isinstance(self, dict) else None)


def beside(told: Told) -> Beside:
    """An answer that was made by hand has one when it is looked at."""
    try:
        return told._beside  # noqa: SLF001 - its own
    except AttributeError:
        made = Beside()
        object.__setattr__(told, "_beside", made)
        return made
