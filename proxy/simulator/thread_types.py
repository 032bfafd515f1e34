"""The objects of the Threads API, which threads, messages and runs share.

https://platform.openai.com/docs/api-reference/threads
"""

from __future__ import annotations

import msgspec

from proxy.simulator.answer import Json, Metadata
from proxy.simulator.store import Store, Stored


class Thread(Stored, tag_field="object", tag="thread", kw_only=True):
    created_at: int = 0
    metadata: Metadata | None = msgspec.field(default_factory=dict)
    tool_resources: Json | None = msgspec.field(default_factory=dict)


class Message(Stored, tag_field="object", tag="thread.message", kw_only=True):
    created_at: int
    thread_id: str
    role: str
    content: list[Json]
    assistant_id: str | None = None
    run_id: str | None = None
    attachments: list[Json] | None = msgspec.field(default_factory=list)
    metadata: Metadata | None = msgspec.field(default_factory=dict)
    status: str = "completed"
    completed_at: int | None = None
    incomplete_at: int | None = None
    incomplete_details: Json | None = None


class Run(Stored, tag_field="object", tag="thread.run", kw_only=True):
    created_at: int
    thread_id: str
    assistant_id: str
    model: str
    instructions: str
    tools: list[Json]
    tool_choice: object
    response_format: object
    max_completion_tokens: int | None
    temperature: float | None
    top_p: float | None
    metadata: Metadata | None
    parallel_tool_calls: bool = True
    status: str = "queued"
    required_action: Json | None = None
    usage: Json | None = None
    started_at: int | None = None
    expires_at: int | None = None
    cancelled_at: int | None = None
    failed_at: int | None = None
    completed_at: int | None = None
    last_error: Json | None = None
    incomplete_details: Json | None = None
    max_prompt_tokens: int | None = None
    truncation_strategy: Json


class CalledFunction(msgspec.Struct):
    name: str
    arguments: str
    output: str | None = None


class ToolCall(msgspec.Struct, tag_field="type", tag="function"):
    id: str
    function: CalledFunction


class MessageCreation(msgspec.Struct, tag_field="type", tag="message_creation"):
    message_creation: Json


class ToolCalls(msgspec.Struct, tag_field="type", tag="tool_calls"):
    tool_calls: list[ToolCall]


class RunStep(Stored, tag_field="object", tag="thread.run.step", kw_only=True):
    created_at: int
    run_id: str
    assistant_id: str
    thread_id: str
    type: str
    step_details: MessageCreation | ToolCalls
    status: str = "in_progress"
    completed_at: int | None = None
    cancelled_at: int | None = None
    expired_at: int | None = None
    failed_at: int | None = None
    last_error: Json | None = None
    usage: Json | None = None
    metadata: Metadata | None = None


def text_part(text: str) -> Json:
    return {"type": "text", "text": {"value": text, "annotations": []}}


def message_text(message: Message) -> str:
    texts = [part.get("text") for part in message.content]
    return "\n".join(str(text.get("value")) for text in texts if isinstance(text, dict))


def delete_thread(store: Store, thread_id: str) -> None:
    """With all it holds; raises the API's 404."""
    store.remove(Thread, thread_id)
    for run in store.all(Run, thread_id):
        store.clear(RunStep, run.id)
    store.clear(Run, thread_id)
    store.clear(Message, thread_id)
