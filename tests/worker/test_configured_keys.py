"""Keys that the file writes."""

from __future__ import annotations

from proxy.access.identity import ModelBudget, token_of
from proxy.config.identities import KeySettings, ModelBudgetSettings
from proxy.config.schema import Config
from proxy.config.sluice import SluiceSettings
from proxy.types import Secret
from proxy.worker.settings import configured_keys


def test_what_is_written_is_what_the_key_is() -> None:
    written = KeySettings(
        key=Secret("sk-secret-abcd"),
        key_alias="ci",
        models=("m",),
        expires="2026-12-31T18:00:00+01:00",
        max_budget=10,
        model_max_budget={"m": ModelBudgetSettings(max_budget=1, budget_duration="1d")},
        team_id="t",
    )
    (key,) = configured_keys(Config(sluice_settings=SluiceSettings(keys=(written,))))
    assert key.id == key.token == token_of(b"sk-secret-abcd")
    assert (key.key_name, key.key_alias, key.models, key.team_id) == ("sk-...abcd", "ci", ("m",), "t")
    assert (key.expires, key.max_budget) == (1_798_736_400.0, 10)
    assert key.model_max_budget == {"m": ModelBudget(max_budget=1, budget_duration="1d")}


def test_a_day_begins_in_utc() -> None:
    written = KeySettings(key=Secret("sk-secret-abcd"), expires="2026-12-31")
    (key,) = configured_keys(Config(sluice_settings=SluiceSettings(keys=(written,))))
    assert key.expires == 1_798_675_200.0
