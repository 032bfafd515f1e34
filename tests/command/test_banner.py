"""What a person sees at the start."""

from __future__ import annotations

import shlex

import pytest

from proxy.command.banner import address_for_clients, banner, chat_model
from proxy.loading import Build


def _banner(
    host: str = "0.0.0.0",
    models: tuple[str, ...] = ("gpt-4o",),
    key: str | None = "sk-1",
    simulated: bool = False,
) -> str:
    return banner(version="1.2.3", host=host, port=4000, models=models, key=key, simulated=simulated)


def _curl(text: str) -> list[str]:
    (line,) = (line for line in text.splitlines() if line.startswith("  curl "))
    return shlex.split(line)


def test_address_models_key_and_a_line_to_paste() -> None:
    said = _banner()
    assert "Sluice 1.2.3  http://0.0.0.0:4000" in said
    assert "models    gpt-4o\n" in said
    assert "key       sk-1\n" in said
    assert "docs      http://localhost:4000/docs" in said
    assert "simulated" not in said
    assert "http://localhost:4000/v1/chat/completions" in _curl(said)
    assert "Authorization: Bearer sk-1" in _curl(said)


@pytest.mark.parametrize("build", list(Build))
def test_which_build_runs_is_told_and_how_to_have_the_faster_one(build: Build) -> None:
    said = banner(version="1", host="::1", port=1, models=(), key=None, simulated=False, build=build)
    assert f"  build     {build.value}" in said
    assert ("make compile" in said) == (build is not Build.COMPILED)


@pytest.mark.parametrize("key", ["sk-'quoted'", 'sk-"$HOME"`id`', "sk-a b", "!sk"])
def test_the_line_survives_any_key(key: str) -> None:
    assert f"Authorization: Bearer {key}" in _curl(_banner(key=key))


def test_a_variable_is_left_to_the_shell() -> None:
    assert '-H "Authorization: Bearer $LITELLM_MASTER_KEY"' in _banner(key="$LITELLM_MASTER_KEY")


def test_the_line_survives_any_model() -> None:
    body = _curl(_banner(models=("it's",)))[-1]
    assert '"model": "it\'s"' in body


def test_without_a_key_it_says_that_it_serves_loopback_only() -> None:
    said = _banner(host="127.0.0.1", key=None)
    assert "none is asked for: this gateway serves loopback only" in said
    assert "Authorization" not in said


def test_the_simulator_is_named() -> None:
    assert "upstream  simulated; set OPENAI_API_KEY or give --config" in _banner(simulated=True)


@pytest.mark.parametrize(
    ("models", "shown"),
    [
        ((), "none"),
        (("*",), "every model of the upstream"),
        (tuple(map(str, range(8))), "0, 1, 2, 3, 4, 5, 6, 7"),
        (tuple(map(str, range(10))), "0, 1, 2, 3, 4, 5, 6, 7 and 2 more"),
    ],
)
def test_models(models: tuple[str, ...], shown: str) -> None:
    assert f"models    {shown}\n" in _banner(models=models)


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("0.0.0.0", "localhost"),
        ("::", "localhost"),
        ("127.0.0.1", "localhost"),
        ("::1", "[::1]"),
        ("10.0.0.1", "10.0.0.1"),
        ("box", "box"),
    ],
)
def test_addresses_for_clients(host: str, address: str) -> None:
    assert address_for_clients(host) == address


@pytest.mark.parametrize(
    ("models", "chosen"),
    [
        ([], "gpt-4o"),
        (["*"], "gpt-4o"),
        (["whisper", "gpt-4"], "gpt-4"),
        (["gpt-*", "whisper"], "whisper"),
        (["text-embedding", "o3-mini"], "o3-mini"),
    ],
)
def test_the_model_to_try_first(models: list[str], chosen: str) -> None:
    assert chat_model(models) == chosen
