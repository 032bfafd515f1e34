"""Chat requests for models that only complete text: `text-completion-openai/` behind /chat/completions.

https://platform.openai.com/docs/api-reference/completions and .../chat. The prompt is the text of all messages,
joined by line breaks. (LiteLLM sends several messages as several prompts, which come back as several choices.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import msgspec
from msgspec import Raw

from proxy.errors import UNREADABLE, CannotSay
from proxy.providers.sse import SseReader
from proxy.types import Deployment, Parameters, Translation

PATH = b"/completions"
"""Where a translated request goes, after the base's path."""
MAX_CHOICES = 128
"""`n` of the API, whose choices are told apart in a stream."""

NO_WORD: Mapping[str, tuple[object, ...]] = {
    "audio": (), "function_call": ("auto", "none"), "functions": ([],), "modalities": (["text"],), "moderation": (),
    "parallel_tool_calls": (True, False), "reasoning_effort": ("none",), "response_format": ({"type": "text"},),
    "service_tier": ("auto", "default"), "store": (False,), "tool_choice": ("auto", "none"), "tools": ([],),
    "verbosity": ("medium",), "web_search_options": (),
}  # fmt: skip
"""Fields of a chat that ask for what /completions cannot give; and the values that ask for nothing."""
_LET_GO = frozenset(
    {
        "max_completion_tokens", "messages", "metadata", "prediction", "prompt_cache_key", "prompt_cache_options",
        "prompt_cache_retention", "safety_identifier", "top_logprobs",
    }
)  # fmt: skip
"""Fields that are said otherwise, or ask for nothing that an answer could show."""
_PLAIN = Parameters()
_DONE = b"[DONE]"
_NULL = Raw(b"null")

_Choice: TypeAlias = dict[str, Raw]


class _Part(msgspec.Struct):
    type: str
    text: str = ""


class _Message(msgspec.Struct):
    content: str | list[_Part] | None = None
    tool_calls: Raw = Raw()


class _Logprobs(msgspec.Struct):
    tokens: list[str]
    token_logprobs: list[float | None]
    top_logprobs: list[dict[str, float] | None] | None = None


_encode = msgspec.json.Encoder().encode
_decode_any = msgspec.json.Decoder().decode
_decode_fields = msgspec.json.Decoder(dict[str, Raw]).decode
_decode_messages = msgspec.json.Decoder(list[_Message]).decode
_decode_choices = msgspec.json.Decoder(list[_Choice]).decode
_decode_logprobs = msgspec.json.Decoder(_Logprobs | None).decode


def translate(body: bytes, deployment: Deployment) -> Translation:
    """Raises as `request`. Errors are in the same words on both endpoints."""
    said = request(body, deployment.parameters)
    return Translation(path=PATH, body=said, answer=answer, stream=StreamTranslator)


def request(body: bytes, parameters: Parameters = _PLAIN) -> bytes:
    """The body for /completions; fields that neither knows stay.

    Raises CannotSay for messages that are not text and for what /completions cannot give, msgspec.DecodeError when the
    body is no JSON object.
    """
    fields = _decode_fields(body)
    prompt = _encode(_prompt(fields.get("messages", _NULL)))
    kept = {name: value for name, value in fields.items() if name not in _LET_GO}
    for name in [name for name in kept if name in NO_WORD and name not in parameters.allowed]:
        value = kept.pop(name)
        if not parameters.drops and value != _NULL and _decode_any(value) not in NO_WORD[name]:
            raise _refused(name)
    if "max_completion_tokens" in fields:
        kept["max_tokens"] = fields["max_completion_tokens"]
    if "logprobs" in fields:
        kept["logprobs"] = _logprobs_asked(fields)
    return _encode({**kept, "prompt": Raw(prompt)})


def _refused(param: str) -> CannotSay:
    return CannotSay(
        f"`{param}` cannot be said to this model: its upstream completes text. Leave it out, or have the operator set"
        " drop_params.",
        param=param,
        code="unsupported_parameter",
    )


def answer(body: bytes) -> bytes:
    """A whole text completion as a chat completion; error bodies and anything unknown pass unchanged."""
    translated = _translated(body, b'"chat.completion"', _message)
    return body if translated is None else translated


class StreamTranslator:
    """A stream of text completion chunks as one of chat completion chunks: bytes in any split, bytes out.

    Nothing is invented: `[DONE]` and errors pass as they come, and only if they come.
    """

    def __init__(self) -> None:
        self._reader = SseReader()
        self._begun: set[bytes] = set()

    def feed(self, chunk: bytes) -> bytes:
        """The events that end in `chunk`. Raises UpstreamFailure for an event above the reader's limit."""
        return b"".join(map(self._event, self._reader.feed(chunk)))

    def finish(self) -> bytes:
        """At the end of the upstream's stream: an event that lacks only its blank line; nothing for a torn one."""
        data = self._reader.finish()
        if data is None or not (data == _DONE or _is_object(data)):
            return b""
        return self._event(data)

    def _event(self, data: bytes) -> bytes:
        translated = None if data == _DONE else _translated(data, b'"chat.completion.chunk"', self._delta)
        lines = (data if translated is None else translated).split(b"\n")
        return b"".join(b"data: %b\n" % line for line in lines) + b"\n"

    def _delta(self, choice: _Choice) -> _Choice:
        text, index = choice.pop("text", Raw(b'""')), bytes(choice.get("index", _NULL))
        first = index not in self._begun and len(self._begun) < MAX_CHOICES
        if first:
            self._begun.add(index)
        role = b'"role":"assistant",' if first else b""
        return {**choice, "delta": Raw(b'{%b"content":%b}' % (role, bytes(text)))}


def _prompt(messages: Raw) -> str:
    try:
        found = _decode_messages(messages)
    except msgspec.ValidationError as problem:
        raise _not_text(f"expected a list of messages: {problem}") from None
    if not found:
        raise _not_text("expected at least one message")
    return "\n".join(text for message in found if (text := _text(message)))


def _text(message: _Message) -> str:
    content = message.content
    if bytes(message.tool_calls) not in (b"", b"null", b"[]"):
        raise _not_text("this model takes text only, and no calls of tools")
    if content is None or isinstance(content, str):
        return content or ""
    for part in content:
        if part.type != "text":
            raise _not_text(f"this model takes text only, not `{part.type}`")
    return "".join(part.text for part in content)


def _not_text(problem: str) -> CannotSay:
    return CannotSay(f"Invalid 'messages': {problem}", param="messages", code="invalid_type")


def _logprobs_asked(fields: dict[str, Raw]) -> Raw:
    """Chat's `logprobs: true, top_logprobs: 3` is `logprobs: 3` here; 0 asks for the chosen tokens only."""
    asked = {b"true": fields.get("top_logprobs", Raw(b"0")), b"false": _NULL}
    return asked.get(bytes(fields["logprobs"]), fields["logprobs"])


def _translated(body: bytes, kind: bytes, rewrite: Callable[[_Choice], _Choice]) -> bytes | None:
    """None when the body is not a text completion."""
    try:
        fields = _decode_fields(body)
        choices = _decode_choices(fields["choices"])
    except (*UNREADABLE, KeyError):
        return None
    spoken = [rewrite(_with_chat_logprobs(choice)) for choice in choices]
    return _encode({**fields, "object": Raw(kind), "choices": spoken})


def _message(choice: _Choice) -> _Choice:
    text = choice.pop("text", _NULL)
    return {**choice, "message": Raw(b'{"role":"assistant","content":%b,"refusal":null}' % bytes(text))}


def _with_chat_logprobs(choice: _Choice) -> _Choice:
    """Parallel lists of tokens become a list of token objects; logprobs of another shape stay."""
    try:
        found = _decode_logprobs(choice.get("logprobs", _NULL))
    except UNREADABLE:
        return choice
    if found is None:
        return choice
    tops = found.top_logprobs or [None] * len(found.tokens)
    content = [
        {**_token(token, logprob), "top_logprobs": [_token(*pair) for pair in (top or {}).items()]}
        for token, logprob, top in zip(found.tokens, found.token_logprobs, tops, strict=False)
    ]
    return {**choice, "logprobs": Raw(_encode({"content": content, "refusal": None}))}


def _token(token: str, logprob: float | None) -> dict[str, str | float | None]:
    return {"token": token, "logprob": logprob, "bytes": None}


def _is_object(data: bytes) -> bool:
    try:
        _decode_fields(data)
    except UNREADABLE:
        return False
    return True
