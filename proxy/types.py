"""The words that every room shares: immutable values, no behaviour beyond reading them."""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable, Mapping
from typing import Literal, Protocol, TypeAlias

import msgspec

Header: TypeAlias = tuple[bytes, bytes]
"""(name as sent, value without surrounding blanks)"""
Headers: TypeAlias = tuple[Header, ...]


SessionAffinity: TypeAlias = Literal["auto", "header", "off"]
"""What makes requests one conversation, which stays with one project: its client's name for it, or else how it begins;
only the name; nothing."""


class Secret:
    """A credential whose text shows up nowhere by accident: `repr`, `str` and f-strings give `***`."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The credential itself. Call it only where it goes on the wire or into a hash."""
        return self._text

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)


class StreamMode(enum.Enum):
    """When a streamed answer begins to reach its client, and so how long it can still fail over."""

    LIVE = "live"
    """From its first byte."""
    PROBE = "probe"
    """From its first content, or after a while."""
    BUFFERED = "buffered"
    """Once it is whole."""


class Ask(msgspec.Struct, frozen=True):
    """A request to whoever gives tokens. Body and headers hold secrets: they are never shown."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes = b""


class TokenSource(msgspec.Struct, frozen=True, kw_only=True):
    """By what a deployment gets the next of its credentials, which end. Those that are equal share one."""

    file: str | None = None
    """Read for each question."""

    def ask(self, file: bytes, now_unix: float) -> Ask:
        """With what `file` holds. Raises providers.tokens.asking.TokenRefused where nothing can be asked."""
        raise NotImplementedError


class SigningKey(msgspec.Struct, frozen=True, kw_only=True):
    """AWS's: each request is signed with it."""

    access_key: str
    secret: Secret
    session: Secret | None = None
    region: str
    service: str


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
    """Messages may be changed where the upstream would refuse them as they are (`modify_params`)."""


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
    num_retries: int | None = None
    """Further attempts after a failure here; None: as many as for all."""
    weight: int = 1
    order: int = 0
    """Lower tiers are used first; a higher tier only when the lower have nothing usable."""
    rpm: int | None = None
    tpm: int | None = None
    max_parallel_requests: int | None = None
    timeout_s: float | None = None
    stream_timeout_s: float | None = None
    first_token_timeout_s: float | None = None
    """Until the first piece of a streamed answer's body."""
    stream_mode: StreamMode = StreamMode.LIVE
    keepalive_s: float = 0.0
    """How long a stream's client hears nothing before it is sent an SSE comment; 0: it never is."""
    drains: bool = False
    """When the client leaves, the answer is read on, so that its usage is known; else it is cut off."""
    input_cost_per_token: float = 0.0
    output_cost_per_token: float = 0.0
    prices: Mapping[str, object] = {}
    """What is written of its prices: US dollars, by LiteLLM's names."""
    base_model: str | None = None
    """The model behind its name, for prices."""
    max_input_tokens: int | None = None
    mode: str | None = None
    """What the model is for, as `model_info` says; shown, not used."""
    lacks: frozenset[str] = frozenset()
    """What it is known to refuse, of routing.features: `vision`, `tools` ..."""
    cooldown_s: float | None = None
    ssl_verify: bool | str = True
    """False: certificates are not checked. A string: path of a CA bundle."""
    supports_system_message: bool = True
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


class Moment(msgspec.Struct, frozen=True, eq=False):
    """What a translation needs to know beside the request and its deployment."""

    now_unix: int = 0
    call_id: str = ""
    """The gateway's own: what it answers with an id of its own has it from here."""
    max_tokens: int | None = None
    """The most that the model writes; None: not known."""
    before: tuple[msgspec.Raw, ...] = ()
    """What was said before the request: items of /responses."""
    keep: Callable[[str, list[object]], None] | None = None
    """Told the id of an answer that may be gone on from, and the whole conversation with it."""


class StreamTranslator(Protocol):
    """One streamed answer's. Pure: what comes in any split goes out in the client's language."""

    def feed(self, payload: bytes) -> bytes:
        """What can be said by now, in whole events; `b""` while there is nothing. Raises UpstreamFailure for an event
        longer than any is."""

    def finish(self) -> bytes:
        """At the end of the upstream's stream. What did not end by its own words is not given an end here."""


class Translation(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    """One request in its upstream's language, and the way back: made for each attempt, since answers depend on what
    was asked (names of tools, whether usage was)."""

    path: bytes
    """Where it goes, after the base's path: `/completions`."""
    body: bytes
    headers: Headers = ()
    """Beside the deployment's own, replacing the client's of the same names."""
    answer: Callable[[bytes], bytes]
    """A whole good answer's body -> the client's. What it cannot read it passes as it is."""
    stream: Callable[[], StreamTranslator]
    error: Callable[[int, bytes], tuple[int, bytes]] | None = None
    """An error's (status, body) -> the client's; None: they are in its language already, and pass as they came."""


class Layer(enum.Enum):
    """What a fact about an upstream is true of, and so what rests for it, whichever entries share it."""

    NOBODY = "nobody"
    """The client brought it about."""
    HOST = "host"
    """Scheme, host and port."""
    KEY = "key"
    """A host, a credential, and the deployment's own organization."""
    MODEL = "model"
    """A key, and the upstream's name of the model."""
    FAMILY = "family"
    """A key, and the kind of request: the family of its path."""


class ResultKind(enum.Enum):
    """What an attempt taught about its key. Health has one rule per kind."""

    OK = "ok"
    NEUTRAL = "neutral"
    """The client's own fault, or its leaving: says nothing about the key."""
    REFUSED = "refused"
    """No connection: refused, unreachable, DNS, TLS."""
    TIMEOUT = "timeout"
    AUTH = "auth"
    """401 or 403: this key will not do."""
    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    """5xx, 408 and answers that are not HTTP."""
    BROKEN = "broken"
    """The answer began and did not end: reset, truncated, stalled."""


class Limits(msgspec.Struct, frozen=True):
    """What is left of a key's rate limits, as an answer's `x-ratelimit-*` headers said. None: not said."""

    requests: int | None = None
    tokens: int | None = None
    requests_reset_s: float | None = None
    """Seconds until the limit is whole again."""
    tokens_reset_s: float | None = None


class Result(msgspec.Struct, frozen=True):
    """One attempt's verdict on its deployment, for `routing.health.observe`."""

    kind: ResultKind
    status: int = 0
    """0: no status line came."""
    retry_after_s: float | None = None
    """The upstream's own word on when to come back, in seconds from now."""
    first_byte_s: float | None = None
    """From sending the request to the head of its answer."""
    tokens: int | None = None
    """Used by the attempt; None: not known."""
    limits: Limits | None = None
    blame: Layer | None = None
    """What failed; None: what its kind usually means."""
    certain: bool = True
    """False: a suspicion, to be confirmed before anything rests for it."""
    word: str = ""
    """The upstream's own code or type for it, cleaned and bounded, for those who ask why."""


class Usage(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an answer used, by kind, as the upstream reported it. None is 'not said', which is not zero.

    The finer kinds are parts of the coarser ones, as OpenAI counts: cached, written, audio and image tokens of
    `input_tokens`, reasoning, audio and image tokens of `output_tokens`.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
    cached_tokens: int | None = None
    """Read from the provider's cache."""
    reasoning_tokens: int | None = None
    cache_write_tokens: int | None = None
    """Written to the provider's cache, whatever their age."""
    cache_write_1h_tokens: int | None = None
    """Of these, those to be kept for an hour or more."""
    audio_input_tokens: int | None = None
    audio_output_tokens: int | None = None
    image_input_tokens: int | None = None
    image_output_tokens: int | None = None
    cached_audio_tokens: int | None = None
    """Of the cached ones."""
    images: int | None = None
    """Pictures made, where these are counted and not their tokens."""
    seconds: float | None = None
    """Of sound or film, heard or made."""
    characters: int | None = None
    """Of text to be spoken."""
    searches: int | None = None
    """Web searches made by the provider."""
    file_searches: int | None = None
    code_sessions: int | None = None
    """Containers in which the provider ran code."""
    units: int | None = None
    """Whatever else a provider bills by: Cohere's search units, pages read."""
    requests: int | None = None
    """How many answers it is the sum of, where they are several: a batch's."""
    tier: str | None = None
    """The service tier that served it, by the provider's own name; None: not said."""


class Cost(msgspec.Struct, frozen=True):
    """What a request cost, in nano-dollars (10^-9 US dollars), by kind: the kinds add up to `total`."""

    total: int
    input: int = 0
    """Prompt tokens at the full price."""
    cached: int = 0
    """Prompt tokens that the provider had in its cache."""
    cache_write: int = 0
    output: int = 0
    """Completion tokens, with those of reasoning."""
    other: int = 0
    """What is not priced by text token: audio, images, seconds, characters, calls of tools."""
    source: str = ""
    """Where the price is from."""
    saved: int = 0
    """What the provider's cache spared: its tokens at the full price, less `cached`. No part of `total`."""


class Reply(msgspec.Struct, frozen=True):
    """A whole answer of the gateway's own making (errors, health, docs, mock answers)."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: Headers = ()


class PageRequest(msgspec.Struct, frozen=True):
    """What a page of the gateway's own (health, models, docs) needs to know of a request."""

    method: str
    path: str
    query: str = ""
    base_url: str = ""
    """`https://host:port` as the client addressed this gateway; empty: it did not say."""
    body: bytes = b""
    """Of a POST, PUT or PATCH."""
    key: str | None = None
    """The `id` of the virtual key it came with; None: the master key, or none was asked for."""
    admin: bool = False
    """Its sender holds the master key, or is an administrator."""
    accept: str = ""
    """What kinds of answers it takes."""
    may_use: Callable[[str], bool] = lambda _: True
    """Whether its sender may use a model."""


class Page(msgspec.Struct, frozen=True):
    """One page of the gateway's own. `{name}` as the last part of `path` matches the rest of the path."""

    path: str
    answer: Callable[[PageRequest], Awaitable[Reply]]
    public: bool
    """True: no key asked (liveness, docs). False: a key is needed."""
    summary: str
    methods: tuple[str, ...] = ("GET", "HEAD")
    admin: bool = False
    """True: the key must be the master key, and a gateway without one refuses."""
    token: Secret | None = None
    """A key that opens this page and nothing else."""


class Refusal(enum.Enum):
    """Why an upstream turned a request down for what is in it: another group may take it."""

    CONTEXT_WINDOW = "context_window"
    """The prompt is too long for the model."""
    CONTENT_POLICY = "content_policy"
    """A content filter."""


class Outcome(enum.Enum):
    """How a request ended: exactly one per record."""

    OK = "ok"
    CLIENT_ERROR = "client_error"
    """The request was wrong: 4xx made here or passed on from the upstream."""
    CLIENT_GONE = "client_gone"
    UPSTREAM_ERROR = "upstream_error"
    """An error status from the upstream, passed on as it came, or a 502/503/504 in its place."""
    TRUNCATED = "truncated"
    """The answer began and could not be finished; the client was cut off, not told it was whole."""
    GATEWAY_ERROR = "gateway_error"
