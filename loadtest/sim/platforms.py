"""Upstreams that answer by what is true of host, key, model and kind of request: the same question, the same answer.

Their words are OpenAI's, or, where a platform is vague, an error without a word that says what failed.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass

import msgspec

from loadtest.sim.actors import Pause
from loadtest.sim.plan import Fault, UpstreamPlan
from loadtest.sim.story import Said
from loadtest.sim.upstreams import Request, Serving, Upstream

WINDOW_S = 20.0
"""Of a model's limit."""
TUNABLE = "gpt-a"
INNER = re.compile(rb"inner-model=([\w.-]+)")
POISONS = {
    b"poison=5xx": Fault.FAILING,
    b"poison=reset": Fault.RESET,
    b"poison=closed": Fault.CLOSED,
    b"poison=silent": Fault.SILENT,
    b"poison=garbage": Fault.GARBAGE,
}
"""What stands in a prompt that no key can answer."""
_MODEL = re.compile(rb'"model": "([^"]{1,200})"')
_STREAMS = re.compile(rb'"stream":\s*true')
_GARBAGE = b"SSH-2.0-OpenSSH_9.6\r\n\r\n"


@dataclass(frozen=True)
class KeyPlan:
    """What is true of one credential."""

    name: str
    organizations: tuple[str, ...] = ("org-own",)
    """It may name these."""
    scopes: frozenset[str] = frozenset()
    """Families beside those that every key has."""
    denied: frozenset[str] = frozenset()
    """Models it may not use; `gone` are those that nobody has."""
    limits: tuple[tuple[str, int], ...] = ()
    """Requests of a model in a window."""
    most_bytes: int = 100_000
    """Of a request: the whole limit of its tokens."""
    dead: bool = False
    flaky: float = 0.0
    """How often it fails, whatever is asked."""


@dataclass(frozen=True)
class PlatformPlan(UpstreamPlan):
    keys: tuple[KeyPlan, ...] = ()
    models: frozenset[str] = frozenset()
    """All that there are; other names are unknown."""
    vague: bool = False


@dataclass
class _Answer:
    status: int = 200
    code: str | None = None
    message: str = "No."
    headers: tuple[bytes, ...] = ()
    fault: Fault = Fault.NONE
    html: bool = False
    body: bytes = b""
    """Of a good one."""


GOOD = _Answer()
SCOPED = {b"organization": "api.management.read", b"fine_tuning": "api.fine_tuning.jobs.write"}
"""Families that a key needs a scope for."""


@dataclass
class _Asked:
    key: KeyPlan | None
    request: Request
    family: bytes
    thread: str
    model: str
    body: bytes

    def value(self, name: bytes) -> str:
        return self.request.value(name + b": ").decode()


class Platform(Upstream):
    plan: PlatformPlan

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type]
        self.serves = _Truthful
        self.seed = args[2]
        self.tries: Counter[int] = Counter()
        """Of each request, so that what comes by chance is the same however many others ask."""
        self.threads: dict[str, str] = {}
        """Which key's project holds each."""
        self.used: Counter[tuple[str, str, int]] = Counter()
        self.keys = {f"Bearer sk-{key.name}": key for key in self.plan.keys}

    def truth(self, asked: _Asked, now: float) -> _Answer:
        """The first of the laws that has something to say."""
        found = (law(self, asked, now) for law in LAWS)
        return next((answer for answer in found if answer is not None), GOOD)


def _key(_: Platform, asked: _Asked, _now: float) -> _Answer | None:
    if asked.key is None or asked.key.dead:
        return _Answer(401, "invalid_api_key", "Incorrect API key provided: sk-***.")
    return None


def _identity(_: Platform, asked: _Asked, _now: float) -> _Answer | None:
    assert asked.key is not None
    organization, project = asked.value(b"openai-organization"), asked.value(b"openai-project")
    if organization and organization not in asked.key.organizations:
        return _Answer(401, "mismatched_organization", "OpenAI-Organization header should match organization")
    if project:
        return _Answer(401, None, "OpenAI-Project header should match project for API key")
    if asked.value(b"openai-beta"):
        return _Answer(403, None, "This beta is not open to your account.")
    if organization == "org-poor":
        return _Answer(429, "insufficient_quota", "You exceeded your current quota.")
    if organization == "org-busy":
        return _Answer(429, "rate_limit_exceeded", "Rate limit reached.", (b"retry-after: 30",))
    return None


def _scope(_: Platform, asked: _Asked, _now: float) -> _Answer | None:
    assert asked.key is not None
    scope = SCOPED.get(asked.family)
    if scope is None or asked.family.decode() in asked.key.scopes:
        return None
    message = (
        f"You have insufficient permissions for this operation. Missing scopes: {scope}. Check your role."
    )
    return _Answer(403 if asked.family == b"organization" else 401, None, message)


def _model(platform: Platform, asked: _Asked, _now: float) -> _Answer | None:
    assert asked.key is not None
    if asked.model.startswith("Incorrect"):  # as those write it that begin with what the client wrote
        return _Answer(400, None, f"{asked.model} is not a valid model ID")
    inner = INNER.search(asked.body)
    for model in (asked.model, inner[1].decode() if inner else ""):
        if model and model not in platform.plan.models:
            return _Answer(
                404, "model_not_found", f"The model `{model}` does not exist or you do not have access to it."
            )
        if model in asked.key.denied:
            return _Answer(
                403, "model_not_found", f"Project `proj_1` does not have access to model `{model}`."
            )
    return None


def _thread(platform: Platform, asked: _Asked, _now: float) -> _Answer | None:
    """They live with the key that made them; a thread's id is the number of the request that made it."""
    assert asked.key is not None
    if asked.family != b"threads":
        return None
    if asked.thread:
        found = platform.threads.get(asked.thread) == asked.key.name
        if found and asked.request.head.startswith(b"DELETE "):
            del platform.threads[asked.thread]
        return None if found else _Answer(404, None, f"No thread found with id '{asked.thread}'.")
    made = f"thread_{asked.request.number}"
    platform.threads[made] = asked.key.name
    return _Answer(body=b'{"id": "%b", "object": "thread"}' % made.encode())


def _embeddings(_: Platform, asked: _Asked, _now: float) -> _Answer | None:
    """Models that chat do nothing else."""
    if asked.family != b"embeddings":
        return None
    return _Answer(403, "model_not_found", f"You are not allowed to generate embeddings from {asked.model}")


def _tuning(_: Platform, asked: _Asked, _now: float) -> _Answer | None:
    if asked.family != b"fine_tuning" or asked.model == TUNABLE:
        return None
    message = f"Model {asked.model} is not available for fine-tuning or does not exist."
    return _Answer(400, "model_not_available", message)


def _size(_: Platform, asked: _Asked, _now: float) -> _Answer | None:
    assert asked.key is not None
    size, most = len(asked.body), asked.key.most_bytes
    if size <= most:
        return None
    message = f"Request too large for {asked.model} on tokens per min (TPM): Limit {most}, Requested {size}."
    return _Answer(429, "rate_limit_exceeded", message, (b"retry-after: 20",))


def _money(_: Platform, asked: _Asked, _now: float) -> _Answer | None:
    if b"max-tokens=million" in asked.body:
        message = "This request requires more credits, or fewer max_tokens. You requested up to 1000000 tokens, but can"
        return _Answer(402, None, f"{message} only afford 4000.")
    return None


def _firewall(_: Platform, asked: _Asked, _now: float) -> _Answer | None:
    return _Answer(403, html=True) if b"<script>" in asked.body else None


def _poison(_: Platform, asked: _Asked, _now: float) -> _Answer | None:
    fault = next((fault for mark, fault in POISONS.items() if mark in asked.body), None)
    if fault is None:
        return None
    return (
        _Answer(500, None, "The server had an error.", fault=fault)
        if fault is Fault.FAILING
        else _Answer(fault=fault)
    )


def _flaky(platform: Platform, asked: _Asked, _now: float) -> _Answer | None:
    assert asked.key is not None
    number = asked.request.number
    chance = random.Random(f"{platform.seed} {asked.key.name} {number} {platform.tries[number]} flaky")
    if chance.random() >= asked.key.flaky:
        return None
    return _Answer(500, None, "The server had an error.", fault=Fault.FAILING)


def _limit(platform: Platform, asked: _Asked, now: float) -> _Answer | None:
    assert asked.key is not None
    most = dict(asked.key.limits).get(asked.model)
    if most is None:
        return None
    window = int(now / WINDOW_S)
    wait_s = (window + 1) * WINDOW_S - now
    used = platform.used[asked.key.name, asked.model, window] = (
        platform.used[asked.key.name, asked.model, window] + 1
    )
    left = (
        b"x-ratelimit-remaining-requests: %d" % max(0, most - used),
        b"x-ratelimit-reset-requests: %ds" % (wait_s + 1),
    )
    if used <= most:
        return _Answer(headers=left)
    return _Answer(
        429, "rate_limit_exceeded", "Rate limit reached.", (b"retry-after: %d" % (wait_s + 1), *left)
    )


def _scarce(_: Platform, asked: _Asked, _now: float) -> _Answer | None:
    """An organization that the client named has little left; it is well, and says so."""
    if asked.value(b"openai-organization") != "org-scarce":
        return None
    return _Answer(headers=(b"x-ratelimit-remaining-requests: 0", b"x-ratelimit-reset-requests: 40s"))


Law = Callable[[Platform, _Asked, float], _Answer | None]
LAWS: tuple[Law, ...] = (
    _key,
    _identity,
    _scope,
    _model,
    _embeddings,
    _tuning,
    _thread,
    _firewall,
    _money,
    _size,
    _poison,
    _flaky,
    _limit,
    _scarce,
)


class _Truthful(Serving):
    """One connection."""

    def __init__(self, platform: Platform, *args: object) -> None:
        super().__init__(platform, *args)  # type: ignore[arg-type]
        self._platform = platform

    def _serve(self, request: Request) -> Generator[Pause, bool, bool]:
        platform, story, name = self._platform, self._story, self._plan.name
        attempt = self._attempt(request)
        body = yield from self._body(request)
        if body is None:
            attempt.over_s = self._clock.now
            return False
        asked = self._asked(request, body)
        truth = platform.truth(asked, self._clock.now)
        story.faults[truth.fault] += 1
        attempt.model = asked.model
        key = asked.key.name if asked.key else "?"
        story.tell(name, f"is asked {request.number} by {key}: {truth.status} {truth.fault.value}")
        platform.tries[request.number] += 1
        chance = random.Random(f"{platform.seed} {name} {request.number} {platform.tries[request.number]}")
        said = _said(truth, self._tag(attempt), _STREAMS.search(body) is not None, vague=platform.plan.vague)
        return (yield from self._deliver(attempt, said, truth.fault, chance))

    def _asked(self, request: Request, body: bytes) -> _Asked:
        family, _, thread = request.head.split(b" ", 2)[1].removeprefix(b"/v1/").partition(b"/")
        model = _MODEL.search(body)
        key = self._platform.keys.get(request.value(b"authorization: ").decode())
        return _Asked(key, request, family, thread.decode(), model[1].decode() if model else "", body)


def _said(truth: _Answer, tag: bytes, streams: bool, *, vague: bool) -> Said:
    if truth.fault is Fault.GARBAGE:
        return Said(truth.fault, tag, 0, streams, b"", False, None, [_GARBAGE])
    if truth.status != 200:
        body, kind = _error(truth, vague=vague), b"text/html" if truth.html else b"application/json"
        streams = False
    elif streams:
        body, kind = b"".join(_events(tag)), b"text/event-stream"
    else:
        body, kind = truth.body or _completion(tag), b"application/json"
    lines = (b"content-type: " + kind, b"content-length: %d" % len(body), *truth.headers)
    head = b"HTTP/1.1 %d Told\r\n%b\r\n\r\n" % (truth.status, b"\r\n".join(lines))
    half = len(body) // 2
    return Said(truth.fault, tag, truth.status, streams, body, True, None, [head + body[:half], body[half:]])


def _error(truth: _Answer, *, vague: bool) -> bytes:
    if truth.html:
        return b"<html><h1>Forbidden</h1></html>"
    if vague and truth.status in (401, 403):
        return b'{"error": {"message": "Not allowed.", "type": "invalid_request_error", "code": null}}'
    return msgspec.json.encode(
        {
            "error": {
                "message": truth.message,
                "type": "invalid_request_error",
                "param": None,
                "code": truth.code,
            }
        }
    )


def _events(tag: bytes) -> Iterator[bytes]:
    for number in range(3):
        yield b'data: {"id":"%b","choices":[{"index":0,"delta":{"content":"%d"}}]}\n\n' % (tag, number)
    yield b"data: [DONE]\n\n"


def _completion(tag: bytes) -> bytes:
    message = b'{"role":"assistant","content":"well"}'
    return b'{"id":"%b","object":"chat.completion","choices":[{"index":0,"message":%b}]}' % (tag, message)
