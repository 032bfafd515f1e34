"""Which keys a Section has: honoured, accepted and kept out, or unknown."""

from __future__ import annotations

import functools
import re
import typing
from collections.abc import Mapping
from typing import Literal, NamedTuple

import msgspec

from proxy.config import known, unmissed
from proxy.config.fields import Section
from proxy.config.models import LitellmParams, ModelEntry, ModelInfo, UpstreamParams
from proxy.config.openai_params import OpenAIParams
from proxy.config.schema import Config
from proxy.config.settings import (
    AllowedFailsPolicy,
    GeneralSettings,
    LitellmSettings,
    PassThroughEndpoint,
    RetryPolicy,
    RouterSettings,
)
from proxy.config.slips import slip_of
from proxy.config.upstream_params import WELL_KNOWN
from proxy.config.wording import did_you_mean

OTHER_NAMES: Mapping[str, tuple[str, ...]] = {
    "base_url": ("api_base",),
    "keepalive_seconds": ("sse_keepalive_s", "sse_keepalive_ping_interval_seconds"),
    "max_retries": ("num_retries",),
    "request_timeout": ("timeout",),
}
"""Second names of keys; of several the one that the Section has."""
DEFAULT_PARAMS = "default_params"
"""Collects OpenAI's parameters from among its neighbours."""
PRICES = "prices"
"""Collects the prices."""
NOT_WRITTEN = frozenset({DEFAULT_PARAMS, PRICES, "origin", "flaw", "place"})
"""Fields that are no keys: the loader fills them in."""
OPENAI_PARAMS = frozenset(OpenAIParams.__struct_fields__)

NOT_YET: Mapping[type[Section], frozenset[str]] = {
    Config: known.TOP_LEVEL,
    UpstreamParams: known.LITELLM_PARAMS,
    LitellmParams: known.LITELLM_PARAMS,
    ModelInfo: known.MODEL_INFO,
    RouterSettings: known.ROUTER_SETTINGS,
    AllowedFailsPolicy: known.ALLOWED_FAILS_POLICY,
    RetryPolicy: known.RETRY_POLICY,
    LitellmSettings: known.LITELLM_SETTINGS,
    GeneralSettings: known.GENERAL_SETTINGS,
    PassThroughEndpoint: known.PASS_THROUGH_ENDPOINT,
}
NOT_YET_LIKE: Mapping[type[Section], tuple[re.Pattern[str], ...]] = {
    UpstreamParams: (known.PROVIDER_PARAM,),
    LitellmParams: (known.PROVIDER_PARAM,),
}
UNMISSED: Mapping[type[Section], frozenset[str]] = {
    UpstreamParams: unmissed.LITELLM_PARAMS,
    LitellmParams: unmissed.LITELLM_PARAMS,
    RouterSettings: unmissed.ROUTER_SETTINGS,
    AllowedFailsPolicy: unmissed.ALLOWED_FAILS_POLICY,
    LitellmSettings: unmissed.LITELLM_SETTINGS,
    GeneralSettings: unmissed.GENERAL_SETTINGS,
}
_NEVER: Mapping[str, str] = {
    "dangerously_permit_weak_or_unset_master_key": "is not honoured: without a master_key only this machine is served",
}


class Nested(NamedTuple):
    """How a field holds Sections: one, a list of them, or a mapping to them."""

    shape: Literal["one", "list", "mapping"]
    kind: type[Section]


class Grammar(NamedTuple):
    """The keys of one Section."""

    keys: frozenset[str]
    fields: tuple[msgspec.structs.FieldInfo, ...]
    nested: Mapping[str, Nested]
    openai: frozenset[str]
    """OpenAI's parameters, where they may stand among the keys."""


class Verdict(NamedTuple):
    """What to say about a key that is no field; no text: nothing."""

    wrong: bool
    text: str
    sent: bool = False
    """It is a parameter of the upstream's."""


SILENCE = Verdict(wrong=False, text="")


@functools.cache
def grammar(kind: type[Section]) -> Grammar:
    fields = tuple(field for field in msgspec.structs.fields(kind) if field.name not in NOT_WRITTEN)
    found = ((field.name, nested(field.type)) for field in fields)
    return Grammar(
        keys=frozenset(field.name for field in fields),
        fields=fields,
        nested={name: inner for name, inner in found if inner is not None},
        openai=OPENAI_PARAMS if issubclass(kind, UpstreamParams) else frozenset(),
    )


def nested(hint: object) -> Nested | None:
    """How a field of the type `hint` holds Sections, if it does."""
    if _is_section(hint):
        return Nested("one", typing.cast("type[Section]", hint))
    kinds = [arg for arg in typing.get_args(hint) if _is_section(arg)]
    if not kinds:
        return None
    return Nested("list" if typing.get_origin(hint) is tuple else "mapping", kinds[0])


def _is_section(hint: object) -> bool:
    return isinstance(hint, type) and issubclass(hint, Section)


def is_price(kind: type[Section], key: str) -> bool:
    """Whether it is a name of a price, where prices may stand."""
    return issubclass(kind, UpstreamParams | ModelInfo) and known.COST.search(key) is not None


def other_name(rules: Grammar, key: str) -> str | None:
    """The key that `key` is a second name of, here."""
    return next((name for name in OTHER_NAMES.get(key, ()) if name in rules.keys), None)


def taken_silently(kind: type[Section]) -> frozenset[str]:
    """LiteLLM's keys that have no effect here, and of which nothing is said."""
    return UNMISSED.get(kind, frozenset()) | (unmissed.EVERYWHERE if kind in UNMISSED else frozenset())


def judge(kind: type[Section], key: str) -> Verdict:
    """The verdict on a key that is no field of `kind`."""
    if kind is Config and key.startswith(known.OWN_SECTION):
        return SILENCE
    if key in taken_silently(kind):
        return SILENCE
    if key in _NEVER:
        return Verdict(wrong=False, text=_NEVER[key])
    if key in NOT_YET.get(kind, ()) or any(like.search(key) for like in NOT_YET_LIKE.get(kind, ())):
        return Verdict(wrong=False, text="is LiteLLM's; Sluice does not honour it yet")
    return _judge_unknown(kind, key)


def _judge_unknown(kind: type[Section], key: str) -> Verdict:
    here = grammar(kind)
    if kind is ModelInfo and (key in known.MODEL_INFO_DESCRIPTIVE or known.DESCRIPTIVE.match(key)):
        return SILENCE
    if here.openai and key in WELL_KNOWN:
        return Verdict(wrong=False, text="", sent=True)
    homes = _homes(key)
    meant = None if homes else slip_of(kind, key, here.keys | here.openai)
    if meant is not None:
        return Verdict(wrong=True, text=f"unknown key; did you mean `{meant}`?")
    near = did_you_mean(key, here.keys | here.openai)
    if here.openai:
        return Verdict(
            wrong=False,
            text=f"is no key of Sluice's: it is sent to the upstream as a parameter{near}",
            sent=True,
        )
    if kind is ModelInfo:
        return Verdict(wrong=False, text=f"unknown key{near}" if near else "is kept out: a note of your own")
    if near or not homes:
        return Verdict(wrong=False, text="unknown key: nothing is done with it" + (near or _far(kind, key)))
    return Verdict(wrong=False, text=f"nothing is done with it here; it belongs under `{homes[0]}`")


def _far(kind: type[Section], key: str) -> str:
    return did_you_mean(key, NOT_YET.get(kind, ()))


def _homes(key: str) -> list[str]:
    """The sections that have such a key."""
    return [name for name, inner in _places() if key in grammar(inner).keys]


def _places() -> list[tuple[str, type[Section]]]:
    top = [(name, inner.kind) for name, inner in grammar(Config).nested.items()]
    entry = [(f"model_list[].{name}", inner.kind) for name, inner in grammar(ModelEntry).nested.items()]
    return [*(pair for pair in top if pair[1] is not ModelEntry), *entry]
