"""Runs and their steps: https://platform.openai.com/docs/api-reference/runs"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

import msgspec

from proxy.errors import GatewayError
from proxy.simulator.answer import DONE, Answer, Json, Metadata, Stream, list_reply, reply, sse_named
from proxy.simulator.assistants import Assistant
from proxy.simulator.ids import new_id, unix_now
from proxy.simulator.messages import MessageBody, add_message
from proxy.simulator.request import Request, patched
from proxy.simulator.route import Route
from proxy.simulator.run_progress import ACTIVE, advance, events, settle
from proxy.simulator.store import Store
from proxy.simulator.thread_types import Run, RunStep, Thread, ToolCalls
from proxy.simulator.threads import ThreadBody, new_thread

EXPIRY_S = 600
MODIFIABLE = frozenset({"metadata"})
POLL_HEADERS = ((b"openai-poll-after-ms", b"50"),)
"""Tells the SDK's polling helpers how soon to ask again."""


class RunBody(msgspec.Struct, kw_only=True):
    """None: as the assistant has it."""

    assistant_id: str
    model: str | None = None
    instructions: str | None = None
    additional_instructions: str | None = None
    additional_messages: list[MessageBody] | None = None
    tools: list[Json] | None = None
    tool_choice: object = "auto"
    response_format: object = None
    max_completion_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    truncation_strategy: Json | None = None
    metadata: Metadata | None = None
    stream: bool | None = None


class ThreadAndRunBody(RunBody, kw_only=True):
    thread: ThreadBody | None = None


class ToolOutput(msgspec.Struct):
    tool_call_id: str
    output: str = ""


class ToolOutputsBody(msgspec.Struct):
    tool_outputs: list[ToolOutput]
    stream: bool | None = None


def create(request: Request) -> Answer:
    body, store = request.body_as(RunBody), request.store
    thread = store.get(Thread, request.params["thread_id"])
    assistant = store.get(Assistant, body.assistant_id)
    active = settle(store, thread.id)
    if active is not None:
        raise GatewayError(400, f"Thread {thread.id} already has an active run {active.id}.")
    for message in body.additional_messages or ():
        add_message(store, thread.id, message)
    run = _new_run(store, body, thread, assistant)
    if body.stream:
        return Stream(_created_stream(store, run))
    return reply(run, headers=POLL_HEADERS)


def create_with_thread(request: Request) -> Answer:
    body, store = request.body_as(ThreadAndRunBody), request.store
    assistant = store.get(Assistant, body.assistant_id)
    thread = new_thread(store, body.thread or ThreadBody())
    run = _new_run(store, body, thread, assistant)
    if body.stream:
        return Stream(chain((sse_named("thread.created", thread),), _created_stream(store, run)))
    return reply(run, headers=POLL_HEADERS)


def list_runs(request: Request) -> Answer:
    thread = request.store.get(Thread, request.params["thread_id"])
    settle(request.store, thread.id)
    return list_reply(request.store.all(Run, thread.id), request)


def get(request: Request) -> Answer:
    run = _run(request)
    advance(request.store, run)
    return reply(run, headers=POLL_HEADERS)


def modify(request: Request) -> Answer:
    run = patched(_run(request), request.body_as(dict[str, object]), MODIFIABLE)
    request.store.add(run, parent=run.thread_id)
    return reply(run)


def cancel(request: Request) -> Answer:
    run = _run(request)
    if run.status not in ACTIVE:
        raise GatewayError(400, f"Cannot cancel run with status '{run.status}'.")
    run.status, run.required_action = "cancelling", None
    return reply(run)


def submit_tool_outputs(request: Request) -> Answer:
    run, body = _run(request), request.body_as(ToolOutputsBody)
    if run.status != "requires_action":
        raise GatewayError(400, f'Runs in status "{run.status}" do not accept tool outputs.')
    _complete_step(request.store, run, {item.tool_call_id: item.output for item in body.tool_outputs})
    run.status, run.required_action = "queued", None
    return Stream(_stream(request.store, run)) if body.stream else reply(run, headers=POLL_HEADERS)


def list_steps(request: Request) -> Answer:
    return list_reply(request.store.all(RunStep, _run(request).id), request)


def get_step(request: Request) -> Answer:
    return reply(request.store.get(RunStep, request.params["step_id"], _run(request).id))


def _run(request: Request) -> Run:
    thread = request.store.get(Thread, request.params["thread_id"])
    return request.store.get(Run, request.params["id"], thread.id)


def _new_run(store: Store, body: RunBody, thread: Thread, assistant: Assistant) -> Run:
    instructions = [body.instructions or assistant.instructions, body.additional_instructions]
    run = Run(
        id=new_id("run_"),
        created_at=unix_now(),
        expires_at=unix_now() + EXPIRY_S,
        thread_id=thread.id,
        assistant_id=assistant.id,
        model=body.model or assistant.model,
        instructions=" ".join(filter(None, instructions)),
        tools=assistant.tools if body.tools is None else body.tools,
        tool_choice=body.tool_choice,
        response_format=body.response_format or assistant.response_format,
        max_completion_tokens=body.max_completion_tokens,
        truncation_strategy=body.truncation_strategy or {"type": "auto", "last_messages": None},
        temperature=assistant.temperature if body.temperature is None else body.temperature,
        top_p=assistant.top_p if body.top_p is None else body.top_p,
        metadata=body.metadata or {},
    )
    store.add(run, parent=thread.id)
    return run


def _created_stream(store: Store, run: Run) -> Iterator[bytes]:
    yield sse_named("thread.run.created", run)
    yield from _stream(store, run)


def _stream(store: Store, run: Run) -> Iterator[bytes]:
    yield sse_named("thread.run.queued", run)
    for name, value in events(store, run):
        yield sse_named(name, value)
    yield b"event: done\n" + DONE


def _complete_step(store: Store, run: Run, outputs: dict[str, str]) -> None:
    step = next(step for step in store.all(RunStep, run.id) if step.status == "in_progress")
    calls = step.step_details.tool_calls if isinstance(step.step_details, ToolCalls) else []
    wanted = [call.id for call in calls]
    if set(wanted) != outputs.keys():
        message = f"Expected tool outputs for call_ids {wanted}, got {list(outputs)}"
        raise GatewayError(400, message, param="tool_outputs")
    for call in calls:
        call.function.output = outputs[call.id]
    step.status, step.completed_at = "completed", unix_now()


ROUTES = (
    Route("POST", "/v1/threads/runs", create_with_thread),
    Route("POST", "/v1/threads/{thread_id}/runs", create),
    Route("GET", "/v1/threads/{thread_id}/runs", list_runs),
    Route("GET", "/v1/threads/{thread_id}/runs/{id}", get),
    Route("POST", "/v1/threads/{thread_id}/runs/{id}", modify),
    Route("POST", "/v1/threads/{thread_id}/runs/{id}/cancel", cancel),
    Route("POST", "/v1/threads/{thread_id}/runs/{id}/submit_tool_outputs", submit_tool_outputs),
    Route("GET", "/v1/threads/{thread_id}/runs/{id}/steps", list_steps),
    Route("GET", "/v1/threads/{thread_id}/runs/{id}/steps/{step_id}", get_step),
)
