"""How a run goes on: queued, in_progress, then an answer or a tool call.

https://platform.openai.com/docs/api-reference/runs
Each phase yields its events, whether anybody streams them or not. A run that is polled moves one phase per look;
what a run writes is stored when it is whole, so a stream left half-way leaves nothing behind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

from proxy.simulator.answer import Json
from proxy.simulator.generation import Ask, Generated, generate, tools_of, wanted_schema
from proxy.simulator.ids import new_id, unix_now
from proxy.simulator.store import Store, Stored
from proxy.simulator.text import prompt_tokens
from proxy.simulator.thread_types import (
    CalledFunction,
    Message,
    MessageCreation,
    Run,
    RunStep,
    ToolCall,
    ToolCalls,
    message_text,
    text_part,
)

Event: TypeAlias = tuple[str, Stored | Json]
"""(name, the object as it is now)"""

ACTIVE = frozenset({"queued", "in_progress", "requires_action", "cancelling"})


def advance(store: Store, run: Run) -> None:
    """One phase on, if the run can move by itself."""
    phase = PHASES.get(run.status)
    if phase is not None:
        for _ in phase(store, run):
            pass


def settle(store: Store, thread_id: str) -> Run | None:
    """Whoever looks at the thread finds its runs done. Returns the one that waits for tool outputs."""
    for run in store.all(Run, thread_id):
        while run.status in PHASES:
            advance(store, run)
        if run.status in ACTIVE:
            return run
    return None


def events(store: Store, run: Run) -> Iterator[Event]:
    """All that is left of the run, up to its end or its wait for tool outputs."""
    while run.status in PHASES:
        yield from PHASES[run.status](store, run)


def _begin(store: Store, run: Run) -> Iterator[Event]:
    run.status, run.started_at = "in_progress", unix_now()
    yield "thread.run.in_progress", run


def _finish(store: Store, run: Run) -> Iterator[Event]:
    messages = store.all(Message, run.thread_id)
    generated = generate(_ask(store, run, messages))
    usage = _usage(run, messages, generated)
    if generated.tool is not None:
        yield from _call_tool(store, run, generated)
        return
    yield from _write_message(store, run, generated, usage)
    run.usage, run.completed_at = usage, unix_now()
    run.status = "incomplete" if generated.cut else "completed"
    run.incomplete_details = {"reason": "max_completion_tokens"} if generated.cut else None
    yield f"thread.run.{run.status}", run


def _end_cancelling(store: Store, run: Run) -> Iterator[Event]:
    run.status, run.cancelled_at = "cancelled", unix_now()
    yield "thread.run.cancelled", run


PHASES: dict[str, Callable[[Store, Run], Iterator[Event]]] = {
    "queued": _begin,
    "in_progress": _finish,
    "cancelling": _end_cancelling,
}


def _ask(store: Store, run: Run, messages: list[Message]) -> Ask:
    asked = [message_text(message) for message in messages if message.role == "user"]
    outputs = [output for step in store.all(RunStep, run.id) for output in _outputs_of(step)]
    return Ask(
        text="\n".join(outputs) if outputs else (asked or [""])[-1],
        from_tool=bool(outputs),
        tools=tools_of(run.tools),
        tool_choice=None if outputs else run.tool_choice,
        json_schema=wanted_schema(run.response_format),
        max_tokens=run.max_completion_tokens,
    )


def _outputs_of(step: RunStep) -> list[str]:
    """What the step's tools answered so far."""
    if not isinstance(step.step_details, ToolCalls):
        return []
    return [call.function.output for call in step.step_details.tool_calls if call.function.output is not None]


def _usage(run: Run, messages: list[Message], generated: Generated) -> Json:
    prompt = prompt_tokens([run.instructions, *map(message_text, messages)])
    completion = len(generated.tokens)
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def _new_step(run: Run, details: MessageCreation | ToolCalls) -> RunStep:
    return RunStep(
        id=new_id("step_"),
        created_at=unix_now(),
        run_id=run.id,
        assistant_id=run.assistant_id,
        thread_id=run.thread_id,
        type="tool_calls" if isinstance(details, ToolCalls) else "message_creation",
        step_details=details,
    )


def _call_tool(store: Store, run: Run, generated: Generated) -> Iterator[Event]:
    call = ToolCall(new_id("call_"), CalledFunction(generated.tool or "", generated.text))
    step = _new_step(run, ToolCalls([call]))
    yield "thread.run.step.created", step
    yield "thread.run.step.in_progress", step
    store.add(step, parent=run.id)
    run.status = "requires_action"
    run.required_action = {
        "type": "submit_tool_outputs",
        "submit_tool_outputs": {"tool_calls": [_asked_call(call)]},
    }
    yield "thread.run.requires_action", run


def _asked_call(call: ToolCall) -> Json:
    function = {"name": call.function.name, "arguments": call.function.arguments}
    return {"id": call.id, "type": "function", "function": function}


def _write_message(store: Store, run: Run, generated: Generated, usage: Json) -> Iterator[Event]:
    message = _empty_message(run)
    step = _new_step(run, MessageCreation({"message_id": message.id}))
    yield "thread.run.step.created", step
    yield "thread.run.step.in_progress", step
    yield "thread.message.created", message
    yield "thread.message.in_progress", message
    for token in generated.tokens:
        yield "thread.message.delta", _delta(message, token)
    message.content = [text_part(generated.text)]
    message.status, message.completed_at = "completed", unix_now()
    step.status, step.completed_at, step.usage = "completed", unix_now(), usage
    store.add(message, parent=run.thread_id)
    store.add(step, parent=run.id)
    yield "thread.message.completed", message
    yield "thread.run.step.completed", step


def _empty_message(run: Run) -> Message:
    return Message(
        id=new_id("msg_"),
        created_at=unix_now(),
        thread_id=run.thread_id,
        role="assistant",
        content=[],
        assistant_id=run.assistant_id,
        run_id=run.id,
        status="in_progress",
    )


def _delta(message: Message, token: str) -> Json:
    content = {"index": 0, **text_part(token)}
    return {"id": message.id, "object": "thread.message.delta", "delta": {"content": [content]}}
