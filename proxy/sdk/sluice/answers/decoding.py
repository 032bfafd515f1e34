"""From an answer's bytes to its object.

msgspec reads them into dicts, and `shaped` gives each its class: for one chunk of a chat some two microseconds, where
the same in openai's models is some seventy. msgspec's own Structs would take a quarter of ours, but hold only the
fields that they declare: a provider's others would be lost.
"""

from __future__ import annotations

import json
from typing import Any, TypeVar

import msgspec

from sluice.answers.beside import Beside
from sluice.answers.chat import Answer
from sluice.answers.fields import Fields, shaped

_decode = msgspec.json.Decoder(dict[str, Any]).decode
F = TypeVar("F", bound=Fields)
A = TypeVar("A", bound=Answer)


class NoAnswer(ValueError):  # noqa: N818 - what it is
    """The body is no JSON object: a proxy's page, a part of an answer."""


def decode(kind: type[F], body: bytes | bytearray | memoryview | str) -> F:
    """HOT. `body`: one JSON object. Raises NoAnswer."""
    try:
        try:
            fields = _decode(body)
        except msgspec.DecodeError:
            fields = _loosely(body)
        return shaped(kind, fields)
    except (ValueError, RecursionError) as error:  # msgspec's and json's errors are ValueErrors
        raise NoAnswer(f"not the JSON of a {kind.__name__}: {error}") from None


def _loosely(body: bytes | bytearray | memoryview | str) -> dict[str, Any]:
    """With `NaN` and `-Infinity`, which servers in Python write among logprobs. Raises ValueError."""
    found = json.loads(body if isinstance(body, str) else bytes(body))
    if not isinstance(found, dict):
        raise ValueError(f"it is {type(found).__name__}, no object")  # noqa: TRY004 - of the text, not of an argument
    return found


def answer(kind: type[A], body: bytes, beside: Beside) -> A:
    """A whole answer, with what is known of it beside its body. Raises NoAnswer."""
    made = decode(kind, body)
    made._beside = beside  # noqa: SLF001 - its one writer
    return made
