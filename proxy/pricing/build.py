"""Makes the shipped table of the two sources: `make prices`.

LiteLLM's price map (https://github.com/BerriAI/litellm, MIT outside `enterprise/`, (c) Berri AI) is the first source:
its names are what people write. genai-prices (https://github.com/pydantic/genai-prices, MIT, (c) Pydantic Services
Inc.) has models and tools' prices that the first has not, and is held against it: where both have a model and differ,
that is printed, and the first holds.
"""

from __future__ import annotations

import argparse
import json
import lzma
import sys
import zipfile
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path

from proxy.pricing.names import PriceError, femto, is_price, prices_of
from proxy.pricing.table import FILE, MAX_NAME_CHARS

MAP = "litellm/model_prices_and_context_window_backup.json"
SAID = ("mode", "max_input_tokens", "max_output_tokens", "output_vector_size")
CONTAINERS = {"openai": "openai/container", "azure": "azure/container"}
"""Where a session of the code interpreter is priced, for all models of a provider."""
NO_MODELS = {"sample_spec", "fallback_generalizations"}
CORRECTIONS: Mapping[str, Mapping[str, float]] = {
    name: {
        "input_cost_per_token_priority": 2.5e-06,
        "cache_read_input_token_cost_priority": 2.5e-07,
        "output_cost_per_token_priority": 2e-05,
    }
    for name in ("gpt-5-codex", "gpt-5.1-codex")
}
"""What neither source has and the vendor publishes: https://openai.com/api-priority-processing"""
Fields = dict[str, object]
Table = dict[str, Fields]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m proxy.pricing.build", description=__doc__)
    parser.add_argument("--litellm", type=Path, required=True, help="the wheel")
    parser.add_argument("--genai", type=Path, required=True, help="what `genai_json.py` printed")
    parser.add_argument("--dates", nargs=2, required=True, help="of the two sources, YYYY-MM-DD")
    given = parser.parse_args()
    for day in given.dates:
        date.fromisoformat(day)
    genai = json.loads(given.genai.read_text())
    editions = [
        f"litellm {given.litellm.name.split('-')[1]} ({given.dates[0]})",
        f"genai-prices {genai['version']} ({given.dates[1]})",
    ]
    with zipfile.ZipFile(given.litellm) as wheel:
        table = from_litellm(json.loads(wheel.read(MAP)))
    for line in add_genai(table, genai["models"]):
        print(line, file=sys.stderr)
    for name, fields in CORRECTIONS.items():
        table[name] = {**fields, **table[name]}
    packed = pack(table, editions)
    Path(__file__).with_name(FILE).write_bytes(packed)
    print(f"{len(table)} models, {len(packed)} bytes: {', '.join(editions)}")
    return 0


def from_litellm(price_map: Mapping[str, Fields]) -> Table:
    table: Table = {}
    for name, said in price_map.items():
        if name in NO_MODELS or len(name) > MAX_NAME_CHARS:
            continue
        fields: Fields = {"edition": 0, "provider": said.get("litellm_provider") or ""}
        fields |= {key: said[key] for key in SAID if isinstance(said.get(key), int | str)}
        fields |= {key: value for key, value in said.items() if is_price(key) and value is not None}
        if isinstance(said.get("source"), str):
            fields["url"] = said["source"]
        if isinstance(said.get("deprecation_date"), str):
            fields["retired"] = said["deprecation_date"]
        container = price_map.get(CONTAINERS.get(str(fields["provider"]), ""), {})
        if said.get("mode") in {"chat", "responses"} and "input_cost_per_token" in fields:
            fields |= {key: value for key, value in container.items() if is_price(key) and key not in fields}
        fields["flags"] = " ".join(sorted(_flags(said)))
        if _is_sound(name, fields):
            table[name] = fields
    return table


def _flags(said: Fields) -> Iterator[str]:
    for key, value in said.items():
        if key.startswith("supports_") and isinstance(value, bool):
            yield ("" if value else "-") + key.removeprefix("supports_")


def _is_sound(name: str, fields: Fields) -> bool:
    try:
        prices_of(fields, "")
    except PriceError as error:
        print(f"{name}: left out: {error}", file=sys.stderr)
        return False
    return True


def add_genai(table: Table, models: Mapping[str, Fields]) -> Iterator[str]:
    """Yields what the two do not agree on."""
    for name, fields in models.items():
        known = table.get(name) or table.get(name.partition("/")[2])
        if known is None:
            table[name] = {"edition": 1, "flags": "", **fields}
            continue
        differing = [
            f"{key} {known[key]} or {fields[key]}"
            for key in ("input_cost_per_token", "output_cost_per_token")
            if key in known and key in fields and femto(known[key]) != femto(fields[key])
        ]
        if differing:
            yield f"{name}: {', '.join(differing)}"
        elif known["provider"] == fields["provider"]:
            known |= {key: fields[key] for key in fields if is_price(key) and key not in known}


def pack(table: Table, editions: list[str]) -> bytes:
    lines = [
        f"{name}\t{json.dumps(table[name], separators=(',', ':'), sort_keys=True)}" for name in sorted(table)
    ]
    return lzma.compress(
        "\n".join([json.dumps(editions), *lines, ""]).encode(), preset=9 | lzma.PRESET_EXTREME
    )


if __name__ == "__main__":
    sys.exit(main())
