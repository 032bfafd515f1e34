"""The whole file, decoded."""

from __future__ import annotations

from collections.abc import Mapping

from proxy.config.fields import Section, Text
from proxy.config.models import Credential, ModelEntry
from proxy.config.settings import GeneralSettings, LitellmSettings, RouterSettings
from proxy.config.sluice import SluiceSettings


class Config(Section, frozen=True, kw_only=True):
    """Sluice's configuration: LiteLLM's `config.yaml`, with `sluice_settings` of its own."""

    model_list: tuple[ModelEntry, ...] = ()
    """The deployments."""
    router_settings: RouterSettings = RouterSettings()
    """Which deployment gets a request, and what happens when it fails."""
    litellm_settings: LitellmSettings = LitellmSettings()
    """Settings of LiteLLM's own module."""
    general_settings: GeneralSettings = GeneralSettings()
    """The gateway itself."""
    sluice_settings: SluiceSettings = SluiceSettings()
    """Limits and switches that LiteLLM has no names for."""
    credential_list: tuple[Credential, ...] = ()
    """Values that entries share; already filled in where `litellm_credential_name` asks."""
    environment_variables: Mapping[str, str] = {}
    """Added to the environment before `os.environ/NAME` is looked up."""
    include: tuple[Text, ...] = ()
    """Files merged into this one, relative to it: lists are appended, mappings merged, the included value wins."""
