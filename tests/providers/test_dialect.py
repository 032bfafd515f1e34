from __future__ import annotations

from typing import Any

import msgspec
import pytest

from proxy.config.models import LitellmParams, ModelEntry, ModelInfo
from proxy.config.schema import Config
from proxy.errors import GatewayError
from proxy.providers.compatible.endpoints import CHAT_ALONE, RESPONSES
from proxy.providers.compatible.rows import ROWS
from proxy.providers.dialect import dialect_of, own_headers
from proxy.providers.prepare import Request, prepare
from proxy.providers.reach import CLOUDS
from proxy.providers.table import deployments
from proxy.types import Secret

CHAT = b'{"model":"m","messages":[{"role":"user","content":"hi"}]}'


def test_openais_own_is_the_identity(a_deployment: Any) -> None:
    deployment = a_deployment()
    dialect = dialect_of(deployment)
    assert (dialect.adapts, dialect.models) == (False, b"/models")
    assert dialect.translations.keys() == {b"/messages", b"/messages/count_tokens"}
    request = Request(b"/chat/completions", CHAT, "m", "m")
    prepared = prepare(deployment, dialect, request)
    assert prepared.body is CHAT
    assert (prepared.path, prepared.headers, prepared.translation) == (b"/chat/completions", (), None)


@pytest.mark.parametrize("words", [{"default_params": {"a": msgspec.Raw(b"1")}}, {"system_messages": False}])
def test_it_may_have_to_adapt(a_deployment: Any, words: dict[str, Any]) -> None:
    assert dialect_of(a_deployment(**words)).adapts


def test_a_translated_request_goes_elsewhere_in_other_words(a_deployment: Any) -> None:
    deployment = a_deployment(provider="text-completion-openai", default_params={"top_k": msgspec.Raw(b"1")})
    dialect = dialect_of(deployment)
    prepared = prepare(deployment, dialect, Request(b"/chat/completions", CHAT, "m", "up"))
    assert prepared.path == b"/completions"
    assert msgspec.json.decode(prepared.body) == {"model": "up", "prompt": "hi", "top_k": 1}
    assert prepared.translation is not None
    assert b'"content":"x"' in prepared.translation.answer(b'{"choices":[{"index":0,"text":"x"}]}')
    assert prepare(deployment, dialect, Request(b"/embeddings", CHAT, "m")).translation is None


def test_what_cannot_be_said_there_is_refused(a_deployment: Any) -> None:
    deployment = a_deployment(provider="text-completion-openai")
    request = Request(b"/chat/completions", b'{"model":"m","messages":[]}', "m", "m")
    with pytest.raises(GatewayError):
        prepare(deployment, dialect_of(deployment), request)


def test_its_own_headers_are_its_key_and_what_is_configured_which_wins(a_deployment: Any) -> None:
    deployment = a_deployment(api_key=Secret("k"), organization="o", headers=((b"X-A", b"1"),))
    bearer = (b"Authorization", b"Bearer k")
    assert own_headers(deployment) == (bearer, (b"OpenAI-Organization", b"o"), (b"X-A", b"1"))
    other = a_deployment(api_key=Secret("k"), headers=((b"authorization", b"Basic x"),))
    assert own_headers(other) == ((b"authorization", b"Basic x"),)


def test_anthropics_headers(a_deployment: Any) -> None:
    version = (b"anthropic-version", b"2023-06-01")
    deployment = a_deployment(provider="anthropic", api_key=Secret("sk-ant-api"))
    assert own_headers(deployment) == ((b"x-api-key", b"sk-ant-api"), version)
    token = a_deployment(provider="anthropic", api_key=Secret("sk-ant-oat01"))
    assert own_headers(token) == ((b"Authorization", b"Bearer sk-ant-oat01"), version)
    configured = (b"Anthropic-Version", b"2026-10-21")
    other = a_deployment(provider="anthropic", api_key=Secret("k"), headers=(configured,))
    assert own_headers(other) == ((b"x-api-key", b"k"), configured)


MESSAGES = {"/messages", "/messages/count_tokens"}


@pytest.mark.parametrize(
    ("provider", "paths"),
    [
        ("openai", MESSAGES),
        ("xai", MESSAGES),
        ("lm_studio", MESSAGES),
        ("cerebras", {*MESSAGES, "/responses"}),
        ("openai_like", {*MESSAGES, "/responses"}),
        ("ollama", {*MESSAGES, "/responses"}),
        ("groq", {*MESSAGES, "/responses", "/completions"}),
        ("cohere", {*MESSAGES, "/responses", "/completions"}),
        ("anthropic", {"/chat/completions", "/responses", "/completions"}),
    ],
)
def test_what_is_translated_for_whom(a_deployment: Any, provider: str, paths: set[str]) -> None:
    found = dialect_of(a_deployment(provider=provider)).translations
    assert {path.decode() for path in found} == paths


@pytest.mark.parametrize(
    ("said", "paths"),
    [
        ((), {*MESSAGES, "/responses", "/completions"}),
        (("/v1/chat/completions", "/v1/responses"), {*MESSAGES, "/completions"}),
        (("/v1/chat/completions", "/v1/messages", "/completions"), {"/responses"}),
    ],
)
def test_the_operator_knows_better(said: tuple[str, ...], paths: set[str]) -> None:
    entry = ModelEntry(
        model_name="m",
        litellm_params=LitellmParams(model="baseten/m", api_key=Secret("k")),
        model_info=ModelInfo(supported_endpoints=said),
    )
    (deployment,) = deployments(Config(model_list=(entry,)), {})
    assert {path.decode() for path in dialect_of(deployment).translations} == paths


def test_each_row_of_the_table_is_a_providers() -> None:
    assert {*RESPONSES, *CHAT_ALONE} <= {row.name for row in ROWS} | CLOUDS
