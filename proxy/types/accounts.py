"""What a request used and cost."""

from __future__ import annotations

import msgspec


class Usage(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What an answer used, by kind, as the upstream reported it. None is 'not said', which is not zero.

    The finer kinds are parts of the coarser ones, as OpenAI counts: cached, written, audio and image tokens of
    `input_tokens`, reasoning, audio and image tokens of `output_tokens`.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
    """Where the upstream does not say it, the sum of both."""
    cached_tokens: int | None = None
    """Read from the provider's cache."""
    reasoning_tokens: int | None = None
    cache_write_tokens: int | None = None
    """Written to the provider's cache, whatever their age."""
    cache_write_1h_tokens: int | None = None
    """Of these, those to be kept for an hour or more."""
    audio_input_tokens: int | None = None
    audio_output_tokens: int | None = None
    image_input_tokens: int | None = None
    image_output_tokens: int | None = None
    cached_audio_tokens: int | None = None
    """Of the cached ones."""
    images: int | None = None
    """Pictures made, where these are counted and not their tokens."""
    seconds: float | None = None
    """Of sound or film, heard or made."""
    characters: int | None = None
    """Of text to be spoken."""
    searches: int | None = None
    """Web searches made by the provider."""
    file_searches: int | None = None
    code_sessions: int | None = None
    """Containers in which the provider ran code."""
    units: int | None = None
    """Whatever else a provider bills by: Cohere's search units, pages read."""
    requests: int | None = None
    """How many answers it is the sum of, where they are several: a batch's."""
    tier: str | None = None
    """The service tier that served it, by the provider's own name; None: not said."""


class Cost(msgspec.Struct, frozen=True, gc=False):
    """What a request cost, in nano-dollars (10^-9 US dollars), by kind: the kinds add up to `total`."""

    total: int
    input: int = 0
    """Prompt tokens at the full price."""
    cached: int = 0
    """Prompt tokens that the provider had in its cache."""
    cache_write: int = 0
    output: int = 0
    """Completion tokens, with those of reasoning."""
    other: int = 0
    """What is not priced by text token: audio, images, seconds, characters, calls of tools."""
    source: str = ""
    """Where the price is from."""
    saved: int = 0
    """What the provider's cache spared: its tokens at the full price, less `cached`. No part of `total`."""
