"""What is served when no file says it."""

from __future__ import annotations

import pytest

from proxy.command.defaults import (
    SIMULATED_KEYS,
    SIMULATED_MODELS,
    Wanted,
    needs_simulator,
    served_by_environment,
    simulated,
)
from proxy.config.errors import ConfigError
from proxy.config.models import LitellmParams, ModelEntry
from proxy.config.schema import Config
from proxy.config.settings import GeneralSettings, PassThroughEndpoint
from proxy.providers.table import deployments

KEY = {"OPENAI_API_KEY": "sk-env"}
LISTED = Config(model_list=(ModelEntry(model_name="m", litellm_params=LitellmParams(model="m")),))
TARGET = PassThroughEndpoint(path="/x", target="http://localhost:9")
PASSING = Config(general_settings=GeneralSettings(pass_through_endpoints=(TARGET,)))


@pytest.mark.parametrize(
    ("wanted", "config", "environ", "needed"),
    [
        (Wanted(), Config(), {}, True),
        (Wanted(), Config(), {"OPENAI_API_KEY": ""}, True),
        (Wanted(), Config(), KEY, False),
        (Wanted(model="gpt-4o"), Config(), {}, False),
        (Wanted(api_base="http://x"), Config(), {}, False),
        (Wanted(), LISTED, {}, False),
        (Wanted(), PASSING, {}, False),
    ],
)
def test_the_simulator_is_for_who_said_nothing(
    wanted: Wanted, config: Config, environ: dict[str, str], needed: bool
) -> None:
    assert needs_simulator(wanted, config, environ) is needed


def test_one_model_with_the_environments_key() -> None:
    config = served_by_environment(Wanted("openai/gpt-4o"), Config(), KEY)
    (deployment,) = deployments(config, KEY)
    assert (deployment.group, deployment.model) == ("gpt-4o", "gpt-4o")
    assert deployment.api_base == "https://api.openai.com/v1"
    assert deployment.api_key.reveal() == "sk-env"


def test_one_model_of_the_old_kind() -> None:
    config = served_by_environment(Wanted("text-completion-openai/davinci"), Config(), KEY)
    (deployment,) = deployments(config, KEY)
    assert (deployment.group, deployment.provider) == ("davinci", "text-completion-openai")


def test_a_server_of_ones_own_needs_no_key() -> None:
    config = served_by_environment(Wanted("llama", "http://localhost:8000"), Config(), {})
    (deployment,) = deployments(config, {})
    assert deployment.api_base == "http://localhost:8000/v1"
    assert not deployment.api_key


def test_every_model() -> None:
    (deployment,) = deployments(served_by_environment(Wanted(), Config(), KEY), KEY)
    assert (deployment.group, deployment.model) == ("*", "*")


def test_a_model_without_a_key_is_an_error() -> None:
    with pytest.raises(
        ConfigError, match="--model gpt-4o needs a key: set OPENAI_API_KEY, or give --api_base"
    ):
        served_by_environment(Wanted("gpt-4o"), Config(), {})


def test_nothing_wanted_changes_nothing() -> None:
    assert served_by_environment(Wanted(), Config(), {}) == Config()


def test_the_simulator_stands_behind_two_keys() -> None:
    found = deployments(simulated(Config(), "http://127.0.0.1:9"), {})
    assert len(found) == len(SIMULATED_MODELS) * len(SIMULATED_KEYS)
    assert {deployment.api_key.reveal() for deployment in found} == set(SIMULATED_KEYS)
    assert len({deployment.object_scope for deployment in found}) == len(SIMULATED_KEYS)
