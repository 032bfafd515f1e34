"""LiteLLM's three sections of settings, as far as they are honoured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

from proxy.config.fields import (
    Count,
    Dollars,
    HeaderName,
    HttpUrl,
    Megabytes,
    PeriodText,
    Positive,
    Seconds,
    SecondsOrZero,
    Section,
    Text,
    UrlPath,
)
from proxy.config.models import UpstreamParams
from proxy.config.sinks import S3Settings
from proxy.types import Secret, SessionAffinity

Strategy: TypeAlias = Literal[
    "simple-shuffle",
    "least-busy",
    "usage-based-routing",
    "usage-based-routing-v2",
    "latency-based-routing",
    "cost-based-routing",
    "lar1",
]
Fallbacks: TypeAlias = tuple[Mapping[str, tuple[Text, ...]], ...]
"""`[{group: [other, next]}]`"""
Method: TypeAlias = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


class Alias(Section, frozen=True, kw_only=True):
    """Another name for a group."""

    model: Text
    """The `model_name` meant."""
    hidden: bool = False
    """true: not listed by `/v1/models`."""


class RetryPolicy(Section, frozen=True, kw_only=True):
    """Further attempts by what failed, in place of `num_retries`. Names are LiteLLM's."""

    BadRequestErrorRetries: Count | None = None
    """After a 400 or 422; without it none."""
    AuthenticationErrorRetries: Count | None = None
    """After a 401 or 403, on other keys only."""
    TimeoutErrorRetries: Count | None = None
    """After a 408, or an upstream that was too slow."""
    RateLimitErrorRetries: Count | None = None
    """After a 429."""
    ContentPolicyViolationErrorRetries: Count | None = None
    """After a content filter's refusal; without it none."""
    InternalServerErrorRetries: Count | None = None
    """After a 5xx, a refused connection or a broken answer."""


class AllowedFailsPolicy(Section, frozen=True, kw_only=True):
    """Failures in a row before a deployment rests, by what failed, in place of `allowed_fails`: the smaller counts."""

    TimeoutErrorAllowedFails: Count | None = None
    """Upstreams that were too slow."""
    InternalServerErrorAllowedFails: Count | None = None
    """5xx and broken answers."""


class RouterSettings(Section, frozen=True, kw_only=True):
    """Which deployment gets a request, and what happens when it fails."""

    routing_strategy: Strategy = "simple-shuffle"
    """How a deployment is chosen: `simple-shuffle` (weighted turns), `least-busy`, `latency-based-routing`,
    `usage-based-routing` or `cost-based-routing`."""
    session_affinity: SessionAffinity | None = None
    """Whether a conversation stays with one project, which has its prompt cached: `header`, when its client names it;
    `auto`, also when it does not, by how it begins; `off`. Without it `header`."""
    optional_pre_call_checks: tuple[Text, ...] = ()
    """LiteLLM's: `prompt_caching` means `session_affinity: auto`. Others have no effect."""
    num_retries: Count = 2
    """Further attempts after the first, on other deployments where there are any."""
    retry_policy: RetryPolicy = RetryPolicy()
    """Further attempts by what failed."""
    model_group_retry_policy: Mapping[str, RetryPolicy] = {}
    """`retry_policy` of single groups."""
    retry_after: SecondsOrZero = 0.0
    """Seconds to wait at least before a deployment that failed is tried again for the same request."""
    fallbacks: Fallbacks = ()
    """Groups to turn to when one fails: `[{group: [other, next]}]`; `"*"` stands for every group."""
    default_fallbacks: tuple[Text, ...] = ()
    """Groups to turn to when a group without `fallbacks` fails."""
    context_window_fallbacks: Fallbacks = ()
    """Groups to turn to when a prompt is too long."""
    content_policy_fallbacks: Fallbacks = ()
    """Groups to turn to when a content filter refuses; without it the refusal is the answer."""
    max_fallbacks: Count = 5
    """Groups turned to for one request, at most."""
    timeout: Seconds | None = None
    """Seconds a request may take; without it `litellm_settings.request_timeout`."""
    stream_timeout: Seconds | None = None
    """Seconds until the first byte of a streamed answer; without it `timeout`."""
    allowed_fails: Count = 3
    """Failures in a row before a deployment rests."""
    allowed_fails_policy: AllowedFailsPolicy = AllowedFailsPolicy()
    """`allowed_fails` by what failed."""
    cooldown_time: SecondsOrZero = 5.0
    """Seconds a failing deployment rests, the first time."""
    disable_cooldowns: bool = False
    """true: no deployment rests, however it fails."""
    model_group_alias: Mapping[str, Alias] = {}
    """Other names of groups: `alias: group` or `alias: {model: group, hidden: true}`."""
    default_max_parallel_requests: Positive | None = None
    """Requests in flight at once per deployment that does not say; without it no limit."""
    default_litellm_params: UpstreamParams = UpstreamParams()
    """Keys of `litellm_params` for every entry that does not say."""


class LitellmSettings(Section, frozen=True, kw_only=True):
    """Settings of LiteLLM's own module."""

    request_timeout: Seconds = 600.0
    """Seconds a request may take: as OpenAI's SDKs wait."""
    num_retries: Count | None = None
    """As `router_settings.num_retries`, which wins."""
    allowed_fails: Count | None = None
    """As `router_settings.allowed_fails`, which wins."""
    cooldown_time: SecondsOrZero | None = None
    """As `router_settings.cooldown_time`, which wins."""
    fallbacks: Fallbacks = ()
    """As `router_settings.fallbacks`, which wins."""
    default_fallbacks: tuple[Text, ...] = ()
    """As `router_settings.default_fallbacks`, which wins."""
    context_window_fallbacks: Fallbacks = ()
    """As `router_settings.context_window_fallbacks`, which wins."""
    content_policy_fallbacks: Fallbacks = ()
    """As `router_settings.content_policy_fallbacks`, which wins."""
    enable_azure_ad_token_refresh: bool = False
    """true: Azure entries without a key take the identity of the workload or machine that this runs at."""
    drop_params: bool = False
    """true: chat parameters that an upstream's provider refuses are left out, and not refused here."""
    modify_params: bool = False
    """true: what a provider would refuse is changed: more tokens asked for than the model writes; for Anthropic calls
    without results and the like (docs/translation.md)."""
    sse_keepalive_ping_interval_seconds: SecondsOrZero | None = None
    """As `sluice_settings.sse_keepalive_s`, which wins."""
    max_budget: Dollars | None = None
    """US dollars that all requests together may cost in each period; without it no limit."""
    budget_duration: PeriodText | None = None
    """The period of `max_budget`: `1h`, `1d`, `30d`; without it all time."""
    budget_exceeded_status_code: Literal[422, 429] = 429
    """The status for who has spent its budget: LiteLLM's is 422; 429 is the one that clients understand."""
    timezone: Text = "UTC"
    """The zone of budgets' days, weeks and months, as `Europe/Berlin`."""
    json_logs: bool = False
    """true: logs are JSON, on a terminal too."""
    success_callback: tuple[Text, ...] = ()
    """Sinks that get the records of good answers: `webhook`, `langfuse`, `otel`, `s3`, `file`, or `module.object`."""
    failure_callback: tuple[Text, ...] = ()
    """Sinks that get those of all others."""
    callbacks: tuple[Text, ...] = ()
    """Sinks that get all records."""
    s3_callback_params: S3Settings = S3Settings()
    """Where the sink `s3` puts them."""
    require_auth_for_metrics_endpoint: bool = True
    """false: `/metrics` asks for no key."""
    ssl_verify: bool | str = True
    """false: upstream certificates are not checked. A path: the CA bundle to trust."""


class PassThroughEndpoint(Section, frozen=True, kw_only=True):
    """A path of the gateway that goes to a target of its own."""

    path: UrlPath
    """The path that clients ask for."""
    target: HttpUrl
    """The URL that it goes to."""
    headers: Mapping[HeaderName, Secret] = {}
    """Headers sent to the target; values may hold `os.environ/NAME` anywhere."""
    include_subpath: bool = False
    """true: what follows `path` is appended to the target."""
    auth: bool = True
    """true: a key of the gateway is asked for."""
    forward_headers: bool = False
    """true: the client's headers are sent on, without credentials and identities."""
    methods: tuple[Method, ...] = ()
    """Methods served; none written: all."""
    timeout: Seconds | None = None
    """Seconds a request may take; without it `litellm_settings.request_timeout`."""
    place: int = 0
    """In its list, as it is written."""


class GeneralSettings(Section, frozen=True, kw_only=True):
    """The gateway itself."""

    master_key: Secret | None = None
    """The key that clients send; without it `LITELLM_MASTER_KEY` of the environment."""
    forward_openai_org_id: bool | None = None
    """true: the client's `OpenAI-Organization` wins over the deployment's. false: it is not sent on. Without it, it is
    sent on where the deployment has none."""
    forward_client_headers_to_llm_api: bool | None = None
    """false: the client's `x-*` headers are not sent on, on routes that are not passed through."""
    pass_through_endpoints: tuple[PassThroughEndpoint, ...] = ()
    """Paths with targets of their own."""
    max_request_size_mb: Megabytes = 64.0
    """MiB of the largest request body."""
    litellm_key_header_name: HeaderName | None = None
    """The header that carries the client's key, in place of `Authorization`. It is never sent on."""
