"""Which keys a Section has: honoured, accepted and kept out, or unknown."""

from __future__ import annotations

import functools
import re
import typing
from collections.abc import Mapping
from typing import Literal, NamedTuple

import msgspec

from proxy.config import known
from proxy.config.fields import Section
from proxy.config.models import LitellmParams, ModelEntry, ModelInfo, UpstreamParams
from proxy.config.openai_params import OpenAIParams
from proxy.config.schema import Config
from proxy.config.settings import GeneralSettings, LitellmSettings, PassThroughEndpoint, RouterSettings
from proxy.config.wording import did_you_mean

OTHER_NAMES: Mapping[str, str] = {"base_url": "api_base"}
"""LiteLLM's second names of keys."""
DEFAULT_PARAMS = "default_params"
"""Collects OpenAI's parameters from among its neighbours."""
NOT_WRITTEN = frozenset({DEFAULT_PARAMS, "origin"})
"""Fields that are no keys: the loader fills them in."""
OPENAI_PARAMS = frozenset(OpenAIParams.__struct_fields__)

NOT_YET: Mapping[type[Section], frozenset[str]] = {
    Config: known.TOP_LEVEL,
    ModelEntry: known.MODEL_ENTRY,
    UpstreamParams: known.LITELLM_PARAMS,
    LitellmParams: known.LITELLM_PARAMS,
    ModelInfo: known.MODEL_INFO,
    RouterSettings: known.ROUTER_SETTINGS,
    LitellmSettings: known.LITELLM_SETTINGS,
    GeneralSettings: known.GENERAL_SETTINGS,
    PassThroughEndpoint: known.PASS_THROUGH_ENDPOINT,
}
NOT_YET_LIKE: Mapping[type[Section], tuple[re.Pattern[str], ...]] = {
    UpstreamParams: (known.PROVIDER_PARAM, known.COST),
    LitellmParams: (known.PROVIDER_PARAM, known.COST),
    ModelInfo: (known.COST,),
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
    """What to say about a key that is not honoured; no text: nothing."""

    wrong: bool
    text: str


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


def judge(kind: type[Section], key: str) -> Verdict:
    """The verdict on a key that is no field of `kind`."""
    if kind is Config and key.startswith(known.OWN_SECTION):
        return Verdict(wrong=False, text="")
    if key in _NEVER:
        return Verdict(wrong=False, text=_NEVER[key])
    if key in NOT_YET.get(kind, ()) or any(like.search(key) for like in NOT_YET_LIKE.get(kind, ())):
        return Verdict(wrong=False, text="is LiteLLM's; Sluice does not honour it yet")
    if kind is ModelInfo:
        return _judge_model_info(key)
    return Verdict(wrong=True, text="unknown key" + _hint(kind, key))


def _judge_model_info(key: str) -> Verdict:
    """LiteLLM takes any name here, as notes: only what looks like a slip is an error."""
    if key in known.MODEL_INFO_DESCRIPTIVE or known.DESCRIPTIVE.match(key):
        return Verdict(wrong=False, text="")
    near = did_you_mean(key, grammar(ModelInfo).keys)
    return Verdict(wrong=bool(near), text=f"unknown key{near}" if near else "is kept out: a note of your own")


def _hint(kind: type[Section], key: str) -> str:
    here = grammar(kind)
    near = did_you_mean(key, here.keys | here.openai)
    if near:
        return near
    homes = [name for name, inner in grammar(Config).nested.items() if key in grammar(inner.kind).keys]
    return f"; it belongs under `{homes[0]}`" if homes else did_you_mean(key, NOT_YET.get(kind, ()))
