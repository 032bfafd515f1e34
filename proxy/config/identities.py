"""`sluice_settings.keys`: keys that need no call, for those who keep everything in a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from msgspec import Meta

from proxy.config.fields import Count, Dollars, Moment, PeriodText, Section, Text
from proxy.types import Secret


class ModelBudgetSettings(Section, frozen=True, kw_only=True):
    """What one model may cost."""

    max_budget: Dollars
    """US dollars."""
    budget_duration: PeriodText | None = None
    """How long until it is whole again; without it never."""


class KeySettings(Section, frozen=True, kw_only=True):
    """A key of the gateway's, beside the master key: who may use it, for what, and how much."""

    key: Secret
    """What clients send: `os.environ/NAME` keeps it out of the file."""
    key_alias: Text | None = None
    """Its name, for records and reports."""
    models: tuple[Text, ...] = ()
    """Models that it may ask for, names and patterns (`openai/*`); none written: all."""
    aliases: Mapping[Text, Text] = {}
    """The model asked for -> the model meant."""
    expires: Moment | None = None
    """When it ends, `2026-12-31` or `2026-12-31T18:00:00+01:00`; without it never."""
    max_budget: Dollars | None = None
    """US dollars that it may spend."""
    soft_budget: Dollars | None = None
    """US dollars of which is told when they are spent; requests go on."""
    budget_duration: PeriodText | None = None
    """How long until both are whole again: `1h`, `1d`, `7d`, `1mo`, by the calendar; without it never."""
    model_max_budget: Mapping[Text, ModelBudgetSettings] = {}
    """`max_budget` of single models."""
    rpm_limit: Count | None = None
    """Requests in any minute."""
    tpm_limit: Count | None = None
    """Tokens in any minute."""
    max_parallel_requests: Count | None = None
    """Requests at once."""
    queue_weight: Annotated[float, Meta(ge=0.01, le=100)] | None = None
    """Where requests wait (`queue_timeout_s`): its turns to one of another's; without it one."""
    model_rpm_limit: Mapping[Text, Count] = {}
    """`rpm_limit` of single models."""
    model_tpm_limit: Mapping[Text, Count] = {}
    """`tpm_limit` of single models."""
    allowed_routes: tuple[Text, ...] = ()
    """Paths that it may use, `/chat/completions`, `/files/*`, or LiteLLM's names of groups; none written: all."""
    tags: tuple[Text, ...] = ()
    """Words under which its requests are counted."""
    blocked: bool = False
    """true: it lets nobody in."""
    team_id: Text | None = None
    """Whose it is: the team's objects are its own."""
    user_id: Text | None = None
    """Whose it is."""


class KeyRotationSettings(Section, frozen=True, kw_only=True):
    """New secrets of keys that rotate by themselves. Each is handed over before it holds."""

    folder: Text | None = None
    """A folder, beside the configuration unless it is absolute, in which each such key has a file with its secret."""
    webhook: bool = False
    """true: the sink `webhook` is told each new secret (`key.rotated`), over https or on this machine."""
    grace: PeriodText = "1d"
    """How long the old secret is accepted: until all who use the key have the new one."""
