"""From usage to money, in integers.

Each of a cost's kinds is summed exactly, in femto-dollars, and rounded once to the nearest nano-dollar, halves up; the
total is the sum of the rounded kinds.
"""

from __future__ import annotations

from operator import attrgetter

from proxy.pricing.other import BESIDE, beside_text, is_text
from proxy.pricing.rates import FEMTO_PER_NANO, Prices, Rates, rates_for
from proxy.types import Cost, Usage

_HALF = FEMTO_PER_NANO // 2
_finer = attrgetter("cached_tokens", "cache_write_tokens", "reasoning_tokens", *BESIDE)
"""What is not priced as any token sent or made."""


def cost(usage: Usage, prices: Prices, tier: str | None = None, search_size: str = "") -> Cost | None:
    """HOT. None where what was used has no price here, which is not a price of zero.

    `tier`: what the request is billed by where the answer does not say it (`batch`). `search_size`: of a web search's
    context, `low` or `high`, as it was asked for.
    """
    sent, made = usage.input_tokens or 0, usage.output_tokens or 0
    prompt = sent // usage.requests if usage.requests else sent  # of several the average
    rates, source = rates_for(prices, tier or usage.tier, prompt)
    if not (rates.flat or rates.input is None or rates.output is None or any(_finer(usage))):
        nanos_in, nanos_out = _nanos(sent * rates.input), _nanos(made * rates.output)
        return Cost(nanos_in + nanos_out, nanos_in, 0, 0, nanos_out, 0, source)
    read, written = usage.cached_tokens or 0, usage.cache_write_tokens or 0
    thought, other = usage.reasoning_tokens or 0, 0
    if rates.flat or not is_text(usage):
        beside = beside_text(usage, rates, search_size)
        if beside is None:
            return None
        other = _nanos(beside.femto)
        sent, made, read = sent - beside.sent, made - beside.made, read - beside.read
        source += beside.without
    plain, spoken = sent - read - written, made - thought
    if plain < 0 or spoken < 0:  # an upstream whose parts are more than their whole
        plain, spoken = max(plain, 0), max(spoken, 0)
    if (rates.input is None and sent) or (rates.output is None and made):
        return None
    nanos_in = _nanos(plain * (rates.input or 0))
    nanos_read = _nanos(read * (rates.cached or 0)) if read else 0
    nanos_written = _written(usage, written, rates) if written else 0
    nanos_out = _nanos(spoken * (rates.output or 0) + thought * (rates.reasoning or 0))
    total = nanos_in + nanos_read + nanos_written + nanos_out + other
    spared = max(0, _nanos(read * (rates.input or 0)) - nanos_read) if read else 0
    return Cost(total, nanos_in, nanos_read, nanos_written, nanos_out, other, source, spared)


def _written(usage: Usage, written: int, rates: Rates) -> int:
    longer = min(usage.cache_write_1h_tokens or 0, written)
    return _nanos((written - longer) * (rates.cache_write or 0) + longer * (rates.cache_write_1h or 0))


def _nanos(femto: int) -> int:
    return (femto + _HALF) // FEMTO_PER_NANO


def added(one: Cost | None, other: Cost | None) -> Cost | None:
    """Of two attempts of one request. What has no price adds nothing; the source is the latter's."""
    if one is None or other is None:
        return one or other
    return Cost(
        one.total + other.total,
        one.input + other.input,
        one.cached + other.cached,
        one.cache_write + other.cache_write,
        one.output + other.output,
        one.other + other.other,
        other.source,
        one.saved + other.saved,
    )
