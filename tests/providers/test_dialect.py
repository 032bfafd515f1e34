from __future__ import annotations

from typing import Any

import msgspec
import pytest

from proxy.errors import GatewayError
from proxy.providers.dialect import dialect_of, own_headers
from proxy.providers.prepare import Request, prepare
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


@pytest.mark.parametrize(
    ("provider", "whole", "paths"),
    [
        ("openai", True, {"/messages", "/messages/count_tokens"}),
        ("groq", False, {"/messages", "/messages/count_tokens"}),
        ("cerebras", False, {"/messages", "/messages/count_tokens", "/responses"}),
        ("cohere", False, {"/messages", "/messages/count_tokens", "/responses", "/completions"}),
        ("anthropic", False, {"/chat/completions", "/responses", "/completions"}),
    ],
)
def test_what_is_translated_for_whom(a_deployment: Any, provider: str, whole: bool, paths: set[str]) -> None:
    found = dialect_of(a_deployment(provider=provider, whole_api=whole)).translations
    assert {path.decode() for path in found} == paths
