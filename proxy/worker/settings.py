"""What each part is told of the configuration: its own few values, so that no part sees all of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from proxy.access.identity import ModelBudget, VirtualKey, key_name, token_of
from proxy.access.periods import moment, zone_of
from proxy.config.errors import ConfigError
from proxy.config.identities import KeySettings
from proxy.config.schema import Config
from proxy.config.settings import GeneralSettings, PassThroughEndpoint
from proxy.config.sluice import SluiceSettings
from proxy.edge.limits import DoorLimits
from proxy.gateway.accounts.estimate import Quote, Quoted
from proxy.gateway.accounts.plans import PlanSettings
from proxy.gateway.reading.budget import Budget
from proxy.gateway.reading.intake_limits import IntakeLimits
from proxy.gateway.reading.routes import Custom
from proxy.gateway.reading.spool import SpoolLimits
from proxy.gateway.reading.tenancy import Tenancy
from proxy.gateway.telling.cors import ANY
from proxy.gateway.telling.holding import HoldSettings
from proxy.gateway.trying.following import FollowingSettings
from proxy.gateway.trying.lane import AttemptSettings
from proxy.pricing.book import PriceBook, priced_by
from proxy.providers.dialect import ANTHROPIC_VERSION, own_headers
from proxy.providers.native import native_headers, root
from proxy.providers.retrying import policy_of
from proxy.providers.url import origin
from proxy.routing.configured import fallbacks_of
from proxy.storage.conversations import ConversationLimits
from proxy.storage.file import StateLimits
from proxy.storage.objects import ObjectLimits
from proxy.storage.records import RowLimits
from proxy.storage.retention import RetentionLimits
from proxy.storage.rollups import DAY_S
from proxy.types import Deployment, Secret, SessionAffinity, Trying
from proxy.upstream.destination import Destination, Endpoint, Forwarding
from proxy.upstream.outbound import Patience
from proxy.wire.tls import bundle_mark

MEBIBYTE = 1024 * 1024
UNNAMED = ""
"""The group of deployments that no model name leads to."""
CORS_VARIABLE = "LITELLM_CORS_ORIGINS"
"""LiteLLM's: origins, separated by commas."""
ORGANIZATION = b"openai-organization"


def attempt_settings(config: Config) -> AttemptSettings:
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
        asks_usage=limits.ask_stream_usage,
        drain_s=limits.drain_limit_s,
        hold=HoldSettings(
            limits.probe_hold_s, int(limits.buffer_limit_mb * MEBIBYTE), int(limits.held_answer_kb * 1024)
        ),
    )


def following_settings(config: Config) -> FollowingSettings:
    router = config.router_settings
    return FollowingSettings(
        num_retries=router.num_retries,
        policy=policy_of(router.retry_policy),
        group_policies={
            group: policy_of(policy) for group, policy in router.model_group_retry_policy.items()
        },
        wait_at_least_s=router.retry_after,
        fallbacks=fallbacks_of(config),
    )


def origins_allowed(config: Config, environ: Mapping[str, str]) -> Sequence[str]:
    origins = config.sluice_settings.cors_allow_origins
    if origins is not None:
        return origins
    named = environ.get(CORS_VARIABLE, "").split(",")
    by_default = [ANY] if config.general_settings.master_key else []
    return [origin.strip() for origin in named if origin.strip()] or by_default


def intake_limits(config: Config, memory: Budget, disk: Budget) -> IntakeLimits:
    ours = config.sluice_settings
    form = SpoolLimits(
        memory_bytes=int(ours.peek_limit_mb * MEBIBYTE),
        size_bytes=int(ours.form_limit_mb * MEBIBYTE),
        folder=ours.spool_folder,
    )
    return IntakeLimits(
        body_bytes=int(config.general_settings.max_request_size_mb * MEBIBYTE),
        form=form,
        ratio=ours.max_compression_ratio,
        memory=memory,
        disk=disk,
        page_bytes=int(ours.page_body_mb * MEBIBYTE),
    )


def door_limits(limits: SluiceSettings) -> DoorLimits:
    return DoorLimits(
        max_connections=limits.max_connections,
        header_bytes=limits.max_header_bytes,
        headers=limits.max_headers,
        header_timeout_s=limits.header_timeout_s,
        keep_alive_s=limits.keep_alive_timeout_s,
        body_timeout_s=limits.body_timeout_s,
        write_timeout_s=limits.write_timeout_s,
        stream_gap_s=limits.stream_gap_timeout_s,
        head_memory_bytes=int(limits.head_memory_mb * MEBIBYTE),
    )


def destination_of(deployment: Deployment, forwards_organization: bool) -> Destination:  # noqa: FBT001
    """`forward_openai_org_id: true`: the client's organization wins over the deployment's."""
    place = origin(deployment.api_base)
    secure = place.scheme == "https"
    bundle = bundle_mark(deployment.ssl_verify) if secure else ""
    endpoint = Endpoint(place.host, place.port, secure, deployment.ssl_verify, bundle)
    yielding = frozenset((ORGANIZATION,)) if forwards_organization else frozenset[bytes]()
    own = own_headers(deployment)
    if ANTHROPIC_VERSION in own and ANTHROPIC_VERSION not in deployment.headers:
        yielding |= {ANTHROPIC_VERSION[0]}
    destination = Destination(deployment, endpoint, place.base_path, place.host_header, yielding, own)
    base = root(deployment)
    if base is not None:
        native = native_headers(deployment)
        destination.through = Destination(deployment, endpoint, base, place.host_header, yielding, native)
    return destination


def native_forwarding(general: GeneralSettings, everything: Forwarding) -> Forwarding:
    """What LiteLLM's two settings keep back when they are written as false."""
    names = frozenset((ORGANIZATION,)) if general.forward_openai_org_id is False else frozenset[bytes]()
    extensions = general.forward_client_headers_to_llm_api is not False
    return msgspec.structs.replace(everything, withheld=names, extensions=extensions)


def pass_through_target(endpoint: PassThroughEndpoint) -> Deployment:
    """A target of its own is a deployment that only its path leads to."""
    return Deployment(
        id=f"pass_through:{endpoint.path}",
        group=UNNAMED,
        provider="target",
        model="*",
        api_base=endpoint.target.rstrip("/"),
        api_key=Secret(""),
        headers=tuple((name.encode(), value.reveal().encode()) for name, value in endpoint.headers.items()),
        trying=Trying(timeout_s=endpoint.timeout),
        whole_api=False,
        object_scope=f"pass_through:{endpoint.path}",
    )


def pass_through_route(endpoint: PassThroughEndpoint) -> Custom:
    return Custom(
        path=endpoint.path.encode(),
        include_subpath=endpoint.include_subpath,
        auth=endpoint.auth,
        forward_headers=endpoint.forward_headers,
        methods=frozenset(method.encode() for method in endpoint.methods),
        scope=f"pass_through:{endpoint.path}",
    )


def price_book(config: Config) -> PriceBook:
    """Raises ConfigError for a price file that cannot be used."""
    name = config.sluice_settings.price_file
    if name is None:
        return PriceBook()
    try:
        return PriceBook(priced_by(Path(name).read_bytes()), name)
    except OSError as error:
        raise ConfigError(f"price_file {name}: cannot be read: {error.strerror}") from None


def rotates(config: Config) -> bool:
    """Somebody is given the new secrets of keys."""
    wanted = config.sluice_settings.key_rotation
    return wanted.folder is not None or wanted.webhook


def tenancy_of(config: Config) -> Tenancy:
    limits = config.sluice_settings
    return Tenancy(limits.object_tenancy, limits.object_lists, limits.object_list_pages)


def plan_settings(config: Config) -> PlanSettings:
    general = config.litellm_settings
    return PlanSettings(zone_of(general.timezone), general.max_budget, general.budget_duration)


def quotes(book: PriceBook) -> Quote:
    """What a deployment's model costs, and how long its answers may be."""

    def quote(deployment: Deployment, model: str | None) -> Quoted:
        found = book.find(deployment, model)
        return Quoted(found.prices, None if found.model is None else found.model.max_output_tokens)

    return quote


def state_limits(config: Config) -> StateLimits:
    ours = config.sluice_settings
    return StateLimits(flush_s=ours.state_flush_s, queue=ours.state_queue)


def configured_keys(config: Config) -> list[VirtualKey]:
    """Those that the file writes."""
    return [_configured_key(key) for key in config.sluice_settings.keys]


def reserved_secrets(config: Config) -> list[str]:
    """What opens more than any virtual key: as such a key's secret it would outlive its own exchange."""
    found = (config.general_settings.master_key, config.sluice_settings.metrics_token)
    return [secret.reveal() for secret in found if secret is not None]


def _configured_key(written: KeySettings) -> VirtualKey:
    fields = {name: getattr(written, name) for name in KeySettings.__struct_fields__ if name != "key"}
    secret, expires = written.key.reveal(), written.expires
    token = token_of(secret.encode())
    fields["expires"] = None if expires is None else moment(expires)
    fields["model_max_budget"] = {
        model: ModelBudget(max_budget=budget.max_budget, budget_duration=budget.budget_duration)
        for model, budget in written.model_max_budget.items()
    }
    return VirtualKey(id=token, token=token, key_name=key_name(secret), created_by="configuration", **fields)


def row_limits(config: Config) -> RowLimits:
    ours = config.sluice_settings
    return RowLimits(queue=ours.records_queue, flush_s=ours.state_flush_s)


def retention_limits(config: Config) -> RetentionLimits:
    ours = config.sluice_settings
    return RetentionLimits(
        records_s=ours.records_keep_days * DAY_S,
        size_bytes=int(ours.records_keep_mb * MEBIBYTE),
        days=int(ours.spend_keep_days),
    )


def conversation_limits(config: Config) -> ConversationLimits:
    ours = config.sluice_settings
    return ConversationLimits(ours.conversations_keep, ours.conversations_keep_days * DAY_S)


def object_limits(config: Config) -> ObjectLimits:
    ours = config.sluice_settings
    return ObjectLimits(ours.remembered_objects, ours.objects_keep, ours.objects_keep_days * DAY_S)


def session_affinity(config: Config) -> SessionAffinity:
    settings = config.router_settings
    by_litellm: SessionAffinity = (
        "auto" if "prompt_caching" in settings.optional_pre_call_checks else "header"
    )
    return settings.session_affinity or by_litellm
