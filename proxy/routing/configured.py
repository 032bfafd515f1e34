"""The router and its fallbacks, as a configuration has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from proxy.config.schema import Config
from proxy.routing.affinity import ObjectStore
from proxy.routing.fallbacks import Fallbacks
from proxy.routing.router import Router, RouterSettings
from proxy.types import Deployment


def router_of(
    config: Config, served: Sequence[Deployment], env: Deployment | None, store: ObjectStore
) -> Router:
    settings = config.router_settings
    aliases = settings.model_group_alias
    return Router(
        served,
        RouterSettings(
            allowed_fails=settings.allowed_fails,
            cooldown_s=settings.cooldown_time,
            disable_cooldowns=settings.disable_cooldowns,
            max_retry_after_s=config.sluice_settings.max_retry_after_s,
            default_max_parallel_requests=settings.default_max_parallel_requests,
            strategy=settings.routing_strategy,
            enforce_rate_limits=config.sluice_settings.enforce_rate_limits,
            learn_rate_limits=config.sluice_settings.learn_rate_limits,
        ),
        aliases={name: alias.model for name, alias in aliases.items()},
        hidden_aliases=[name for name, alias in aliases.items() if alias.hidden],
        store=store,
        env_deployment=env,
        env_first=config.sluice_settings.environment_key_first,
    )


def fallbacks_of(config: Config) -> Fallbacks:
    router, ours = config.router_settings, config.litellm_settings
    return Fallbacks(
        general=_lists(router.fallbacks or ours.fallbacks),
        default=router.default_fallbacks or ours.default_fallbacks,
        context_window=_lists(router.context_window_fallbacks or ours.context_window_fallbacks),
        content_policy=_lists(router.content_policy_fallbacks or ours.content_policy_fallbacks),
        most=router.max_fallbacks,
    )


def _lists(written: Sequence[Mapping[str, Sequence[str]]]) -> dict[str, Sequence[str]]:
    """LiteLLM writes a list of mappings; the first that names a group counts."""
    return {group: groups for each in reversed(written) for group, groups in each.items()}
