"""Prices as integers: what one unit of each kind costs, in femto-dollars (10^-15 US dollars).

A token costs down to a thousandth of a nano-dollar; integers add up the same in any order.
"""

from __future__ import annotations

import msgspec

FEMTO_PER_DOLLAR = 10**15
FEMTO_PER_NANO = 10**6


class Rates(msgspec.Struct, frozen=True, kw_only=True):
    """Femto-dollars per unit. None: there is no price of its own; what then holds is `cost`'s to say."""

    input: int | None = None
    output: int | None = None
    cached: int | None = None
    cache_write: int | None = None
    cache_write_1h: int | None = None
    reasoning: int | None = None
    audio_input: int | None = None
    audio_output: int | None = None
    cached_audio: int | None = None
    image_input: int | None = None
    """Of a token of a picture."""
    image_output: int | None = None
    image: int | None = None
    """Of a whole picture that was made."""
    second: int | None = None
    character: int | None = None
    request: int | None = None
    """Of each request, whatever is in it."""
    search: int | None = None
    search_low: int | None = None
    search_high: int | None = None
    """Of a web search, by the size of its context: `search` is the medium one."""
    file_search: int | None = None
    code_session: int | None = None
    unit: int | None = None
    """Of a search unit, a page read: at least one in each request."""
    flat: bool = False
    """Something is paid for each request; set by `complete`."""

    def complete(self) -> Rates:
        """A kind that has no price of its own costs what the coarser one does that it is a part of."""
        made = _first(self.output, self.image_output, self.audio_output)
        read, written = _first(self.cached, self.input), _first(self.cache_write, self.input)
        return msgspec.structs.replace(
            self,
            output=made,
            cached=read,
            cache_write=written,
            cache_write_1h=_first(self.cache_write_1h, written),
            reasoning=_first(self.reasoning, made),
            audio_input=_first(self.audio_input, self.input),
            audio_output=_first(self.audio_output, made),
            cached_audio=_first(self.cached_audio, read),
            image_input=_first(self.image_input, self.input),
            image_output=_first(self.image_output, made),
            flat=self.request is not None or self.unit is not None,
        )


def _first(*rates: int | None) -> int | None:
    return next((rate for rate in rates if rate is not None), None)


class Beside(msgspec.Struct, frozen=True, gc=False):
    """What costs money beside text, and how many of the tokens that makes: sent, made, and read from the cache."""

    femto: int
    sent: int = 0
    made: int = 0
    read: int = 0
    without: str = ""


class Row(msgspec.Struct, frozen=True):
    """Rates that hold for one service tier, from so many prompt tokens on."""

    tier: str
    """`flex`, `priority`, `batch` ...; `""` is the standard tier."""
    above: int
    """Prompts of more tokens than this; -1: any."""
    rates: Rates
    source: str
    """Where the price is from, as it stands in a record."""


class Prices(msgspec.Struct, frozen=True):
    """What a model costs."""

    rates: Rates
    """Of the standard tier, unless a row holds."""
    source: str
    rows: tuple[Row, ...] = ()
    """Other tiers and longer prompts, the shortest first and the standard tier before others: the last that fits
    holds. Each row's rates are complete."""
    standard_tokens: int = -1
    """No row holds for the standard tier and prompts of up to so many tokens."""


_STANDARD = frozenset(("default", "auto", "standard", "standard_only", "on_demand"))
"""Providers' names for the tier that costs what it always does."""


def rates_for(prices: Prices, tier: str | None, prompt_tokens: int) -> tuple[Rates, str]:
    """HOT. The rates that hold and their source. A tier without a price of its own costs what the standard one does."""
    rates, source = prices.rates, prices.source
    if tier in _STANDARD:
        tier = None
    if tier is None and prompt_tokens <= prices.standard_tokens:
        return rates, source
    for row in prices.rows:
        if row.above < prompt_tokens and (not row.tier or row.tier == tier):
            rates, source = row.rates, row.source
    return rates, source
