"""Which request becomes which, and how its answer comes back: by endpoint, and by the upstream's language."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TypeAlias

import msgspec
from msgspec import Raw

from proxy.providers import text_completion
from proxy.providers.clouds.claude import BEDROCK, ENVELOPES, VERTEX
from proxy.providers.translation import (
    chat_reader,
    chat_to_messages,
    chat_words,
    chat_writer,
    completions,
    errors,
    messages_reader,
    messages_to_chat,
    messages_writer,
    responses_to_chat,
    responses_words,
    responses_writer,
)
from proxy.providers.translation.coding import decode_fields
from proxy.providers.translation.counting import count
from proxy.providers.translation.enveloped import (
    as_it_comes,
    count_at_bedrock,
    count_at_vertex,
    enveloped,
)
from proxy.providers.translation.events import Event
from proxy.providers.translation.refusing import Terms
from proxy.providers.translation.renamed import NOTHING, Renamed
from proxy.providers.translation.stream import Reader, StreamTranslator, Writer, restored
from proxy.types import Deployment, Moment, Translation

CHAT, COMPLETIONS, MESSAGES, RESPONSES = b"/chat/completions", b"/completions", b"/messages", b"/responses"
COUNT = b"/messages/count_tokens"
ANTHROPIC = "anthropic"
VERSION = b"anthropic-version"
_decode_model = msgspec.json.Decoder(str).decode
ToError: TypeAlias = Callable[[int, bytes], tuple[int, bytes]]


class Heard(msgspec.Struct, frozen=True):
    """An upstream's language: how its answers are read."""

    path: bytes
    reader: Callable[[], Reader]
    whole: Callable[[bytes], list[Event] | None]


class Told(msgspec.Struct, frozen=True):
    """A client's language: how answers are said in it, to one request."""

    writer: Callable[[], Writer]
    whole: Callable[[Iterable[Event]], bytes]
    error: ToError | None
    """None: the upstream has the same shape of errors."""


_HEARD_CHAT = Heard(CHAT, chat_reader.ChatReader, chat_reader.whole)
_HEARD_MESSAGES = Heard(MESSAGES, messages_reader.MessagesReader, messages_reader.whole)
_HEARD_COMPLETIONS = Heard(text_completion.PATH, completions.CompletionsReader, completions.whole)


def _translation(body: bytes, heard: Heard, told: Told, renamed: Renamed = NOTHING) -> Translation:
    return Translation(
        path=heard.path,
        body=body,
        answer=partial(_answer, heard, told, renamed),
        stream=lambda: StreamTranslator(heard.reader(), told.writer(), renamed),
        error=told.error,
    )


def _answer(heard: Heard, told: Told, renamed: Renamed, body: bytes) -> bytes:
    events = heard.whole(body)
    return body if events is None else told.whole(restored(events, renamed) if renamed else events)


def _chat(asked: chat_words.Asked, error: ToError | None) -> Told:
    return Told(lambda: chat_writer.ChatWriter(asked), lambda events: chat_writer.whole(events, asked), error)


def _messages(error: ToError | None) -> Told:
    return Told(messages_writer.MessagesWriter, messages_writer.whole, error)


def _completions(asked: chat_words.Asked, error: ToError | None) -> Told:
    writer = completions.CompletionsWriter
    return Told(lambda: writer(asked), lambda events: completions.answer(events, asked), error)


def _responses(
    asked: responses_words.Asked, error: ToError | None, keep: responses_writer.Keep | None
) -> Told:
    writer = responses_writer.ResponsesWriter
    return Told(
        lambda: writer(asked, keep), lambda events: responses_writer.whole(events, asked, keep), error
    )


def _terms(body: bytes, deployment: Deployment, moment: Moment) -> Terms:
    """The body has the upstream's name of its model already."""
    named = decode_fields(body).get("model")
    return Terms(
        model=deployment.model if named is None else _decode_model(named),
        provider=deployment.provider,
        drop=deployment.parameters.drops,
        allowed=deployment.parameters.allowed,
        modifies=deployment.parameters.modifies,
        fetches=deployment.provider not in ENVELOPES,
        max_tokens=moment.max_tokens,
        version=next((value.decode() for name, value in deployment.headers if name.lower() == VERSION), ""),
        now_unix=moment.now_unix,
        call_id=moment.call_id,
    )


def chat_for_anthropic(body: bytes, deployment: Deployment, moment: Moment) -> Translation:
    said, asked, renamed = chat_to_messages.request(body, _terms(body, deployment, moment))
    return _translation(said, _HEARD_MESSAGES, _chat(asked, errors.as_openai), renamed)


def messages_for_chat(body: bytes, deployment: Deployment, moment: Moment) -> Translation:
    said, renamed = messages_to_chat.request(body, _terms(body, deployment, moment))
    return _translation(said, _HEARD_CHAT, _messages(errors.as_anthropic), renamed)


def messages_for_completions(body: bytes, deployment: Deployment, moment: Moment) -> Translation:
    said, renamed = messages_to_chat.request(body, _terms(body, deployment, moment))
    prompt = text_completion.request(said, deployment.parameters)
    return _translation(prompt, _HEARD_COMPLETIONS, _messages(errors.as_anthropic), renamed)


def responses_for_chat(body: bytes, deployment: Deployment, moment: Moment) -> Translation:
    said, asked = responses_to_chat.request(body, _terms(body, deployment, moment), moment.before)
    return _translation(said, _HEARD_CHAT, _responses(asked, None, _keeping(moment, asked)))


def responses_for_anthropic(body: bytes, deployment: Deployment, moment: Moment) -> Translation:
    terms = _terms(body, deployment, moment)
    chat, asked = responses_to_chat.request(body, terms, moment.before)
    said, _, renamed = chat_to_messages.request(chat, terms)
    return _translation(
        said, _HEARD_MESSAGES, _responses(asked, errors.as_openai, _keeping(moment, asked)), renamed
    )


def _keeping(moment: Moment, asked: responses_words.Asked) -> responses_writer.Keep | None:
    """The whole conversation, for whoever goes on from its answer."""
    keep = moment.keep
    if keep is None or bytes(asked.echo.get("store", Raw(b"true"))) == b"false":
        return None
    return lambda id_, output: keep(id_, [*moment.before, *asked.input, *output])


def completions_for_chat(body: bytes, deployment: Deployment, moment: Moment) -> Translation:
    said, asked = completions.request(body, _terms(body, deployment, moment))
    return _translation(said, _HEARD_CHAT, _completions(asked, None))


def completions_for_anthropic(body: bytes, deployment: Deployment, moment: Moment) -> Translation:
    terms = _terms(body, deployment, moment)
    chat, asked = completions.request(body, terms)
    said, _, renamed = chat_to_messages.request(chat, terms)
    return _translation(said, _HEARD_MESSAGES, _completions(asked, errors.as_openai), renamed)


def chat_for_completions(body: bytes, deployment: Deployment, _moment: Moment) -> Translation:
    return text_completion.translate(body, deployment)


Translate: TypeAlias = Callable[[bytes, Deployment, Moment], Translation]
OF_ANTHROPIC: Mapping[bytes, Translate] = {
    CHAT: chat_for_anthropic,
    RESPONSES: responses_for_anthropic,
    COMPLETIONS: completions_for_anthropic,
}
"""For an upstream that speaks Anthropic's language; what is in its own goes on byte for byte."""
_COUNTS = {BEDROCK: count_at_bedrock, VERTEX: count_at_vertex}
OF_CLAUDE: Mapping[str, Mapping[bytes, Translate]] = {
    provider: {
        **{path: enveloped(translate, envelope) for path, translate in OF_ANTHROPIC.items()},
        MESSAGES: enveloped(as_it_comes, envelope),
        COUNT: partial(_COUNTS[provider], envelope),
    }
    for provider, envelope in ENVELOPES.items()
}
"""By provider: for Claude at a cloud that has Anthropic's language in an envelope of its own."""
REFUSED_OF_CHAT: Mapping[str, frozenset[str]] = {
    ANTHROPIC: frozenset(chat_to_messages.NO_WORD),
    "text-completion-openai": frozenset(text_completion.NO_WORD),
}
"""Chat's parameters that are refused where they ask for something, by the provider that has no word for them."""
OF_COMPLETIONS: Mapping[bytes, Translate] = {
    CHAT: chat_for_completions,
    MESSAGES: messages_for_completions,
    COUNT: count,
}
OF_CHAT_ALONE: Mapping[bytes, Translate] = {
    MESSAGES: messages_for_chat,
    COUNT: count,
    RESPONSES: responses_for_chat,
    COMPLETIONS: completions_for_chat,
}
"""For a server that has OpenAI's chats; what else it has goes to it as it comes."""
