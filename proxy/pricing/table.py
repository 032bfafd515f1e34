"""The shipped table: some 5,000 models, their prices by LiteLLM's names, and what else is known of them.

`models.xz` has a line per model, sorted by name: the name, a tab, a JSON object; before them a line that says where
it is from. `make prices` writes it. It is unpacked when first asked for, in some 10 ms; of each model that is looked up
its own line is parsed, and nothing else.
"""

from __future__ import annotations

import lzma
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from importlib.resources import files

import msgspec

from proxy.pricing.names import is_price

FILE = "models.xz"
MAX_NAME_CHARS = 256
"""Of a model that is looked up: clients may name any."""


class Model(msgspec.Struct, frozen=True, omit_defaults=True):
    """One model, as the sources have it."""

    provider: str
    """By LiteLLM's name, which has a few more than providers: `cohere_chat`, `vertex_ai-language-models`."""
    edition: str
    """Of the source: `litellm 1.109.1 (2026-11-12)`."""
    prices: Mapping[str, object] = {}
    """US dollars, by LiteLLM's names."""
    url: str | None = None
    """Where the source has the prices from."""
    mode: str | None = None
    """`chat`, `embedding`, `image_generation` ..."""
    max_input_tokens: int | None = None
    max_output_tokens: int | None = None
    output_vector_size: int | None = None
    retired: str | None = None
    """The day on which the provider stops serving it."""
    supports: frozenset[str] = frozenset()
    """`vision`, `function_calling`, `reasoning` ...: LiteLLM's names without `supports_`."""
    lacks: frozenset[str] = frozenset()
    """What it is known not to support; of what is in neither nothing is known."""


@lru_cache(maxsize=512)
def find(name: str) -> Model | None:
    """By the table's own name of it."""
    if len(name) > MAX_NAME_CHARS or "\n" in name or "\t" in name:
        return None
    table = _table()
    said = table.models.get(name.encode("utf-8", "replace"))
    return None if said is None else _model(said, table.editions)


def names() -> Iterator[str]:
    return map(bytes.decode, _table().models)


def editions() -> tuple[str, ...]:
    """Of the sources."""
    return _table().editions


class _Table(msgspec.Struct, frozen=True):
    editions: tuple[str, ...]
    models: Mapping[bytes, bytes]
    """By name, the JSON that is said of each."""


@cache
def _table() -> _Table:
    packed = (files("proxy.pricing") / FILE).read_bytes()
    first, *lines, _ = lzma.decompress(packed).split(b"\n")
    models = dict(line.split(b"\t", 1) for line in lines)
    return _Table(msgspec.json.decode(first, type=tuple[str, ...]), models)


def _model(said: bytes, editions: tuple[str, ...]) -> Model:
    fields: dict[str, object] = msgspec.json.decode(said)
    flags = str(fields.get("flags", "")).split()
    return msgspec.convert(
        {
            **fields,
            "edition": editions[int(str(fields["edition"]))],
            "prices": {name: fields[name] for name in fields if is_price(name)},
            "supports": [flag for flag in flags if not flag.startswith("-")],
            "lacks": [flag[1:] for flag in flags if flag.startswith("-")],
        },
        Model,
    )
