"""What is not priced by text token: sound, pictures, seconds, characters, and what tools do."""

from __future__ import annotations

from collections.abc import Iterator
from operator import attrgetter

from proxy.pricing.rates import Beside, Rates
from proxy.types import Usage

WITHOUT = " without "
"""In a source: what was used and has no price here, so that it is not in the cost."""
_MILLI = 1000
"""Seconds are counted in thousandths."""


BESIDE = (
    "audio_input_tokens", "audio_output_tokens", "image_input_tokens", "image_output_tokens", "images", "seconds",
    "characters", "searches", "file_searches", "code_sessions", "units",
)  # fmt: skip
"""Of a `Usage`."""
_beside = attrgetter(*BESIDE)


def is_text(usage: Usage) -> bool:
    """HOT. Nothing was used but text tokens."""
    return not any(_beside(usage))


def beside_text(usage: Usage, rates: Rates, search_size: str) -> Beside | None:
    """None where what an answer is paid by has no price: sound, pictures, seconds, characters.

    A tool's call without a price is left out, and the source says so: the tokens beside it have theirs.
    """
    heard, seen = usage.audio_input_tokens or 0, usage.image_input_tokens or 0
    said, drawn = usage.audio_output_tokens or 0, usage.image_output_tokens or 0
    kept = min(usage.cached_audio_tokens or 0, heard)
    femto = (rates.request or 0) * (usage.requests or 1)
    for count, rate in (
        (heard - kept, rates.audio_input),
        (kept, rates.cached_audio),
        (seen, rates.image_input),
        (said, rates.audio_output),
        (drawn, rates.image_output),
        *_pieces(usage, rates),
    ):
        if count and rate is None:
            return None
        femto += count * (rate or 0)
    without = []
    for name, calls, rate in _tools(usage, rates, search_size):
        if calls and rate is None:
            without.append(name)
        femto += (calls or 0) * (rate or 0)
    told = WITHOUT + " and ".join(without) if without else ""
    return Beside(femto, heard + seen, said + drawn, kept, told)


def _pieces(usage: Usage, rates: Rates) -> Iterator[tuple[int, int | None]]:
    """What is paid by the piece where no tokens were counted: where both are told, they are of the same thing."""
    if usage.output_tokens is None and usage.images:
        yield usage.images, rates.image
    if usage.input_tokens is None and usage.characters:
        yield usage.characters, rates.character
    if usage.input_tokens is None and usage.seconds:
        yield round(usage.seconds * _MILLI), None if rates.second is None else rates.second // _MILLI
    if rates.unit is not None:
        yield 1 if usage.units is None else usage.units, rates.unit


def _tools(usage: Usage, rates: Rates, search_size: str) -> Iterator[tuple[str, int | None, int | None]]:
    sized = {"low": rates.search_low, "high": rates.search_high}.get(search_size)
    yield "web searches", usage.searches, rates.search if sized is None else sized
    yield "file searches", usage.file_searches, rates.file_search
    yield "code sessions", usage.code_sessions, rates.code_session
