"""`sluice_settings`: the limits and switches that LiteLLM has no names for."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from proxy.config.fields import (
    Count,
    Days,
    HeaderPattern,
    Megabytes,
    Mode,
    Percent,
    Positive,
    Seconds,
    SecondsOrZero,
    Section,
    Text,
)
from proxy.config.identities import KeyRotationSettings, KeySettings
from proxy.config.sinks import SinkSettings
from proxy.types import Secret


class SluiceSettings(Section, frozen=True, kw_only=True):
    """Every limit with its unit in its name, its default and the default's reason."""

    strict: bool = False
    """true: what is only warned about is an error (also `--strict`): for files that are written for Sluice alone."""
    max_connections: Positive = 20_000
    """Client connections per worker: at some 20 KiB each they take 400 MiB; further ones are closed at once."""
    max_header_bytes: Annotated[int, Meta(ge=1024, le=1_048_576)] = 65_536
    """Bytes of a request's head: twice what common load balancers let through."""
    max_headers: Annotated[int, Meta(ge=8, le=10_000)] = 200
    """Header lines of a request: SDKs send about 20, chains of proxies a few dozen."""
    head_memory_mb: Megabytes = 1.0
    """MiB of heads remembered because they repeat, per worker: a hundred kinds of clients, a few KiB each."""
    header_timeout_s: Seconds = 10.0
    """Seconds from a request's first byte to the end of its head: a head is one or two packets."""
    keep_alive_timeout_s: Seconds = 75.0
    """Seconds an idle client connection is kept: longer than a load balancer's usual 60, so that it closes first."""
    body_timeout_s: Seconds = 30.0
    """Seconds between two pieces of a request body: a mobile uplink recovers in less."""
    peek_limit_mb: Megabytes = 32.0
    """MiB of a multipart form held in memory, OpenAI's 25 MB of audio among them; a longer one is kept on disk."""
    form_limit_mb: Megabytes = 1_024.0
    """MiB of a multipart form: OpenAI's largest files have 512 MB, its image edits 16 images of 50 MB."""
    spool_total_mb: Megabytes = 4_096.0
    """MiB of forms on disk at once, per worker: four of the largest; further ones are told to retry. One caller gets
    two thirds, the next two thirds of what that leaves."""
    spool_folder: str | None = None
    """Folder of those files, which have no name and end with their request; without it `/var/tmp`, else `TMPDIR`."""
    held_bodies_mb: Megabytes = 1_024.0
    """MiB of request bodies held in memory at once, per worker: 16 of the largest; further ones are told to retry. One
    caller gets two thirds, the next two thirds of what that leaves."""
    page_body_mb: Megabytes = 1.0
    """MiB of a body for one of the gateway's own pages: what describes a key or a team has a few KiB."""
    max_compression_ratio: Annotated[int, Meta(ge=10, le=100_000)] = 200
    """Bytes that a compressed body may grow to per byte, from its first MiB on: JSON of prompts grows tenfold."""
    write_timeout_s: Seconds = 30.0
    """Seconds a client may take nothing of its answer before it is cut off: it has stopped reading."""
    connect_timeout_s: Seconds = 5.0
    """Seconds for TCP and TLS to an upstream: two lost packets and their repetition."""
    dns_fresh_s: SecondsOrZero = 30.0
    """Seconds an upstream's addresses are used without asking again: most names say a minute themselves."""
    dns_stale_s: SecondsOrZero = 600.0
    """Seconds beyond that for which old addresses go on while new ones are asked for: name servers have outages."""
    first_byte_timeout_s: Seconds | None = None
    """Seconds until an upstream's first byte; without it the request's timeout: reasoning models think for minutes."""
    first_token_timeout_s: Seconds = 180.0
    """Seconds until a stream's body begins: reasoning models think for up to three minutes before their first token."""
    upstream_write_timeout_s: Seconds = 30.0
    """Seconds an upstream may take nothing of a request: it has stopped reading."""
    total_timeout_s: Seconds = 3_600.0
    """Seconds from a request to the end of its answer, all attempts included: the longest streams take minutes."""
    stream_mode: Mode = "live"
    """`live`: streams pass at once. `probe`: from their first content on. `buffered`: when they are whole."""
    probe_hold_s: Seconds = 5.0
    """Seconds that `probe` holds a stream without content back at most: clients expect a sign of life."""
    buffer_limit_mb: Megabytes = 4.0
    """MiB of a stream that `buffered` holds, then it passes live: an answer of 128,000 tokens takes some 20 MiB."""
    held_answer_kb: Annotated[float, Meta(ge=0, le=16_384)] = 64.0
    """KiB of an answer in JSON that is waited for, a second at most, until it is here whole, so that its head can tell
    what it cost; longer ones pass as they come. 0: none is waited for. A chat's answer of 10,000 tokens takes 50."""
    sse_keepalive_s: SecondsOrZero = 0.0
    """Seconds of silence before a stream's client is sent an SSE comment; 0: never. Load balancers cut at 60."""
    on_disconnect: Literal["cancel", "drain"] = "cancel"
    """`cancel`: an answer whose client left is cut off. `drain`: it is read on, so that its usage is known."""
    drain_limit_s: Seconds = 60.0
    """Seconds that `drain` reads on at most: what comes later costs more than knowing its price is worth."""
    queue_timeout_s: SecondsOrZero = 0.0
    """Seconds a request waits for a deployment when all rest or are full, or for a limit of its key or team; 0: it is
    refused at once, with the time."""
    queue_limit: Count = 1_000
    """Requests that wait so at once, per worker; further ones are refused: the first would time out before them."""
    retry_budget_percent: Percent = 20.0
    """Retries and fallbacks under way, of all requests under way: so that they do not multiply an outage."""
    retry_budget_min: Count = 3
    """Retries under way that are always allowed: a share of few requests is none."""
    enforce_rate_limits: bool = True
    """false: `rpm` and `tpm` are weights only. true: no deployment is sent more than they say."""
    learn_rate_limits: bool = True
    """true: no deployment is sent a request that its own `x-ratelimit-*` headers say it would refuse."""
    limited_subjects: Annotated[int, Meta(ge=100, le=1_000_000)] = 20_000
    """Keys, users, teams, customers and tags with limits that may be busy within a minute: 144 bytes each, 4 KiB where
    requests or tokens per minute are limited, for all workers together. Read at the start only."""
    assumed_output_tokens: Positive | None = None
    """Tokens of an answer that are reserved of a budget where a request does not say how many it may have; without it
    as many as its model can make, so that no budget is overspent by more than one request's error."""
    stream_gap_timeout_s: Seconds = 300.0
    """Seconds between two pieces of an answer: reasoning models pause between events."""
    drain_timeout_s: SecondsOrZero = 120.0
    """Seconds that running requests get at shutdown: most streams end within two minutes."""
    upstream_idle_connections: Count = 512
    """Idle connections kept per upstream: the burst that needs no new handshakes."""
    upstream_idle_timeout_s: Seconds = 50.0
    """Seconds an idle upstream connection is kept: shorter than the usual 60 of the other side."""
    upstream_preopened_connections: Count = 32
    """Connections per upstream that are opened ahead of need, as many as were missing at once lately; 0: none are."""
    metrics: bool = True
    """false: nothing is counted for Prometheus, and there is no `/metrics`."""
    metrics_token: Secret | None = None
    """A key that opens `/metrics` and nothing else, besides the master key."""
    metrics_port: Annotated[int, Meta(ge=1, le=65_535)] | None = None
    """A port for `/metrics` alone, which then is served there only, without a key unless `metrics_token` is set."""
    metrics_host: Text = "127.0.0.1"
    """The address of that port: this machine alone."""
    metrics_series: Annotated[int, Meta(ge=500, le=20_000)] = 5_000
    """Series that a worker keeps at most: 1,000 keys and models in use; further ones are counted as `other`."""
    sinks: SinkSettings = SinkSettings()
    """How records get to the sinks that `litellm_settings.success_callback` and its like name."""
    model_list_ttl_s: Seconds = 300.0
    """Seconds that an upstream's list is kept for `/v1/models`, where a pattern (`openai/*`) stands for its models."""
    remembered_objects: Count = 100_000
    """Ids of files, threads and the like whose key is remembered, per worker: about 20 MiB."""
    objects_keep: Positive = 1_000_000
    """Such ids in the state file, for all workers and over restarts: about 200 MiB; the longest unused go first."""
    objects_keep_days: Days = 400.0
    """Days that such an id stays there unused: vector stores and fine-tuned models are used for years."""
    conversations_keep: Positive = 100_000
    """Conversations of `/v1/responses` over upstreams that keep none, in the state file: of 20 KiB each, some 2 GiB.
    The oldest go first."""
    conversations_keep_days: Days = 30.0
    """Days that `previous_response_id` finds such a conversation: as long as OpenAI keeps its own."""
    state: Text | None = None
    """File of what outlives a restart (SQLite), or `off`. Without it `sluice.db` in systemd's `$STATE_DIRECTORY`, else
    beside the configuration, else in the working directory."""
    state_flush_s: Seconds = 0.2
    """Seconds until what is to be kept is written, with what came meanwhile: a write waits for the disk, some 5 ms."""
    state_queue: Positive = 10_000
    """Writes that wait per worker while the state file cannot be written; further ones are dropped and counted."""
    records_queue: Positive = 50_000
    """Records that wait per worker while the state file cannot be written: about 25 MB; the oldest are dropped then."""
    records_keep_days: Days = 90.0
    """Days that the record of each request is kept in the state file: a quarter, for invoices that are asked about."""
    records_keep_mb: Megabytes = 4_096.0
    """MiB that the state file may grow to before its oldest records go: some ten million requests."""
    store_prompts: bool = False
    """true: what is asked is kept with its record, cut and redacted. It is what people write: mind whose law holds."""
    stored_prompt_chars: Annotated[int, Meta(ge=100, le=1_000_000)] = 8_000
    """Characters of a request's JSON that are kept: some pages of a conversation."""
    prompt_redactions: tuple[Text, ...] = ()
    """Regular expressions (Python's) of what is not kept, besides keys, tokens, e-mail addresses and card numbers."""
    spend_keep_days: Days = 1_100.0
    """Days that the sums by day are kept, from which reports are made: three years; they take little room."""
    environment_key_first: bool = False
    """true: what names no model goes to `OPENAI_API_KEY` of the environment, although the configuration has keys."""
    object_tenancy: bool = True
    """true: what was made through a virtual key is its team's, else its user's, else its own, and for other keys it is
    not there. false: whoever knows an object's id may reach it."""
    object_lists: Literal["filter", "refuse", "open"] = "filter"
    """Lists of an upstream's objects (`GET /files`) for virtual keys. `filter`: each sees its own. `refuse`: 403.
    `open`: they are shown as they are, with the ids of all."""
    object_list_pages: Annotated[int, Meta(ge=1, le=1_000)] = 20
    """Pages of an upstream's list that are read for one page of a virtual key's own objects: of 100 objects each."""
    most_identities: Positive = 250_000
    """Keys, teams, users, customers, tags and budgets together that may be made: each worker holds all of them, a key
    in 1.5 to 4 KiB, so that so many are at most 1 GB."""
    key_rotation: KeyRotationSettings = KeyRotationSettings()
    """Whom the new secrets of keys with `auto_rotate` are given to."""
    keys: tuple[KeySettings, ...] = ()
    """Keys beside the master key that need no call and no state file."""
    withheld_headers: tuple[HeaderPattern, ...] = ()
    """Request headers that stay at the gateway besides credentials and identities; `x-corp-*` for all that begin so."""
    passed_headers: tuple[HeaderPattern, ...] = ()
    """Identity headers that go on to providers all the same, such as `cookie`. Credentials never do."""
    response_headers: bool = True
    """false: answers carry none of the `x-litellm-*` headers."""
    cors_allow_origins: tuple[str, ...] | None = None
    """Origins whose browser pages may call, `https://host`, or `*`; `[]`: none. Without it `LITELLM_CORS_ORIGINS`, else
    all where a master key is asked for, and none where it is not: any page could use such a gateway."""
    ask_stream_usage: bool = True
    """true: the usage of streamed chat and completions is asked of the upstream, and taken out for who did not ask."""
    price_file: str | None = None
    """JSON file of prices that outrank the shipped table's, in the form of LiteLLM's price map."""
    access_log: Literal["auto", "json", "text", "off"] = "auto"
    """One line per request. `auto`: text on a terminal, JSON elsewhere."""
    listen_backlog: Positive = 2048
    """Connections the kernel queues until they are accepted: a second's worth of a burst."""
    max_retry_after_s: Seconds = 300.0
    """Seconds at most that an upstream's `Retry-After` is believed: a key must heal without a restart."""
