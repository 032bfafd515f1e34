"""LiteLLM's names of prices: `input_cost_per_token_above_272k_tokens_priority` is a kind, a length and a tier.

Amounts are US dollars per unit. https://docs.litellm.ai/docs/proxy/custom_pricing
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

import msgspec

from proxy.config.errors import ConfigError
from proxy.pricing.rates import FEMTO_PER_DOLLAR, Prices, Rates, Row

KINDS = {
    "input_cost_per_token": "input",
    "output_cost_per_token": "output",
    "cache_read_input_token_cost": "cached",
    "input_cost_per_token_cache_hit": "cached",
    "cache_creation_input_token_cost": "cache_write",
    "cache_creation_input_token_cost_above_1hr": "cache_write_1h",
    "output_cost_per_reasoning_token": "reasoning",
    "input_cost_per_audio_token": "audio_input",
    "output_cost_per_audio_token": "audio_output",
    "cache_read_input_audio_token_cost": "cached_audio",
    "input_cost_per_image_token": "image_input",
    "output_cost_per_image_token": "image_output",
    "output_cost_per_image": "image",
    "input_cost_per_image": "image",
    "input_cost_per_second": "second",
    "input_cost_per_audio_per_second": "second",
    "output_cost_per_second": "second",
    "cost_per_second": "second",
    "output_cost_per_video_per_second": "second",
    "input_cost_per_character": "character",
    "output_cost_per_character": "character",
    "input_cost_per_request": "request",
    "input_cost_per_query": "unit",
    "ocr_cost_per_page": "unit",
    "code_interpreter_cost_per_session": "code_session",
    "file_search_cost_per_1k_calls": "file_search",
}
"""What each is a price of. Where two are of one kind the first in this table holds."""
SEARCHES = "search_context_cost_per_query"
"""An object: a web search's price by the size of its context."""
_SIZES = {
    "search_context_size_medium": "search",
    "search_context_size_low": "search_low",
    "search_context_size_high": "search_high",
}
BATCH = "batch"
TIERS = {"batches": BATCH, "flex": "flex", "priority": "priority", "ultrafast": "ultrafast"}
"""The end of a name, and what an answer's `service_tier` says."""
_NAME = re.compile(
    rf"(?P<kind>{'|'.join(sorted(KINDS, key=len, reverse=True))})"
    rf"(?:_above_(?P<above>\d+)k_tokens)?(?:_(?P<tier>{'|'.join(TIERS)}))?"
)
_PER = {"file_search_cost_per_1k_calls": 1000}
_ORDER = {name: at for at, name in enumerate(KINDS)}
_PARTS = (
    ("cached", "input"),
    ("cache_write", "input"),
    ("cache_write_1h", "cache_write"),
    ("audio_input", "input"),
    ("cached_audio", "cached"),
    ("image_input", "input"),
    ("reasoning", "output"),
    ("audio_output", "output"),
    ("image_output", "output"),
)
"""Each a part of the coarser kind that is named with it."""
WHOLE = dict(_PARTS)
_LEAD = {kind: name for name, kind in reversed(KINDS.items())}
_Amounts = dict[tuple[int, str], dict[str, int]]
"""By length and tier: the kinds' rates."""


class PriceError(ConfigError):
    """No amount of dollars that could be a price."""


def is_price(name: str) -> bool:
    """Whether it names something that is counted here."""
    return name in (SEARCHES, "tiered_pricing") or _NAME.fullmatch(name) is not None


def alike(one: str, other: str) -> bool:
    """Whether two names are of one price."""
    return one == other or (_parts(one) is not None and _parts(one) == _parts(other))


def _parts(name: str) -> tuple[str, int, str] | None:
    """Kind, length and tier."""
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    return KINDS[found["kind"]], int(found["above"] or 0) * 1000, TIERS.get(found["tier"] or "", "")


def leads(name: str) -> Iterator[str]:
    """Standard prices that this one moves along with: its own kind's, then those of the coarser kinds."""
    if name == "tiered_pricing":
        yield from (_LEAD["input"], _LEAD["output"])
    parts = _parts(name)
    kind = parts[0] if parts else None
    while kind is not None:
        if (lead := _LEAD.get(kind)) is not None and lead != name:
            yield lead
        kind = WHOLE.get(kind)


def femto(dollars: object, per: int = 1) -> int:
    """Dollars as they are written, exactly. Raises PriceError for what is no amount, or negative."""
    try:
        amount = Decimal(str(dollars)) * FEMTO_PER_DOLLAR / per
        whole = int(amount.to_integral_value())
    except (ArithmeticError, ValueError):
        raise PriceError(f"`{dollars}` is no amount of dollars") from None
    if whole < 0 or isinstance(dollars, bool):
        raise PriceError(f"`{dollars}` is no amount of dollars")
    return whole


def prices_of(fields: Mapping[str, object], source: str) -> Prices | None:
    """None where they hold no price at all. Raises PriceError."""
    amounts = _amounts(fields)
    if not amounts:
        return None
    standard = _in_proportion(Rates(), amounts.pop((-1, ""), {}))
    rows: list[Row] = []
    for (above, tier), own in sorted(amounts.items()):
        base = next((row.rates for row in rows if (row.above, row.tier) == (above, "")), standard)
        rows.append(Row(tier, above, _in_proportion(base, own), _told(source, tier, above)))
    unhalved = (Row("", -1, standard, source), *(row for row in rows if not row.tier))
    rows.extend(_at_half(row, source) for row in unhalved if (row.above, BATCH) not in amounts)
    longer = min((row.above for row in rows if not row.tier), default=sys.maxsize)
    return Prices(standard, source, tuple(sorted(rows, key=lambda row: (row.above, row.tier))), longer)


def _told(source: str, tier: str, above: int) -> str:
    return " ".join(filter(None, (source, tier, f"above {above} tokens" if above > 0 else "")))


def _amounts(fields: Mapping[str, object]) -> _Amounts:
    amounts: _Amounts = {}
    for name, dollars in sorted(fields.items(), key=lambda field: _ORDER.get(field[0], len(_ORDER))):
        if name == SEARCHES:
            amounts.setdefault((-1, ""), {}).update(_searches(dollars))
        elif name == "tiered_pricing":
            amounts.update(_steps(dollars))
        elif dollars is not None and (parts := _parts(name)) is not None:
            kind, above, tier = parts
            row = amounts.setdefault((above or -1, tier), {})
            row.setdefault(kind, femto(dollars, _PER.get(name, 1)))
    return amounts


def _searches(sizes: object) -> dict[str, int]:
    """Some write one price in place of the object. Raises PriceError."""
    if not isinstance(sizes, Mapping):
        return {"search": femto(sizes)}
    return {_SIZES[name]: femto(dollars) for name, dollars in sizes.items() if name in _SIZES}


def _steps(steps: object) -> _Amounts:
    """`tiered_pricing`: a list of prices, each for a range of prompt tokens. Raises PriceError."""
    if not isinstance(steps, Sequence) or isinstance(steps, str):
        raise PriceError("`tiered_pricing` is a list of objects with a `range`")
    found: _Amounts = {}
    for step in steps:
        match step:
            case {"range": [int() | float() as start, *_], **prices}:
                own = _amounts({str(name): dollars for name, dollars in prices.items()})
                found[int(start) or -1, ""] = own.get((-1, ""), {})
            case _:
                raise PriceError("`tiered_pricing` is a list of objects with a `range`")
    return found


def _in_proportion(base: Rates, own: Mapping[str, int]) -> Rates:
    """A tier's rates: a kind that it does not name keeps its proportion to the coarser one."""
    rates = dict(own)
    for part, whole in _PARTS:
        was, whole_was = getattr(base, part), getattr(base, whole)
        if part not in rates and whole in rates and was is not None and whole_was:
            rates[part] = was * rates[whole] // whole_was
    return msgspec.structs.replace(base, **rates).complete()


def _at_half(row: Row, source: str) -> Row:
    """Where no price of batches is known: providers that have batches ask half."""
    token_kinds = {"input", "output", *(part for part, _ in _PARTS)}
    halves = {kind: rate // 2 for kind in token_kinds if (rate := getattr(row.rates, kind)) is not None}
    told = _told(source, f"{BATCH} at half", row.above)
    return Row(BATCH, row.above, msgspec.structs.replace(row.rates, **halves), told)
