"""The usage of an answer that says none: counted from the request where that tells it, else guessed."""

from __future__ import annotations

import msgspec

from proxy.accounting.estimating import Ratios
from proxy.accounting.record import Record
from proxy.errors import UNREADABLE
from proxy.gateway.reading.call import Call
from proxy.pricing.rates import Prices
from proxy.types import Usage
from proxy.upstream.answer import Answer

_TEXT = frozenset((b"/chat/completions", b"/completions", b"/responses"))
_STREAMED = _TEXT | {b"/messages"}
_VECTORS = frozenset((b"/embeddings", b"/moderations"))
_VIDEOS = b"/videos"
VIDEO_S = 4.0
"""Of a film whose length is not asked for: https://platform.openai.com/docs/api-reference/videos/create"""
MAX_VIDEO_S = 3_600.0
_IMAGES = frozenset((b"/images/generations", b"/images/edits", b"/images/variations"))
_SPEECH = b"/audio/speech"
_HEARING = frozenset((b"/audio/transcriptions", b"/audio/translations"))
CHARACTERS_PER_TOKEN = 4
CHARACTERS_A_SECOND = 15
"""Of speech: 150 words a minute."""
SPEECH_TOKENS_A_SECOND = 20.8
"""https://developers.openai.com/api/docs/pricing: 0.015 dollars a minute at 12 dollars per million"""
SOUND_BYTES_A_SECOND = 16_000
"""MP3 at 128 kbit/s, or speech in 8-bit samples."""
MAX_IMAGES = 100


class _Asked(msgspec.Struct):
    input: msgspec.Raw = msgspec.Raw(b"")
    n: int | None = None
    background: bool | None = None
    seconds: str | float | None = None


_decode_asked = msgspec.json.Decoder(_Asked).decode
_decode_text = msgspec.json.Decoder(str).decode


class Reckoning:
    """One per worker: what it has learned outlives a configuration."""

    def __init__(self) -> None:
        self._ratios = Ratios()

    def learn(self, call: Call, model: str, usage: Usage, answer_bytes: int) -> None:
        """HOT. Of an answer that says what it used."""
        if call.json is not None and call.route.chat:
            self._ratios.learn(model, call.json, answer_bytes, usage, stream=call.stream)

    def fill(self, call: Call, record: Record, model: str, answer_bytes: int, prices: Prices | None) -> None:
        """The record's usage, of a request that was answered well and says nothing of it."""
        path = call.route.path.removeprefix(b"/v1")
        if path in _TEXT or path in _VECTORS:
            self._guess(call, record, model, answer_bytes, makes=path in _TEXT)
        elif path in _IMAGES:
            record.usage = Usage(images=_images(call))
        elif path == _VIDEOS:
            record.usage, record.estimated = _film(call)
        elif path == _SPEECH:
            _count_speech(call, record, prices)
        elif path in _HEARING and record.request_bytes:
            seconds = max(1.0, round(record.request_bytes / SOUND_BYTES_A_SECOND, 1))
            record.usage, record.estimated = Usage(seconds=seconds), True

    def reckon_left(self, call: Call, record: Record, model: str, said: Usage | None, answer: Answer) -> None:
        """The record's usage, of a stream that was left, or broke off: an event holds a token at least. `said`: what
        it said of it when it began."""
        text, came = call.json, answer.received_bytes
        if text is None or not came or call.route.path.removeprefix(b"/v1") not in _STREAMED:
            return
        guess = self._ratios.guess(model, text, came, stream=True)
        sent = guess.input_tokens if said is None else said.input_tokens
        made = max(guess.output_tokens or 0, came // answer.event_bytes if answer.event_bytes else 0)
        if said is not None:
            made = max(made, said.output_tokens or 0)
        record.usage = msgspec.structs.replace(
            said or guess, output_tokens=made, total_tokens=(sent or 0) + made
        )
        record.estimated = True

    def _guess(self, call: Call, record: Record, model: str, answer_bytes: int, *, makes: bool) -> None:
        text = call.json
        if text is None or (b'"background"' in text and _asked(text).background):
            return  # a background response says it to who asks for it later
        record.usage = self._ratios.guess(model, text, answer_bytes, stream=call.stream, makes=makes)
        record.estimated = True


def _asked(text: bytes | None) -> _Asked:
    try:
        return _Asked() if text is None else _decode_asked(text)
    except UNREADABLE:
        return _Asked()


def _film(call: Call) -> tuple[Usage, bool]:
    """As long as was asked for; a form's number is not read, so that is a guess."""
    try:
        seconds = float(_asked(call.json).seconds or VIDEO_S)
    except ValueError:
        seconds = VIDEO_S
    return Usage(seconds=seconds if 0 < seconds <= MAX_VIDEO_S else VIDEO_S), call.json is None


def _images(call: Call) -> int:
    """As many as were asked for; a form's number is not read."""
    asked = _asked(call.json).n
    return asked if asked is not None and 0 < asked <= MAX_IMAGES else 1


def _count_speech(call: Call, record: Record, prices: Prices | None) -> None:
    """By its characters, which are counted, or where it is paid by tokens, by a guess from these."""
    try:
        characters = len(_decode_text(_asked(call.json).input))
    except UNREADABLE:
        return
    if prices is None or prices.rates.character is not None or prices.rates.output is None:
        record.usage = Usage(characters=characters)
        return
    sent = max(1, round(characters / CHARACTERS_PER_TOKEN))
    made = max(1, round(characters / CHARACTERS_A_SECOND * SPEECH_TOKENS_A_SECOND))
    record.usage = Usage(sent, made, sent + made, audio_output_tokens=made, characters=characters)
    record.estimated = True
