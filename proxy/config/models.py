"""`model_list`: which upstream serves which public name, and `credential_list`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from proxy.config.fields import (
    Cost,
    Count,
    HeaderName,
    HttpUrl,
    Mode,
    Positive,
    Seconds,
    SecondsOrZero,
    Section,
    Text,
    Weight,
)
from proxy.types import Secret


class UpstreamParams(Section, frozen=True, kw_only=True):
    """What a deployment, a credential and `default_litellm_params` may all say, beside OpenAI's own parameters."""

    api_key: Secret | None = None
    """The upstream's key; without it the provider's variable, as `OPENAI_API_KEY`. `""`: none is sent."""
    api_base: HttpUrl | None = None
    """The upstream's URL (also `base_url`); without it the provider's variable, as `OPENAI_BASE_URL`, then its own."""
    api_version: Text | None = None
    """Azure's, or `v1` for its newer API; without it `AZURE_API_VERSION`."""
    azure_ad_token: Secret | None = None
    """Azure: a token of Entra's in place of a key; it is not renewed."""
    tenant_id: Text | None = None
    """Azure: of a client of Entra's, whose tokens are renewed before they end; also `AZURE_TENANT_ID`."""
    client_id: Text | None = None
    """Azure: that client, or a managed identity's; also `AZURE_CLIENT_ID`."""
    client_secret: Secret | None = None
    """Azure: that client's secret; also `AZURE_CLIENT_SECRET`."""
    azure_scope: Text | None = None
    """Azure: what tokens are for, if not Azure's AI services."""
    aws_access_key_id: Secret | None = None
    """Bedrock: signs requests, in place of a Bedrock key; also `AWS_ACCESS_KEY_ID`."""
    aws_secret_access_key: Secret | None = None
    """Bedrock: as above; also `AWS_SECRET_ACCESS_KEY`."""
    aws_session_token: Secret | None = None
    """Bedrock: of a session's keys; also `AWS_SESSION_TOKEN`."""
    aws_region_name: Text | None = None
    """Bedrock; also `AWS_REGION_NAME`, `AWS_REGION`. Without it `us-east-1`."""
    vertex_project: Text | None = None
    """Vertex AI: the project's id; also `VERTEXAI_PROJECT`."""
    vertex_location: Text | None = None
    """Vertex AI; also `VERTEXAI_LOCATION`. Without it `us-central1`."""
    vertex_credentials: Secret | None = None
    """Vertex AI: path of a key file, or its JSON; also `GOOGLE_APPLICATION_CREDENTIALS`. Without it the machine's."""
    organization: tuple[Text, ...] = ()
    """OpenAI organization, one or a list: a list makes one deployment of each."""
    custom_llm_provider: Text | None = None
    """The provider, when `model` has no such prefix: docs/providers.md lists them."""
    headers: Mapping[HeaderName, Secret] = {}
    """Headers sent on every request, in place of the client's of the same name."""
    extra_headers: Mapping[HeaderName, Secret] = {}
    """As `headers`; wins where both name a header."""
    weight: Weight | None = None
    """Share of the group's requests, relative to its other deployments."""
    rpm: Count | None = None
    """Requests a minute the key allows: the weight, where no deployment of the group has one."""
    tpm: Count | None = None
    """Tokens a minute the key allows: the weight, where no deployment has a `weight` or `rpm`."""
    order: Count | None = None
    """Tier: lower ones are used first, higher ones when the lower have nothing usable."""
    timeout: Seconds | None = None
    """Seconds a request may take; without it `router_settings.timeout`."""
    stream_timeout: Seconds | None = None
    """Seconds until the first byte of a streamed answer; without it `router_settings.stream_timeout`."""
    first_token_timeout: Seconds | None = None
    """Seconds until a stream's body begins; without it `sluice_settings.first_token_timeout_s`."""
    stream_mode: Mode | None = None
    """`live`, `probe` or `buffered`; without it `sluice_settings.stream_mode`."""
    keepalive_seconds: SecondsOrZero | None = None
    """Seconds of silence before a stream's client is sent a comment; without it `sluice_settings.sse_keepalive_s`."""
    on_disconnect: Literal["cancel", "drain"] | None = None
    """What becomes of the answer when its client leaves; without it `sluice_settings.on_disconnect`."""
    input_cost_per_token: Cost | None = None
    """US dollars a prompt token costs; without it `model_info`'s, then the price file's, then the shipped table's."""
    output_cost_per_token: Cost | None = None
    """US dollars a completion token costs, likewise. LiteLLM's other names of prices may stand beside."""
    max_parallel_requests: Positive | None = None
    """Requests in flight at once; without it `router_settings.default_max_parallel_requests`."""
    cooldown_time: SecondsOrZero | None = None
    """Seconds a failing deployment rests; without it `router_settings.cooldown_time`."""
    ssl_verify: bool | str | None = None
    """false: certificates are not checked. A path: the CA bundle to trust. Without it `litellm_settings.ssl_verify`."""
    supports_system_message: bool = True
    """false: the text of system messages is sent in the next user message."""
    use_in_pass_through: bool = False
    """true: serves `/openai/...` requests that name no model."""
    num_retries: Count | None = None
    """Further attempts after a failure here (also `max_retries`); without it `router_settings.num_retries`."""
    extra_body: Mapping[str, object] = {}
    """Further parameters of the upstream's own, added to requests that do not hold them."""
    drop_params: bool | None = None
    """true: chat parameters that the provider refuses are left out; without it `litellm_settings.drop_params`."""
    additional_drop_params: tuple[Text, ...] = ()
    """Parameters left out of every request: names, or paths such as `tools[*].strict`."""
    allowed_openai_params: tuple[Text, ...] = ()
    """Parameters that are sent although the provider is said to refuse them."""
    mock_response: str | None = None
    """Answer chat requests with this text, without asking an upstream."""
    base_model: Text | None = None
    """As in `model_info`."""
    prices: Mapping[str, object] = {}
    """LiteLLM's other names of prices among these keys, and the US dollars."""
    default_params: Mapping[str, msgspec.Raw] = {}
    """Parameters of requests written among these keys, and `extra_body`, as JSON: added where the client sent none."""


class Origin(msgspec.Struct, frozen=True):
    """What a person finds an entry by."""

    where: str = ""
    """`config.yaml:12`; empty: it stands in no file."""
    variable: str | None = None
    """The variable that its key was read from."""


class Flaw(msgspec.Struct, frozen=True):
    """Why an entry cannot be served; the others can."""

    key: tuple[str | int, ...]
    """Below the entry: `("litellm_params", "api_key")`."""
    text: str


class LitellmParams(UpstreamParams, frozen=True, kw_only=True):
    """How one deployment is reached."""

    model: Text
    """The upstream's model, after its provider (`openai/`, `groq/` ...); `*` takes what the group's `*` matched."""
    litellm_credential_name: Text | None = None
    """An entry of `credential_list` that fills in what is not written here."""


class ModelInfo(Section, frozen=True, kw_only=True):
    """What is known about the model. LiteLLM's other names are accepted and kept out."""

    id: Text | None = None
    """Name of the deployment in logs and metrics, unique in the file; without it a hash of what identifies it."""
    mode: Text | None = None
    """`chat`, `embedding`, `image_generation` ...: what the model is for."""
    base_model: Text | None = None
    """The model whose prices hold, where the upstream's own name does not tell: `azure/gpt-4o`."""
    max_input_tokens: Positive | None = None
    """Tokens of the longest prompt: a longer one does not fall back to this deployment."""
    supports_function_calling: bool | None = None
    """false: requests with tools do not fall back to this deployment."""
    supports_vision: bool | None = None
    """false: requests with images do not fall back to this deployment."""
    supports_audio_input: bool | None = None
    """false: requests with audio do not fall back to this deployment."""
    supports_response_schema: bool | None = None
    """false: requests with a JSON schema do not fall back to this deployment."""
    supports_assistant_prefill: bool | None = None
    """false: requests whose last message is the assistant's do not fall back to this deployment."""
    supported_endpoints: tuple[Text, ...] | None = None
    """What its upstream has beside chat: `/v1/responses`, `/v1/completions`, `/v1/messages` go there as they come where
    they are listed, and are said as chats where not. Without it what is known of its provider."""
    input_cost_per_token: Cost | None = None
    """As in `litellm_params`."""
    output_cost_per_token: Cost | None = None
    """As in `litellm_params`."""
    prices: Mapping[str, object] = {}
    """As in `litellm_params`."""
    object_scope: Text | None = None
    """Deployments of one scope see each other's files and threads: name it alike for keys of one OpenAI project."""


class ModelEntry(Section, frozen=True, kw_only=True):
    """One deployment of a public name."""

    model_name: Text
    """The name that clients ask for; entries of one name share its requests. May hold one `*`."""
    litellm_params: LitellmParams
    """How it is reached."""
    model_info: ModelInfo = ModelInfo()
    """What is known about it."""
    rpm: Count | None = None
    """As in `litellm_params`, where older files have it not."""
    tpm: Count | None = None
    """As `rpm`."""
    origin: Origin = Origin()
    """Where it was written."""
    flaw: Flaw | None = None
    """A variable of it that is not set."""


class Credential(Section, frozen=True, kw_only=True):
    """Values that several entries share by `litellm_credential_name`."""

    credential_name: Text
    """The name that entries refer to."""
    credential_values: UpstreamParams = UpstreamParams()
    """Keys of `litellm_params`; an entry's own win."""
    credential_info: Mapping[str, object] = {}
    """Notes; not used."""
