"""A chat's messages as Anthropic takes them: one at least, each call with its result, each result with its call.

Where they are not they are changed (`modify_params`), else refused with a word on that. What takes their place is
LiteLLM's (`sanitize_messages_for_tool_calling`, `DEFAULT_USER_CONTINUE_MESSAGE`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter

from proxy.errors import CannotSay
from proxy.providers.translation.chat_request import Message
from proxy.providers.translation.refusing import Terms

GO_ON = "Please continue."
"""Where nobody has said anything."""
OPENING = "."
"""In front of an assistant that begins."""
_SYSTEM = ("system", "developer")
_LOST = "[The call of `{name}` was skipped or interrupted: there is no result.]"


def fit_messages(messages: list[Message], terms: Terms) -> list[Message]:
    """The same list where nothing is amiss. Raises CannotSay for what is, and may not be changed."""
    spoken = [message for message in messages if message.role not in _SYSTEM]
    flaw = ("messages", "no user or assistant says anything") if not spoken else _flaw(messages)
    if flaw is not None:
        if not terms.modifies:
            raise cannot(*flaw, terms.provider)
        system = [message for message in messages if message.role in _SYSTEM]
        messages = [*system, *(_paired(spoken) if spoken else (Message("user", GO_ON),))]
    begins = next(message for message in messages if message.role not in _SYSTEM)
    if terms.modifies and begins.role == "assistant":
        return [Message("user", OPENING), *messages]
    return messages


def cannot(param: str, why: str, provider: str) -> CannotSay:
    return CannotSay(
        f"`{param}`: {why}, and {provider} takes no such request. Mend it, or have the operator set `modify_params`.",
        param=param,
        code="invalid_value",
    )


def _flaw(messages: list[Message]) -> tuple[str, str] | None:
    """(where, why)"""
    called: dict[str, str] = {}
    for number, message in enumerate(messages):
        where = f"messages[{number}]"
        if message.role == "assistant":
            calls = enumerate(message.tool_calls or ())
            called |= {call.id: f"{where}.tool_calls[{at}]" for at, call in calls if call.id}
        elif message.role == "tool" and message.tool_call_id:
            if called.pop(message.tool_call_id, None) is None:
                return f"{where}.tool_call_id", "the assistant before it has no such call that lacks a result"
        elif message.role == "user" and called:
            break
    return next(((where, "no result of this call follows") for where in called.values()), None)


def _paired(messages: Iterable[Message]) -> Iterator[Message]:
    """Results follow their calls at once: of each the last there is, or a word that there is none."""
    called: dict[str, str] = {}
    turns = ((message.role == "assistant", message) for message in messages)
    for speaks, turn in groupby(turns, itemgetter(0)):
        said = [message for _, message in turn]
        if speaks:
            called = dict(_calls(said))
            yield from said
            continue
        results = {each.tool_call_id: each for each in said if each.role == "tool"}
        yield from (results.get(id_) or _lost(id_, name) for id_, name in called.items())
        yield from (each for each in said if each.role != "tool")
        called = {}
    yield from (_lost(id_, name) for id_, name in called.items())


def _calls(messages: list[Message]) -> Iterator[tuple[str, str]]:
    """(id, name)"""
    for message in messages:
        for call in message.tool_calls or ():
            named = call.function or call.custom
            yield call.id, named.name if named is not None else "tool"


def _lost(call_id: str, name: str) -> Message:
    return Message("tool", _LOST.format(name=name), tool_call_id=call_id)
