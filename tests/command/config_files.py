"""Configurations as nobody wrote them: from the schema's own types, with some values wrong, and some bytes."""

from __future__ import annotations

import typing
from collections.abc import Mapping

import msgspec
import yaml
from hypothesis import strategies as st
from msgspec import inspect

from proxy.config.fields import HTTP_URL, PATTERNS, Section
from proxy.config.grammar import NOT_YET, OTHER_NAMES, Nested, grammar
from proxy.config.openai_params import OpenAIParams
from proxy.config.schema import Config
from proxy.types import Secret

Value = st.SearchStrategy[object]

ENVIRON = {"KEY": "sk-of-the-environment", "EMPTY": "", "NUMBER": "3", "URL": "http://127.0.0.1:9/v1"}
NAMES = st.sampled_from(
    ["a", "b", "gpt-4o", "openai/*", "*", "a*b*", "x" * 300, "os.environ/KEY", "ä", "", " "]
)
MODELS = st.sampled_from([
    "openai/gpt-4o", "gpt-4o", "openai/*", "*", "anthropic/claude", "claude-3", "openai/", "/", "opnai/x",
    "text-completion-openai/d", "azure/x", "os.environ/NOPE", "os.environ/KEY", "a/b/c", "openai/ä", "",
])  # fmt: skip
URLS = st.sampled_from([
    "http://127.0.0.1:9", "http://127.0.0.1:9/v1", "https://h/v1/", "http://h/v1/chat/completions", "http://[::1]:8/v1",
    "https://x/?q=1", "http://x:bad", "http://[::1/x", "http://x:0", "http://x:99999", "http://u:p@h", "http://h/#f",
    "http://h/../x", "http:///x", "http://", "HTTP://h", "localhost:8000/v1", "h", "http://h h", "http://ä", "http://%",
    "http://[fe80::1%25eth0]/", "http://1.2.3.4.5.6/", "http://x/%2e%2e/", "http://[1.2.3.4]/", "http://x\\y",
    "os.environ/URL", "os.environ/NOPE", "${URL}", "http://127.0.0.1:4000",
])  # fmt: skip
TEXTS = st.one_of(NAMES, st.text(st.characters(exclude_categories=("Cs",)), max_size=12))
SECRETS = st.sampled_from(
    ["sk-1", "", "os.environ/KEY", "os.environ/NOPE", "os.environ/EMPTY", "$KEY", "ä", "a\nb"]
)
WRONG = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.sampled_from(
        [
            10**30,
            -1,
            0,
            1e308,
            "os.environ/NOPE",
            "os.environ/EMPTY",
            "os.environ/NUMBER",
            "os.environ/",
            "{{x}}",
        ]
    ),
    TEXTS,
    URLS,
    st.recursive(
        st.one_of(st.none(), st.integers(), TEXTS),
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
        max_leaves=6,
    ),
)
RIGHT_IN_NINE_OF_TEN = [False] * 9 + [True]
_BY_NAME: Mapping[str, Value] = {
    "model_name": NAMES,
    "model": MODELS,
    "include": st.just([]),
    "api_base": URLS,
    "target": URLS,
}


def _number(info: inspect.IntType | inspect.FloatType) -> Value:
    low = next((bound for bound in (info.ge, info.gt) if bound is not None), -5)
    high = next((bound for bound in (info.le, info.lt) if bound is not None), 100_000)
    if isinstance(info, inspect.IntType):
        return st.integers(int(low), int(high))
    return st.floats(low, high, exclude_min=info.gt is not None)


def _text(info: inspect.StrType) -> Value:
    if info.pattern == HTTP_URL:
        return URLS
    if info.pattern in PATTERNS:
        return st.sampled_from(["/x", "/x/y", "X-Header", "Authorization", "/", "x y", "/ä"])
    return TEXTS


def _of_type(hint: object) -> Value:
    info = inspect.type_info(hint)
    while isinstance(info, inspect.Metadata):
        info = info.type
    return _of_info(info)


def _of_info(info: inspect.Type) -> Value:
    if isinstance(info, inspect.UnionType):
        return st.one_of(*map(_of_info, info.types))
    if isinstance(info, inspect.Metadata):
        return _of_info(info.type)
    if isinstance(info, inspect.IntType | inspect.FloatType):
        return _number(info)
    if isinstance(info, inspect.StrType):
        return _text(info)
    if isinstance(info, inspect.LiteralType):
        return st.sampled_from(info.values)
    if isinstance(info, inspect.BoolType):
        return st.booleans()
    if isinstance(info, inspect.VarTupleType | inspect.ListType):
        return st.lists(_of_info(info.item_type), max_size=3)
    if isinstance(info, inspect.DictType):
        return st.dictionaries(_of_info(info.key_type), _of_info(info.value_type), max_size=3)
    if isinstance(info, inspect.CustomType) and info.cls is Secret:
        return st.sampled_from(
            ["sk-1", "", "os.environ/KEY", "os.environ/NOPE", "os.environ/EMPTY", "$KEY", "ä", "a\nb"]
        )
    return WRONG


def _value(kind: type[Section], field: msgspec.structs.FieldInfo) -> Value:
    inner = grammar(kind).nested.get(field.name)
    if inner is not None:
        return _nested(inner)
    return _BY_NAME[field.name] if field.name in _BY_NAME else _of_type(field.type)


def _nested(inner: Nested) -> Value:
    one = section(inner.kind)
    if inner.shape == "list":
        return st.lists(one, max_size=4)
    return one if inner.shape == "one" else st.dictionaries(TEXTS, one, max_size=2)


@st.composite
def section(draw: st.DrawFn, kind: type[Section]) -> object:
    """A mapping: what must be there, a few of the others, and now and then something that has no business here."""
    rules = grammar(kind)
    chosen = draw(st.lists(st.sampled_from(rules.fields), max_size=6, unique_by=lambda field: field.name))
    needed = [field for field in rules.fields if field.required and field not in chosen]
    made: dict[object, object] = {}
    for field in (*needed, *chosen):
        wrong = draw(st.sampled_from(RIGHT_IN_NINE_OF_TEN))
        made[field.name] = draw(WRONG if wrong else _value(kind, field))
    others = [
        *sorted(NOT_YET.get(kind, ())),
        *OTHER_NAMES,
        *(OpenAIParams.__struct_fields__ if rules.openai else ()),
    ]
    if others and draw(st.booleans()):
        made[draw(st.sampled_from(others))] = draw(WRONG)
    if draw(st.sampled_from(RIGHT_IN_NINE_OF_TEN)):
        made[draw(st.one_of(TEXTS, st.integers()))] = draw(WRONG)
    return made


@st.composite
def config_files(draw: st.DrawFn) -> bytes:
    """The file's bytes. One in ten was hit by something."""
    written = typing.cast("dict[str, object]", draw(section(Config)))
    if draw(st.sampled_from(RIGHT_IN_NINE_OF_TEN)):
        written = {**written, "model_list": draw(WRONG)}
    elif "model_list" not in written:
        written["model_list"] = draw(_nested(grammar(Config).nested["model_list"]))
    text = yaml.safe_dump(written, allow_unicode=True, sort_keys=False).encode()
    if not draw(st.sampled_from(RIGHT_IN_NINE_OF_TEN)):
        return text
    place = draw(st.integers(0, len(text)))
    return text[:place] + draw(st.binary(max_size=4)) + text[place + draw(st.integers(0, 4)) :]
