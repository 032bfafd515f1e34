"""`sluice prices MODEL`: which prices hold for a model, and why."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path

import msgspec

from proxy.config.errors import ConfigError
from proxy.config.load import examine
from proxy.pricing import table
from proxy.pricing.book import Found, PriceBook
from proxy.pricing.names import WHOLE
from proxy.pricing.rates import FEMTO_PER_DOLLAR, Prices, Rates
from proxy.process.exit_codes import EX_FAILED, EX_OK
from proxy.providers.table import deployments
from proxy.types import Deployment, Secret
from proxy.worker.settings import price_book

MILLION = 10**6
_TOKENS = (
    "input", "cached", "cache_write", "cache_write_1h", "output", "reasoning", "audio_input", "cached_audio",
    "audio_output", "image_input", "image_output",
)  # fmt: skip
_UNITS = {
    "image": "a picture", "second": "a second", "character": "a character", "request": "a request",
    "unit": "a search unit or page", "search": "a web search", "search_low": "a web search, small context",
    "search_high": "a web search, large context", "file_search": "a file search", "code_session": "a code session",
}  # fmt: skip
EXAMPLES = """\
examples:
  sluice prices gpt-5.4                     OpenAI's, of the shipped table
  sluice prices anthropic/claude-opus-4-7   another provider's
  sluice prices gpt-4o -c config.yaml       of each deployment of that name, with what is written beside it

What a provider's price for a tier does not name keeps its proportion to the standard one: docs/costs.md."""


class Holds(msgspec.Struct, frozen=True):
    """For `--json`: US dollars, by LiteLLM's names."""

    model: str
    provider: str
    origin: str
    source: str | None
    url: str | None
    written: tuple[str, ...]
    """Beside the deployment."""
    prices: Mapping[str, object]
    mode: str | None = None
    max_input_tokens: int | None = None
    max_output_tokens: int | None = None
    supports: tuple[str, ...] = ()


def parser(environ: Mapping[str, str]) -> argparse.ArgumentParser:
    command = argparse.ArgumentParser(
        prog="sluice prices",
        description="Which prices hold for a model, and why.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = command.add_argument
    add(
        "model",
        metavar="MODEL",
        help="a model_name of the configuration, or PROVIDER/MODEL, or OpenAI's MODEL",
    )
    add(
        "-c",
        "--config",
        type=Path,
        default=environ.get("CONFIG_FILE_PATH") or None,
        metavar="FILE",
        help="the gateway's configuration (env CONFIG_FILE_PATH)",
    )
    add("--json", action="store_true", help="as JSON, in US dollars by LiteLLM's names")
    return command


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """1 when no price is known."""
    options = parser(environ).parse_args(arguments)
    book, asked = _asked(options.model, options.config, environ)
    found = [(deployment, book.find(deployment, model)) for deployment, model in asked]
    if options.json:
        print(msgspec.json.format(msgspec.json.encode([_holds(*each) for each in found]), indent=2).decode())
    else:
        print("\n\n".join("\n".join(_told(*each)) for each in found))
    return EX_OK if any(each.prices is not None for _, each in found) else EX_FAILED


def _asked(
    name: str, config: Path | None, environ: Mapping[str, str]
) -> tuple[PriceBook, list[tuple[Deployment, str | None]]]:
    """The deployments of that name; without any, one made up for it. Raises ConfigError."""
    if config is None:
        return PriceBook(), [(_made_up(name), None)]
    examined = examine(config, environ)
    if examined.config is None:
        raise ConfigError("\n".join(map(str, examined.errors)))
    served = deployments(examined.config, examined.environ)
    mine = [(one, _behind(one, name)) for one in served if _serves(one, name)]
    return price_book(examined.config), mine or [(_made_up(name), None)]


def _serves(deployment: Deployment, name: str) -> bool:
    before, star, after = deployment.group.partition("*")
    if not star:
        return deployment.group == name
    return name.startswith(before) and name.endswith(after) and len(name) >= len(before + after)


def _behind(deployment: Deployment, name: str) -> str | None:
    """The upstream's name, behind a pattern."""
    before, star, after = deployment.group.partition("*")
    if not star or "*" not in deployment.model:
        return None
    return deployment.model.replace("*", name[len(before) : len(name) - len(after)] or name, 1)


def _made_up(name: str) -> Deployment:
    provider, slash, model = name.partition("/")
    if not slash:
        known = table.find(name)
        provider, model = (known.provider if known else "openai"), name
    return Deployment(
        id=name,
        group=name,
        provider=provider,
        model=model,
        api_base="",
        api_key=Secret(""),
        object_scope=name,
    )


def _holds(deployment: Deployment, found: Found) -> Holds:
    known = found.model
    return Holds(
        model=deployment.model,
        provider=deployment.provider,
        origin=deployment.origin,
        source=None if found.prices is None else found.prices.source,
        url=known.url if known and not found.in_file else None,
        written=tuple(sorted(found.own)),
        prices=found.fields,
        mode=known.mode if known else None,
        max_input_tokens=known.max_input_tokens if known else None,
        max_output_tokens=known.max_output_tokens if known else None,
        supports=tuple(sorted(known.supports)) if known else (),
    )


def _told(deployment: Deployment, found: Found) -> Iterator[str]:
    where = f", {deployment.origin}" if deployment.origin else ""
    yield f"{deployment.group}: {deployment.model} of {deployment.provider}{where}"
    prices = found.prices
    if prices is None:
        near = get_close_matches(deployment.model, list(table.names()), 3)
        yield "  no price is known: its requests cost null" + (
            f"; there is {', '.join(near)}" if near else ""
        )
        return
    known = found.model
    url = f", {known.url}" if known and known.url and not found.in_file else ""
    yield f"  from    {prices.source}{url}"
    if found.own:
        yield f"  written {', '.join(sorted(found.own))}"
    yield ""
    yield from _table(prices)
    yield from (f"  {text}: {_dollars(rate)} $" for text, rate in _units(prices.rates))


def _table(prices: Prices) -> Iterator[str]:
    heads = ["$ per million tokens", "standard", *(_head(row.tier, row.above) for row in prices.rows)]
    columns = [prices.rates, *(row.rates for row in prices.rows)]
    rows = [heads]
    for kind in _TOKENS:
        rates = _rates(columns, kind)
        if rates[0] is not None and rates != _rates(columns, WHOLE.get(kind)):
            rows.append(
                [
                    kind.replace("_", " "),
                    *("" if rate is None else _dollars(rate * MILLION) for rate in rates),
                ]
            )
    if len(rows) == 1:
        return
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [
            row[0].ljust(widths[0]),
            *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)),
        ]
        yield f"  {'  '.join(cells)}".rstrip()


def _rates(columns: Sequence[Rates], kind: str | None) -> list[int | None]:
    """None of a kind that is part of no other."""
    return [] if kind is None else [getattr(rates, kind) for rates in columns]


def _head(tier: str, above: int) -> str:
    return " ".join(filter(None, (tier, f"> {above // 1000}k" if above > 0 else "")))


def _units(rates: Rates) -> Iterator[tuple[str, int]]:
    for kind, text in _UNITS.items():
        rate = getattr(rates, kind)
        if rate is not None and not (kind.startswith("search_") and rate == rates.search):
            yield text, rate


def _dollars(femto: int) -> str:
    """At least cents, and as many digits as it has."""
    text = f"{femto / FEMTO_PER_DOLLAR:.9f}".rstrip("0")
    whole, _, cents = text.partition(".")
    return f"{whole}.{cents:0<2}"
