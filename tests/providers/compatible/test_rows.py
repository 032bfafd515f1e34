"""Each line of the table: what a configuration that names the provider, and no more than its key, leads to."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest

from proxy.config.errors import ConfigError
from proxy.config.models import LitellmParams, ModelEntry
from proxy.config.openai_params import OpenAIParams
from proxy.config.schema import Config
from proxy.providers.compatible.found import base_variables, named, nearest, of_base
from proxy.providers.compatible.provider import Provider
from proxy.providers.compatible.rows import ROWS
from proxy.providers.dialect import own_headers
from proxy.providers.reach import OWN, UNSERVED
from proxy.providers.table import deployments
from proxy.providers.url import normalise_base
from proxy.types import Deployment

CHATS = frozenset(OpenAIParams.__struct_fields__) | {"stream_options", "metadata"}


def served(row: Provider, environ: dict[str, str], **params: object) -> Deployment:
    entry = ModelEntry(
        model_name="g",
        litellm_params=LitellmParams(model=f"{row.name}/vendor/m", **params),  # type: ignore[arg-type]
    )
    (deployment,) = deployments(Config(model_list=(entry,)), environ)
    return deployment


def test_there_are_as_many_as_promised_each_once_and_in_order() -> None:
    names = [row.name for row in ROWS]
    assert len(names) >= 90
    assert names == sorted(set(names))
    assert not set(names) & (OWN.keys() | UNSERVED)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_line(row: Provider) -> None:
    assert re.fullmatch(r"[a-z0-9_-]{2,32}", row.name)
    assert all(re.fullmatch(r"[A-Z][A-Z0-9_]{2,63}", name) for name in (*row.keys, *row.bases))
    assert row.keys or row.keyless, "a key is read from somewhere"
    assert set(row.renames) | row.refuses | row.omits <= CHATS, "a parameter of chat's that nobody can send"
    assert not row.refuses & row.omits
    assert not row.refuses & row.renames.keys()
    if row.base is not None:
        assert row.base == row.base.rstrip("/")
        assert row.bare or normalise_base(row.base) == row.base
        assert urlsplit(row.base).scheme == "https" or row.keyless


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_its_prefix_and_its_variable_are_enough(row: Provider) -> None:
    environ = {name: f"key-of-{name}" for name in row.keys}
    if row.base is None:
        environ |= dict.fromkeys(base_variables(row), "http://of-the-environment:8000/x")
        own = {} if base_variables(row) else {"api_base": "http://of-the-environment:8000/x"}
        deployment = served(row, environ, **own)
        assert deployment.api_base == "http://of-the-environment:8000/x"
    else:
        deployment = served(row, environ)
        assert deployment.api_base == row.base
    assert (deployment.provider, deployment.model, deployment.unservable) == (row.name, "vendor/m", None)
    assert deployment.api_key.reveal() == (f"key-of-{row.keys[0]}" if row.keys else "")
    bearer = (b"Authorization", f"Bearer key-of-{row.keys[0]}".encode()) if row.keys else None
    assert (bearer in own_headers(deployment)) == bool(row.keys)


@pytest.mark.parametrize("row", [row for row in ROWS if not row.keyless], ids=lambda row: row.name)
def test_without_a_key_it_says_which_variable_is_asked_for(row: Provider) -> None:
    with pytest.raises(ConfigError, match=row.keys[0]):
        served(row, {"OPENAI_API_KEY": "not for others"})
    assert served(row, {}, api_key=None, mock_response="hi").mock_response == "hi"


@pytest.mark.parametrize(
    "row", [row for row in ROWS if row.base and base_variables(row)], ids=lambda row: row.name
)
def test_another_base_is_read_from_its_variable(row: Provider) -> None:
    environ = {row.keys[0]: "k", base_variables(row)[0]: "https://mine/v9"}
    assert served(row, environ).api_base == "https://mine/v9"
    assert served(row, environ, api_base="https://written/v8").api_base == "https://written/v8"


@pytest.mark.parametrize(
    "row", [row for row in ROWS if row.base and row.base.startswith("https")], ids=lambda r: r.name
)
def test_its_host_leads_to_it_or_to_who_has_the_same(row: Provider) -> None:
    assert row.base is not None
    found = of_base(row.base)
    assert found is not None
    assert urlsplit(found.base or "").hostname == urlsplit(row.base).hostname


def test_hosts_that_are_nobodys() -> None:
    assert [of_base(base) for base in ("http://localhost:11434/v1", "https://h/v1", "http://[")] == [None] * 3
    cohere, ollama = of_base("https://api.cohere.com/compatibility/v1"), of_base("https://ollama.com/v1")
    assert cohere is not None
    assert ollama is not None
    assert (cohere.name, ollama.name) == ("cohere", "ollama")


def test_headers_of_a_providers_own() -> None:
    router = named("openrouter")
    assert router is not None
    environ = {"OR_API_KEY": "k", "OR_SITE_URL": "https://me", "OR_APP_NAME": "bad\nname"}
    assert served(router, environ).headers == ((b"HTTP-Referer", b"https://me"),)
    sarvam = named("sarvam")
    assert sarvam is not None
    assert served(sarvam, {"SARVAM_API_KEY": "k"}).headers == ((b"api-subscription-key", b"k"),)
    perplexity = named("perplexity")
    assert perplexity is not None
    assert served(perplexity, {"PERPLEXITY_API_KEY": "k"}).api_base == "https://api.perplexity.ai", "no /v1"


@pytest.mark.parametrize(
    ("name", "base", "moved"),
    [
        ("gemini", "https://g", "https://g/v1beta/openai"),
        ("gemini", "https://g/v1beta/", "https://g/v1beta/openai"),
        ("gemini", "https://g/proxied/v1", "https://g/proxied/v1"),
        ("cohere", "https://api.cohere.com/v2/chat", "https://api.cohere.com/compatibility/v1"),
        ("ollama_chat", "http://h:11434", "http://h:11434/v1"),
        ("ollama", "http://h:11434/api/generate", "http://h:11434/v1"),
    ],
)
def test_a_base_of_its_own_api_leads_to_its_compatible_one(name: str, base: str, moved: str) -> None:
    row = named(name)
    assert row is not None
    assert served(row, dict.fromkeys(row.keys, "k"), api_base=base).api_base == moved


def test_names_that_are_nearly_one() -> None:
    assert nearest("gorq", ()) == ["groq"]
    assert nearest("anthropc", ("anthropic",)) == ["anthropic"]
    assert nearest("together-ai", ())[0] == "together_ai"
    assert nearest("nonsense", ()) == []
