"""Builds every part once: from the configuration to a pipeline behind two doors."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence

from proxy import __version__, control
from proxy.access.keys import Keys
from proxy.accounting.recorder import Recorder
from proxy.config.schema import Config
from proxy.config.settings import GeneralSettings, PassThroughEndpoint, RetryPolicy
from proxy.config.sluice import SluiceSettings
from proxy.edge.asgi import AsgiApp
from proxy.edge.http1 import Doorway
from proxy.edge.limits import DoorLimits
from proxy.gateway.attempts import Attempts, AttemptSettings
from proxy.gateway.fallbacks import Fallbacks
from proxy.gateway.following import FollowingSettings
from proxy.gateway.holding import HoldSettings
from proxy.gateway.intake import IntakeLimits
from proxy.gateway.outbound import Sender
from proxy.gateway.pipeline import Pipeline
from proxy.gateway.retrying import Policy, RetryBudget
from proxy.gateway.routes import Custom, Routes, described
from proxy.gateway.waiting import WaitingRoom
from proxy.providers.table import deployments, env_deployment
from proxy.providers.url import origin
from proxy.routing.affinity import MemoryStore
from proxy.routing.router import Router, RouterSettings
from proxy.types import Deployment, Page, Secret
from proxy.upstream.client import Patience, UpstreamClient
from proxy.upstream.destination import Destination, Endpoint, Forwarding
from proxy.upstream.pool import Pool
from proxy.wire.reactor import Reactor

MEBIBYTE = 1024 * 1024
UNNAMED = ""
"""The group of deployments that no model name leads to."""
ORGANIZATION = b"openai-organization"


class Gateway:
    """One worker's parts, wired."""

    def __init__(self, config: Config, environ: Mapping[str, str], recorder: Recorder) -> None:
        """Raises ConfigError when the deployments cannot be made. Call it inside the worker's process."""
        limits = config.sluice_settings
        env = env_deployment(environ)
        served = [
            *deployments(config, environ),
            *map(_target, config.general_settings.pass_through_endpoints),
        ]
        self.by_id = {deployment.id: deployment for deployment in (*served, *([env] if env else []))}
        self.reactor = Reactor()
        self.pool = Pool(limits.upstream_idle_connections, limits.upstream_idle_timeout_s)
        self.recorder = recorder
        self.router = _router(config, served, env)
        self.pipeline = self._pipeline(config)
        self.doorway = Doorway(self.reactor, _door_limits(limits), self.pipeline.serve)
        self.app = AsgiApp(self.reactor, self.doorway.limits, self.pipeline.serve)

    @property
    def model_names(self) -> tuple[str, ...]:
        return tuple(name for name in self.router.model_names() if name != UNNAMED)

    def _pipeline(self, config: Config) -> Pipeline:
        general, limits = config.general_settings, config.sluice_settings
        forwards_organization = general.forward_openai_org_id is True
        destinations = {id_: _destination(d, forwards_organization) for id_, d in self.by_id.items()}
        client = UpstreamClient(self.reactor, self.pool)
        sender = Sender(_native_forwarding(general))
        attempts = Attempts(
            self.router,
            destinations,
            client,
            sender,
            _attempt_settings(config),
            _following_settings(config),
            RetryBudget(limits.retry_budget_percent, limits.retry_budget_min),
            WaitingRoom(limits.queue_limit, limits.queue_timeout_s),
        )
        customs = [_custom(endpoint) for endpoint in general.pass_through_endpoints]
        header = general.litellm_key_header_name
        return Pipeline(
            Routes(self._pages(customs), customs),
            Keys(general.master_key, header.lower().encode() if header else None),
            self.router,
            attempts,
            self.recorder,
            _intake_limits(config),
        )

    def _pages(self, customs: Sequence[Custom]) -> tuple[Page, ...]:
        router = self.router
        pages = control.pages(
            version=__version__,
            snapshot=lambda: router.snapshot(time.monotonic()),
            model_names=lambda: self.model_names,
            serves=lambda model: router.match(model) is not None,
            routes=lambda: [control.RouteInfo(*row) for row in described(customs)],
            draining=lambda: self.doorway.draining,
            probe=control.HttpProbe(self.by_id.get),
        )
        # What a lone `*` stands for only its upstream can list: the request passes through to it.
        lone_star = not self.model_names and any(d.group == "*" for d in self.by_id.values())
        return tuple(page for page in pages if not (lone_star and page.path.startswith(control.MODEL_PATHS)))


def _router(config: Config, served: Sequence[Deployment], env: Deployment | None) -> Router:
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
        store=MemoryStore(config.sluice_settings.remembered_objects),
        env_deployment=env,
    )


def _attempt_settings(config: Config) -> AttemptSettings:
    limits = config.sluice_settings
    return AttemptSettings(
        patience=Patience(
            connect_s=limits.connect_timeout_s,
            write_s=limits.upstream_write_timeout_s,
            first_byte_s=config.router_settings.timeout or config.litellm_settings.request_timeout,
            gap_s=limits.stream_gap_timeout_s,
        ),
        first_byte_limit_s=limits.first_byte_timeout_s or math.inf,
        response_headers=limits.response_headers,
        total_s=limits.total_timeout_s,
        first_token_s=limits.first_token_timeout_s,
        drain_s=limits.drain_limit_s,
        hold=HoldSettings(limits.probe_hold_s, int(limits.buffer_limit_mb * MEBIBYTE)),
        learns_limits=limits.learn_rate_limits,
    )


def _following_settings(config: Config) -> FollowingSettings:
    router, ours = config.router_settings, config.litellm_settings
    return FollowingSettings(
        num_retries=router.num_retries,
        policy=_policy(router.retry_policy),
        group_policies={group: _policy(policy) for group, policy in router.model_group_retry_policy.items()},
        wait_at_least_s=router.retry_after,
        fallbacks=Fallbacks(
            general=_lists(router.fallbacks or ours.fallbacks),
            default=router.default_fallbacks or ours.default_fallbacks,
            context_window=_lists(router.context_window_fallbacks or ours.context_window_fallbacks),
            content_policy=_lists(router.content_policy_fallbacks or ours.content_policy_fallbacks),
            most=router.max_fallbacks,
        ),
    )


def _policy(policy: RetryPolicy) -> Policy:
    return Policy(
        bad_request=policy.BadRequestErrorRetries,
        authentication=policy.AuthenticationErrorRetries,
        timeout=policy.TimeoutErrorRetries,
        rate_limit=policy.RateLimitErrorRetries,
        content_policy=policy.ContentPolicyViolationErrorRetries,
        server_error=policy.InternalServerErrorRetries,
    )


def _lists(written: Sequence[Mapping[str, Sequence[str]]]) -> dict[str, Sequence[str]]:
    """LiteLLM writes a list of mappings; the first that names a group counts."""
    return {group: groups for each in reversed(written) for group, groups in each.items()}


def _intake_limits(config: Config) -> IntakeLimits:
    return IntakeLimits(
        body_bytes=int(config.general_settings.max_request_size_mb * MEBIBYTE),
        peek_bytes=int(config.sluice_settings.peek_limit_mb * MEBIBYTE),
    )


def _door_limits(limits: SluiceSettings) -> DoorLimits:
    return DoorLimits(
        max_connections=limits.max_connections,
        header_bytes=limits.max_header_bytes,
        headers=limits.max_headers,
        header_timeout_s=limits.header_timeout_s,
        keep_alive_s=limits.keep_alive_timeout_s,
        body_timeout_s=limits.body_timeout_s,
        write_timeout_s=limits.write_timeout_s,
        stream_gap_s=limits.stream_gap_timeout_s,
    )


def _destination(deployment: Deployment, forwards_organization: bool) -> Destination:  # noqa: FBT001
    """`forward_openai_org_id: true`: the client's organization wins over the deployment's."""
    place = origin(deployment.api_base)
    endpoint = Endpoint(place.host, place.port, place.scheme == "https", deployment.ssl_verify)
    yielding = frozenset((ORGANIZATION,)) if forwards_organization else frozenset[bytes]()
    return Destination(deployment, endpoint, place.base_path, place.host_header, yielding)


def _native_forwarding(general: GeneralSettings) -> Forwarding:
    """What LiteLLM's two settings keep back when they are written as false."""
    withheld = frozenset((ORGANIZATION,)) if general.forward_openai_org_id is False else frozenset[bytes]()
    return Forwarding(withheld, extensions=general.forward_client_headers_to_llm_api is not False)


def _target(endpoint: PassThroughEndpoint) -> Deployment:
    """A target of its own is a deployment that only its path leads to."""
    return Deployment(
        id=f"pass_through:{endpoint.path}",
        group=UNNAMED,
        provider="target",
        model="*",
        api_base=endpoint.target.rstrip("/"),
        api_key=Secret(""),
        headers=tuple((name.encode(), value.reveal().encode()) for name, value in endpoint.headers.items()),
        timeout_s=endpoint.timeout,
        object_scope=f"pass_through:{endpoint.path}",
    )


def _custom(endpoint: PassThroughEndpoint) -> Custom:
    return Custom(
        path=endpoint.path.encode(),
        include_subpath=endpoint.include_subpath,
        auth=endpoint.auth,
        forward_headers=endpoint.forward_headers,
        methods=frozenset(method.encode() for method in endpoint.methods),
        scope=f"pass_through:{endpoint.path}",
    )
