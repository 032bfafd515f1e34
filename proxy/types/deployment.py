"""What the router picks, and what each room reads of it."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Literal, TypeAlias

import msgspec

from proxy.types.credentials import Secret, SigningKey, TokenSource
from proxy.types.headers import Headers

SessionAffinity: TypeAlias = Literal["auto", "header", "off"]
"""What makes requests one conversation, which stays with one project: its client's name for it, or else how it begins;
only the name; nothing."""


class StreamMode(enum.Enum):
    """When a streamed answer begins to reach its client, and so how long it can still fail over."""

    LIVE = "live"
    """From its first byte."""
    PROBE = "probe"
    """From its first content, or after a while."""
    BUFFERED = "buffered"
    """Once it is whole."""


class Share(msgspec.Struct, frozen=True):
    """How much of its group's traffic a deployment takes: the router's."""

    weight: int = 1
    order: int = 0
    """Lower tiers are used first; a higher tier only when the lower have nothing usable."""
    rpm: int | None = None
    tpm: int | None = None
    max_parallel_requests: int | None = None
    cooldown_s: float | None = None
    """How long it first rests after failing; None: as long as all do, 0: never."""


class Trying(msgspec.Struct, frozen=True):
    """How long an attempt is waited for, and how often another follows. None: as for all."""

    timeout_s: float | None = None
    stream_timeout_s: float | None = None
    first_token_timeout_s: float | None = None
    """Until the first piece of a streamed answer's body."""
    num_retries: int | None = None
    """Further attempts after a failure here."""


class Streaming(msgspec.Struct, frozen=True):
    """How a streamed answer reaches its client."""

    mode: StreamMode = StreamMode.LIVE
    keepalive_s: float = 0.0
    """How long its client hears nothing before it is sent an SSE comment; 0: it never is."""
    drains: bool = False
    """When the client leaves, the answer is read on, so that its usage is known; else it is cut off."""


class Price(msgspec.Struct, frozen=True):
    """What is written of what it costs."""

    input_per_token: float = 0.0
    """US dollars, for the router that looks for the cheapest."""
    output_per_token: float = 0.0
    written: Mapping[str, object] = {}
    """US dollars, by LiteLLM's names."""
    base_model: str | None = None
    """The model behind its name."""


class Abilities(msgspec.Struct, frozen=True):
    """What its model is known to take."""

    mode: str | None = None
    """What the model is for, as `model_info` says; shown, not used."""
    max_input_tokens: int | None = None
    lacks: frozenset[str] = frozenset()
    """What it is known to refuse, of routing.features: `vision`, `tools` ..."""
    endpoints: frozenset[str] | None = None
    """What its upstream has beside chat, as the operator says: `/responses`, `/messages` ... None: not said."""
    system_messages: bool = True
    """False: a chat's system messages are sent as the user's."""


class Parameters(msgspec.Struct, frozen=True):
    """Which of chat's parameters an upstream takes, and what becomes of the others."""

    renames: Mapping[str, str] = {}
    """OpenAI's name -> the upstream's."""
    refuses: frozenset[str] = frozenset()
    """A request that holds one is refused here, by name, unless `drops`."""
    omits: frozenset[str] = frozenset()
    """Left out: the answer is the same without."""
    drops: bool = False
    """What the upstream refuses is left out."""
    removed: tuple[str, ...] = ()
    """Left out of every request: names, or paths such as `tools[*].strict`."""
    allowed: frozenset[str] = frozenset()
    """Sent under their own names, whatever is known of the upstream."""
    modifies: bool = False
    """What the upstream would refuse as it is may be changed (`modify_params`)."""


class Deployment(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    """One upstream key, base URL and model: what the router picks. Identity only; its state lives in routing.

    `eq=False`: a deployment is itself, and hashes by identity.
    """

    id: str
    """Stable over reloads: `model_info.id`, or a hash of what identifies it."""
    group: str
    """The public `model_name` it serves; may hold a `*`."""
    origin: str = ""
    """What a person finds it by, beside the id: `config.yaml:12 OPENAI_API_KEY_2`, the entry's line and its key's
    variable."""
    provider: str
    """LiteLLM's name of it: `openai`, `groq`, `azure` ..."""
    model: str
    """The upstream's name of the model; `*` takes what the group's `*` matched."""
    api_base: str
    """Absolute http(s) URL, no trailing slash; request paths are appended after their `/v1` is cut."""
    api_key: Secret
    token: TokenSource | None = None
    """In place of `api_key`: whose tokens it is asked with."""
    signing: SigningKey | None = None
    """In place of `api_key`: each request is signed."""
    api_version: str | None = None
    """Azure's."""
    organization: str | None = None
    headers: Headers = ()
    """Sent on every request, replacing the client's headers of the same name."""
    unservable: str | None = None
    """Why nothing is sent to it: its provider is not served, a variable is not set. None: it is served."""
    share: Share = Share()
    trying: Trying = Trying()
    streaming: Streaming = Streaming()
    price: Price = Price()
    abilities: Abilities = Abilities()
    ssl_verify: bool | str = True
    """False: certificates are not checked. A string: path of a CA bundle."""
    use_in_pass_through: bool = False
    mock_response: str | None = None
    default_params: Mapping[str, msgspec.Raw] = {}
    """JSON values added to a request body that does not hold the key."""
    parameters: Parameters = Parameters()
    whole_api: bool = True
    """It has OpenAI's API with files and threads, so requests that name no model may be meant for it."""
    object_scope: str
    """Deployments of one scope see each other's objects (files, threads ...): keys of one project."""

    @property
    def called(self) -> str:
        """For logs: the id, and what a person finds it by."""
        return f"{self.id} ({self.origin})" if self.origin else self.id

    def __repr__(self) -> str:
        # Header values may be credentials.
        return f"Deployment(id={self.id!r}, group={self.group!r}, model={self.model!r}, api_base={self.api_base!r})"
