"""What a request may cost: from the size of its prompt, the most that its answer may have, and the dearest price of
those who could serve it, at the tier that it would fall into.

Two figures: the least, which its prompt costs whatever the answer is, and the most. A provider's cache may make the
prompt cheaper than either; nobody knows before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

import msgspec

from proxy.errors import UNREADABLE
from proxy.gateway.reading.call import Call
from proxy.gateway.reading.intake import BYTES_PER_TOKEN
from proxy.gateway.trying.choice import Choice
from proxy.limits.values import Demand
from proxy.pricing.rates import FEMTO_PER_NANO, Prices, Rates, rates_for
from proxy.providers.body import upstream_model
from proxy.providers.outline import outline
from proxy.types import Deployment
from proxy.wire.head import NO_BODY

MAX_REMEMBERED = 2048
"""Models whose prices are remembered: behind a pattern clients may ask for any name. Emptied when full."""
DENSE_BYTES_PER_TOKEN = 3
"""Of code, numbers, and most languages but English: the most that a prompt may come to."""
UNSAID_OUTPUT = 4096
"""Tokens of an answer, where neither the request nor the price table says how long it may be."""
ASSUMED_OUTPUT = 1024
"""For a minute's tokens: most answers are shorter, and what they had counts when they are over."""
ATTACHMENT_TOKENS = 2048
"""Of a picture, a sound or a file in base64, at the most: providers count a picture as some 1,000."""
ATTACHMENT_BYTES = 1024
"""A longer value of `data` is no text."""
MAX_ATTACHMENTS = 1000
IMAGE_TOKENS = 6240
"""Of the largest picture that is made: https://platform.openai.com/docs/guides/image-generation#cost-and-latency"""
SOUND_BYTES_PER_S = 4000
"""Of well compressed speech: fewer bytes are less sound."""
SOUND_TOKENS_PER_S = 20
LONGEST_FILM_S = 25
"""Of a film of which it is not said: https://platform.openai.com/docs/guides/video-generation"""
MAX_CHOICES = 128
"""OpenAI's own limit of `n`."""
MAX_MADE = 10_000_000
"""Tokens of an answer that are reckoned with: ten times those of the longest ones, and sums fit into the ledger."""


class Quoted(msgspec.Struct, frozen=True):
    """One deployment's model."""

    prices: Prices | None
    """None: not known."""
    max_output: int | None = None
    """Tokens of its longest answer."""


Quote: TypeAlias = Callable[[Deployment, str | None], Quoted]
"""Of a deployment and the upstream's name of what was asked for."""


class _Asks(msgspec.Struct, gc=False):
    """What of a body decides its price; whatever else these hold is no reason to refuse it."""

    max_tokens: msgspec.Raw = msgspec.Raw()
    max_completion_tokens: msgspec.Raw = msgspec.Raw()
    max_output_tokens: msgspec.Raw = msgspec.Raw()
    n: msgspec.Raw = msgspec.Raw()
    best_of: msgspec.Raw = msgspec.Raw()
    service_tier: msgspec.Raw = msgspec.Raw()
    seconds: msgspec.Raw = msgspec.Raw()


_decode = msgspec.json.Decoder(_Asks).decode
_decode_int = msgspec.json.Decoder(int).decode
_decode_text = msgspec.json.Decoder(str).decode
_NOTHING_ASKED = _Asks()


class Size(msgspec.Struct, frozen=True, gc=False):
    """Of one request."""

    sent: int
    """Tokens of its prompt."""
    sent_at_most: int
    made: int | None
    """Tokens that its answer may have; None: it does not say."""
    choices: int = 1
    tier: str | None = None
    writes_cache: bool = False
    length: int = 0
    """Bytes of its body."""
    film_s: int | None = None
    """Of the film that it asks for; None: it does not say."""


class Flat(msgspec.Struct, frozen=True, gc=False):
    """Femto-dollars, whatever the length of a prompt: of a token sent, a token made at the most, a request."""

    sent: int
    made: int
    request: int
    max_output: int


class Offers(msgspec.Struct, frozen=True):
    """What those who could serve one model want for it."""

    known: tuple[Quoted, ...]
    """Of which there are prices."""
    all_known: bool
    flat: Flat | None
    """Where all want the same, and it is that simple for a request that names no tier."""


def offers_of(quoted: Sequence[Quoted]) -> Offers:
    known = tuple(each for each in quoted if each.prices is not None)
    flat = _flat(quoted[0]) if len(quoted) == 1 == len(known) else None
    return Offers(known, len(known) == len(quoted), flat)


def _flat(quoted: Quoted) -> Flat | None:
    prices = quoted.prices
    assert prices is not None
    if any(not row.tier for row in prices.rows):
        return None
    rates = prices.rates
    made = max(_rate(rates.output), _rate(rates.reasoning))
    return Flat(_rate(rates.input), made, _rate(rates.request), quoted.max_output or UNSAID_OUTPUT)


class Estimator:
    """One per worker and configuration."""

    def __init__(self, quote: Quote, assumed_output: int | None = None) -> None:
        """`assumed_output`: tokens of an answer of which a request does not say how long it may be; None: as many as
        the model can make."""
        self._quote = quote
        self._assumed = assumed_output
        self._offers: dict[tuple[object, str, str | None], Offers] = {}

    def demand(self, call: Call, choice: Choice, *, priced: bool) -> Demand:
        """HOT where there are limits. `priced`: money counts, not tokens only."""
        if call.head.method != b"POST":
            return _NOTHING
        size = size_of(call)
        made, family = size.made, call.route.family
        if made is None:
            made = (self._assumed or ASSUMED_OUTPUT) if family in _ANSWERS else 0
        tokens = size.sent + made * size.choices
        if not priced:
            return Demand(tokens)
        place = (choice.pool, choice.wildcard, call.model)
        offers = self._offers.get(place) or self._look_up(place, call, choice)
        if (
            offers.flat is not None
            and size.tier is None
            and not size.writes_cache
            and family not in _BY_FAMILY
        ):
            return self._flat_demand(offers.flat, tokens, size, answers=family in _ANSWERS)
        known = offers.known
        if not known:
            return Demand(tokens)
        least = min(_nano(_least(each, size, family)) for each in known)
        most = max(_nano(self._most(each, size, family)) for each in known)
        return Demand(tokens, least, max(least, most), most == 0 and offers.all_known)

    def _flat_demand(self, flat: Flat, tokens: int, size: Size, *, answers: bool) -> Demand:
        """HOT where a budget is: one price, that holds for any length. Of what makes no pictures or sound."""
        made = size.made
        if made is None:
            made = (self._assumed or flat.max_output) if answers else 0
        least = size.sent * flat.sent + flat.request
        most = size.sent_at_most * flat.sent + made * size.choices * flat.made + flat.request
        least, most = -(-least // FEMTO_PER_NANO), -(-most // FEMTO_PER_NANO)
        return Demand(tokens, least, most if most > least else least, most == 0)  # noqa: FURB136

    def _look_up(self, place: tuple[object, str, str | None], call: Call, choice: Choice) -> Offers:
        if len(self._offers) >= MAX_REMEMBERED:
            self._offers.clear()
        offers = self._offers[place] = offers_of(tuple(self._ask(call, choice)))
        return offers

    def _ask(self, call: Call, choice: Choice) -> Iterable[Quoted]:
        """Keys of one account cost the same: each price once."""
        seen: list[Quoted] = []
        for deployment in choice.pool.deployments:
            model = call.model
            if choice.group_named and model is not None:
                model = upstream_model(deployment, choice.wildcard, model)
            quoted = self._quote(deployment, model)
            if quoted not in seen:
                seen.append(quoted)
        return seen

    def _most(self, quoted: Quoted, size: Size, family: str) -> int:
        rates = _rates(quoted, size, size.sent_at_most)
        by = _BY_FAMILY.get(family)
        if by is not None:
            return by(rates, size)
        prompt = max(_rate(rates.input), *_writing(rates, size))
        made = size.made
        if made is None:
            made = (self._assumed or quoted.max_output or UNSAID_OUTPUT) if family in _ANSWERS else 0
        output = max(_rate(rates.output), _rate(rates.reasoning))
        return size.sent_at_most * prompt + made * size.choices * output + _rate(rates.request)


_NOTHING = Demand(free=True)
"""Of what only looks, or deletes."""


def size_of(call: Call) -> Size:
    text = call.json
    if text is None:
        return Size(0, 0, None, length=max(0, call.length) if call.length != NO_BODY else 0)
    asks = _asks(text)
    attached, count = _attachments(text)
    plain = len(text) - attached
    limits = (asks.max_completion_tokens, asks.max_output_tokens, asks.max_tokens)
    made = (
        next((number for each in limits if (number := _number(each)) is not None), None)
        if any(limits)
        else None
    )
    choices = max(_number(asks.n) or 1, _number(asks.best_of) or 1) if asks.n or asks.best_of else 1
    return Size(
        plain // BYTES_PER_TOKEN,
        plain // DENSE_BYTES_PER_TOKEN + count * ATTACHMENT_TOKENS,
        made,
        min(choices, MAX_CHOICES) if choices > 1 else 1,
        _text(asks.service_tier),
        b'"cache_control"' in text,
        len(text),
        _film_s(asks.seconds) if asks.seconds else None,
    )


def _film_s(raw: msgspec.Raw) -> int | None:
    """OpenAI writes it as a text."""
    said = _text(raw)
    return (
        _number(raw)
        if said is None
        else int(said)
        if said.isascii() and said.isdigit() and len(said) < 5
        else None
    )


def _asks(text: bytes) -> _Asks:
    try:
        return _decode(outline(text).text)
    except UNREADABLE:
        return _NOTHING_ASKED


def _number(raw: msgspec.Raw) -> int | None:
    """A count; None: it is none."""
    if not raw:
        return None
    try:
        number = _decode_int(raw)
    except UNREADABLE:
        return None
    return min(number, MAX_MADE) if number > 0 else None


def _text(raw: msgspec.Raw) -> str | None:
    try:
        return _decode_text(raw) if raw else None
    except UNREADABLE:
        return None


def _attachments(text: bytes) -> tuple[int, int]:
    """Bytes in base64, and in how many values they are."""
    if len(text) < ATTACHMENT_BYTES:
        return 0, 0
    total = count = 0
    for mark in (b";base64,", b'"data":"', b'"data": "'):
        at = text.find(mark)
        while at >= 0 and count < MAX_ATTACHMENTS:
            begin = at + len(mark)
            end = text.find(b'"', begin)
            if end < 0:
                break
            inside = text[begin : begin + 64]
            if end - begin > ATTACHMENT_BYTES and b" " not in inside and b";base64," not in inside:
                total += end - begin
                count += 1
            at = text.find(mark, end)
    return total, count


def _least(quoted: Quoted, size: Size, family: str) -> int:
    if family in _BY_FAMILY:
        return 0
    rates = _rates(quoted, size, size.sent)
    return size.sent * _rate(rates.input) + _rate(rates.request)


def _rates(quoted: Quoted, size: Size, prompt_tokens: int) -> Rates:
    assert quoted.prices is not None
    return rates_for(quoted.prices, size.tier, prompt_tokens)[0]


def _writing(rates: Rates, size: Size) -> Sequence[int]:
    """What is written to the provider's cache costs more than the prompt does."""
    return (_rate(rates.cache_write), _rate(rates.cache_write_1h)) if size.writes_cache else (0,)


def _rate(rate: int | None) -> int:
    return rate or 0


def _nano(femto: int) -> int:
    return -(-femto // FEMTO_PER_NANO)


def _images(rates: Rates, size: Size) -> int:
    each = _rate(rates.image) or IMAGE_TOKENS * _rate(rates.image_output)
    return size.choices * each + size.sent_at_most * _rate(rates.input)


def _sound(rates: Rates, size: Size) -> int:
    """Heard or made: a body is a form with a recording, or a text to be spoken."""
    if size.sent_at_most:
        seconds = size.length // 10 + 1
        made = max(_rate(rates.second), SOUND_TOKENS_PER_S * _rate(rates.audio_output))
        return size.length * _rate(rates.character) + seconds * made
    seconds = size.length // SOUND_BYTES_PER_S + 1
    return seconds * max(_rate(rates.second), SOUND_TOKENS_PER_S * _rate(rates.audio_input))


def _film(rates: Rates, size: Size) -> int:
    return (size.film_s or LONGEST_FILM_S) * _rate(rates.second)


_BY_FAMILY: dict[str, Callable[[Rates, Size], int]] = {"images": _images, "audio": _sound, "videos": _film}
_ANSWERS = frozenset({"chat", "completions", "responses", "messages", "other", "threads", "assistants"})
"""Families whose answers have tokens that cost."""
