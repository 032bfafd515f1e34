"""Which price holds for a deployment's model, and why.

What the operator wrote beside the deployment wins, field by field; then the operator's price file; then the shipped
table. What is not written moves along: a model at half its input price has its cached tokens at half, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from urllib.parse import urlsplit

import msgspec

from proxy.pricing import table
from proxy.pricing.names import PriceError, alike, femto, is_price, leads, prices_of
from proxy.pricing.rates import FEMTO_PER_DOLLAR, Prices
from proxy.pricing.table import Model
from proxy.types import Deployment, Price

MAX_REMEMBERED = 2048
"""Models whose price is remembered: behind a pattern clients may ask for any name. Emptied when full."""
_SAME_MODEL = re.compile(r"(?:[-@](?:\d{4}-\d{2}-\d{2}|\d{8})|[-@:]latest)$")
"""The end of a name that says which edition of a model it is."""
_TUNED = re.compile(r"ft:[^:]+")
_KIN = {"text-completion-openai": "openai"}
"""A provider's other name in the sources."""
HOSTS = {
    "api.openai.com": "openai", "api.anthropic.com": "anthropic", "generativelanguage.googleapis.com": "gemini",
    "api.cohere.com": "cohere", "api.cohere.ai": "cohere", "api.groq.com": "groq", "api.mistral.ai": "mistral",
    "api.deepseek.com": "deepseek", "openrouter.ai": "openrouter", "api.together.xyz": "together_ai",
    "api.together.ai": "together_ai", "api.fireworks.ai": "fireworks_ai", "api.x.ai": "xai",
    "api.perplexity.ai": "perplexity", "api.cerebras.ai": "cerebras", "api.moonshot.ai": "moonshot",
    "api.voyageai.com": "voyage", "api.deepinfra.com": "deepinfra", "api.z.ai": "zai", "api.minimax.io": "minimax",
}  # fmt: skip
"""Whose models are at a host, whatever the entry calls its provider: `openai/...` speaks to many."""


class Found(msgspec.Struct, frozen=True):
    """What is known of one deployment's model."""

    prices: Prices | None = None
    """None: not known."""
    fields: Mapping[str, object] = {}
    """What they were made of: US dollars, by LiteLLM's names."""
    own: frozenset[str] = frozenset()
    """Of these, what is written beside the deployment."""
    name: str | None = None
    """What the file or the table calls the model."""
    in_file: bool = False
    model: Model | None = None
    """What the shipped table has of it."""


class PriceBook:
    """One per configuration. Pure: the same question has the same answer."""

    def __init__(self, file: Mapping[str, Mapping[str, object]] = {}, file_name: str = "price_file") -> None:
        """`file`: an operator's own prices, by model. Raises PriceError for an amount that is none."""
        self._file = file
        self._file_name = file_name
        self._found: dict[tuple[str, str], Found] = {}
        for name, fields in file.items():
            _check(fields, f"{file_name}: {name}")

    def prices(self, deployment: Deployment, model: str | None) -> Prices | None:
        """HOT. `model`: the upstream's name of what was asked for; None: as the deployment says."""
        return self.find(deployment, model).prices

    def find(self, deployment: Deployment, model: str | None = None) -> Found:
        """Raises PriceError where the deployment's own prices are none."""
        key = (deployment.id, model or deployment.model)
        found = self._found.get(key)
        if found is None:
            if len(self._found) >= MAX_REMEMBERED:
                self._found.clear()
            found = self._found[key] = self._look_up(deployment, key[1])
        return found

    def _look_up(self, deployment: Deployment, model: str) -> Found:
        of_its_own = (model, _SAME_MODEL.sub("", model))
        if "*" not in deployment.model and deployment.model not in of_its_own:  # an object of another model's
            deployment = msgspec.structs.replace(deployment, price=Price())
        providers = _providers(deployment)
        names = [name for each in providers for name in candidates(each, model, deployment.price.base_model)]
        filed = next((name for name in names if name in self._file), None)
        shipped = next(
            (found for name in names if (found := _shipped(name, deployment, providers)) is not None), None
        )
        name, source = None, ""
        fields: Mapping[str, object] = {}
        if filed is not None:
            name, fields, source = filed, self._file[filed], f"{filed} in {self._file_name}"
        elif shipped is not None:
            name, fields = shipped[0], shipped[1].prices
            source = f"{name} in {shipped[1].edition}"
        own = deployment.price.written
        if own:
            _check(own, deployment.called)
            fields, source = moved_along(fields, own), f"config over {source}" if fields else "config"
        return Found(
            prices_of(fields, source),
            fields,
            frozenset(own),
            name,
            filed is not None,
            shipped[1] if shipped else None,
        )


def priced_by(text: bytes) -> Mapping[str, Mapping[str, object]]:
    """An operator's price file: a JSON object of models, as LiteLLM's price map is. Raises PriceError."""
    try:
        return msgspec.json.decode(text, type=dict[str, dict[str, object]])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise PriceError(f"not JSON in the form of LiteLLM's price map: {error}") from None


def _check(fields: Mapping[str, object], where: str) -> None:
    """Raises PriceError. A price of tokens above a dollar each is one per million, written by mistake."""
    try:
        prices_of(fields, "")
        tokens = [name for name in fields if "_token" in name and is_price(name)]
        high = next((name for name in tokens if femto(fields[name] or 0) > FEMTO_PER_DOLLAR), None)
    except PriceError as error:
        raise PriceError(f"{where}: {error}") from None
    if high is not None:
        raise PriceError(f"{where}: {high} is above a dollar: prices are for one token, not for a million")


def _providers(deployment: Deployment) -> tuple[str, ...]:
    """The closest first."""
    host = urlsplit(deployment.api_base).hostname or ""
    at_host = "azure" if host.endswith(".azure.com") else HOSTS.get(host)
    named = _KIN.get(deployment.provider, deployment.provider)
    return (named,) if at_host in (None, named) else (at_host, named)


def _shipped(name: str, deployment: Deployment, providers: tuple[str, ...]) -> tuple[str, Model] | None:
    """A name without its provider is only taken for that provider's model."""
    model = table.find(name)
    if model is None:
        return None
    if name == deployment.price.base_model or any(_is_of(provider, model, name) for provider in providers):
        return name, model
    return None


def _is_of(provider: str, model: Model, name: str) -> bool:
    theirs = _KIN.get(model.provider, model.provider)
    return (
        name.startswith(f"{provider}/")
        or theirs == provider
        or theirs.startswith((f"{provider}_", f"{provider}-"))
    )


def candidates(provider: str, model: str, base_model: str | None = None) -> Iterator[str]:
    """Names under which a price may be found, the closest first."""
    for name in (base_model,) if base_model else (model,):
        tuned = _TUNED.match(name)
        for each in (name, tuned[0] if tuned else None):
            if each is None:
                continue
            for edition in dict.fromkeys((each, _SAME_MODEL.sub("", each))):
                yield f"{provider}/{edition}"
                yield edition


def moved_along(fields: Mapping[str, object], own: Mapping[str, object]) -> dict[str, object]:
    """`own` over `fields`. A price that is a part of one in `own`, or its other tiers, keeps its proportion to it."""
    moved: dict[str, object] = {}
    for name, dollars in fields.items():
        if any(alike(name, mine) for mine in own):
            continue
        lead = next((lead for lead in leads(name) if lead in own), None)
        if lead is None:
            moved[name] = dollars
        elif fields.get(lead) and isinstance(dollars, int | float):
            moved[name] = _scaled(dollars, own[lead], fields[lead])
    return moved | dict(own)


def _scaled(dollars: object, new: object, old: object) -> object:
    try:
        return float(Decimal(str(dollars)) * Decimal(str(new)) / Decimal(str(old)))
    except ArithmeticError:  # `new` is no amount: whoever reads it will say
        return dollars
