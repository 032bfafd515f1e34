from __future__ import annotations

import json

import openai
import pytest
from openai.types.beta import FunctionToolParam
from openai.types.beta.threads import Message

pytestmark = pytest.mark.filterwarnings("ignore:(The Assistants API is )?deprecated:DeprecationWarning")

WEATHER: FunctionToolParam = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


@pytest.fixture(scope="module")
def assistant_id(client: openai.OpenAI) -> str:
    return client.beta.assistants.create(model="gpt-4o", instructions="Help.", tools=[WEATHER]).id


def _thread(client: openai.OpenAI, content: str = "Solve 3x + 11 = 14") -> str:
    return client.beta.threads.create(messages=[{"role": "user", "content": content}]).id


def _text(message: Message) -> str:
    part = message.content[0]
    assert part.type == "text"
    return part.text.value


def test_a_run_moves_as_it_is_polled_and_answers(client: openai.OpenAI, assistant_id: str) -> None:
    runs, thread_id = client.beta.threads.runs, _thread(client)
    run = runs.create(thread_id, assistant_id=assistant_id)
    assert (run.status, run.model, run.instructions) == ("queued", "gpt-4o", "Help.")
    polled = [runs.retrieve(run.id, thread_id=thread_id) for _ in range(3)]
    assert [run.status for run in polled] == ["in_progress", "completed", "completed"]
    usage = polled[-1].usage
    assert usage is not None
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    answer = client.beta.threads.messages.list(thread_id).data[0]
    assert (answer.role, answer.run_id, answer.assistant_id) == ("assistant", run.id, assistant_id)
    assert "3x + 11 = 14" in _text(answer)
    assert [item.id for item in client.beta.threads.messages.list(thread_id, run_id=run.id)] == [answer.id]


def test_a_run_has_steps(client: openai.OpenAI, assistant_id: str) -> None:
    runs, thread_id = client.beta.threads.runs, _thread(client)
    run = runs.create_and_poll(thread_id=thread_id, assistant_id=assistant_id)
    (step,) = runs.steps.list(run.id, thread_id=thread_id)
    assert step.status == "completed"
    assert step.step_details.type == "message_creation"
    assert runs.steps.retrieve(step.id, thread_id=thread_id, run_id=run.id) == step


def test_whoever_reads_the_messages_finds_the_answer(client: openai.OpenAI, assistant_id: str) -> None:
    thread_id = _thread(client)
    run = client.beta.threads.runs.create(thread_id, assistant_id=assistant_id)
    assert len(client.beta.threads.messages.list(thread_id).data) == 2
    assert client.beta.threads.runs.retrieve(run.id, thread_id=thread_id).status == "completed"


def test_tool_outputs_are_waited_for(client: openai.OpenAI, assistant_id: str) -> None:
    runs, thread_id = client.beta.threads.runs, _thread(client, "The weather in Rome?")
    run = runs.create_and_poll(thread_id=thread_id, assistant_id=assistant_id)
    assert run.status == "requires_action"
    assert run.required_action is not None
    (call,) = run.required_action.submit_tool_outputs.tool_calls
    assert json.loads(call.function.arguments) == {"city": "Rome"}
    with pytest.raises(openai.BadRequestError, match="Can't add messages"):
        client.beta.threads.messages.create(thread_id, role="user", content="Hello?")
    with pytest.raises(openai.BadRequestError, match="already has an active run"):
        runs.create(thread_id, assistant_id=assistant_id)
    with pytest.raises(openai.BadRequestError, match="Expected tool outputs"):
        runs.submit_tool_outputs(run.id, thread_id=thread_id, tool_outputs=[])
    done = runs.submit_tool_outputs_and_poll(
        run_id=run.id, thread_id=thread_id, tool_outputs=[{"tool_call_id": call.id, "output": "sunny"}]
    )
    assert done.status == "completed"
    assert "sunny" in _text(client.beta.threads.messages.list(thread_id).data[0])
    kinds = [step.type for step in runs.steps.list(run.id, thread_id=thread_id, order="asc")]
    assert kinds == ["tool_calls", "message_creation"]
    with pytest.raises(openai.BadRequestError, match="do not accept tool outputs"):
        runs.submit_tool_outputs(run.id, thread_id=thread_id, tool_outputs=[])


def test_a_run_can_be_cancelled_until_it_is_done(client: openai.OpenAI, assistant_id: str) -> None:
    runs, thread_id = client.beta.threads.runs, _thread(client)
    run = runs.create(thread_id, assistant_id=assistant_id)
    assert runs.cancel(run.id, thread_id=thread_id).status == "cancelling"
    assert runs.retrieve(run.id, thread_id=thread_id).status == "cancelled"
    with pytest.raises(openai.BadRequestError, match="Cannot cancel"):
        runs.cancel(run.id, thread_id=thread_id)


def test_a_streamed_run_tells_the_whole_story(client: openai.OpenAI, assistant_id: str) -> None:
    thread_id = _thread(client)
    stream = client.beta.threads.runs.create(thread_id, assistant_id=assistant_id, stream=True)
    events = list(stream)
    assert [event.event for event in events if event.event != "thread.message.delta"] == [
        "thread.run.created",
        "thread.run.queued",
        "thread.run.in_progress",
        "thread.run.step.created",
        "thread.run.step.in_progress",
        "thread.message.created",
        "thread.message.in_progress",
        "thread.message.completed",
        "thread.run.step.completed",
        "thread.run.completed",
    ]
    stored = client.beta.threads.messages.list(thread_id).data[0]
    whole = next(event.data for event in events if event.event == "thread.message.completed")
    assert whole == stored


def test_the_sdk_s_stream_helper_sees_the_text(client: openai.OpenAI, assistant_id: str) -> None:
    thread_id = _thread(client)
    with client.beta.threads.runs.stream(thread_id=thread_id, assistant_id=assistant_id) as stream:
        text = "".join(stream.text_deltas)
    assert text == _text(client.beta.threads.messages.list(thread_id).data[0])


def test_a_streamed_run_stops_for_tool_outputs_and_goes_on(client: openai.OpenAI, assistant_id: str) -> None:
    runs, thread_id = client.beta.threads.runs, _thread(client, "The weather in Rome?")
    events = list(runs.create(thread_id, assistant_id=assistant_id, stream=True))
    last = events[-1]
    assert last.event == "thread.run.requires_action"
    assert last.data.required_action is not None
    (call,) = last.data.required_action.submit_tool_outputs.tool_calls
    stream = runs.submit_tool_outputs(
        last.data.id,
        thread_id=thread_id,
        tool_outputs=[{"tool_call_id": call.id, "output": "sunny"}],
        stream=True,
    )
    names = [event.event for event in stream]
    assert (names[0], names[-1]) == ("thread.run.queued", "thread.run.completed")


def test_create_and_run(client: openai.OpenAI, assistant_id: str) -> None:
    run = client.beta.threads.create_and_run(
        assistant_id=assistant_id, thread={"messages": [{"role": "user", "content": "Hello"}]}
    )
    assert len(client.beta.threads.messages.list(run.thread_id).data) == 2
    stream = client.beta.threads.create_and_run(assistant_id=assistant_id, stream=True)
    names = [event.event for event in stream]
    assert names[:2] == ["thread.created", "thread.run.created"]


def test_a_run_may_differ_from_its_assistant(client: openai.OpenAI, assistant_id: str) -> None:
    runs, thread_id = client.beta.threads.runs, _thread(client)
    run = runs.create(
        thread_id,
        assistant_id=assistant_id,
        model="gpt-4o-mini",
        additional_instructions="Be brief.",
        additional_messages=[{"role": "user", "content": "Quickly!"}],
        max_completion_tokens=2,
    )
    assert (run.model, run.instructions) == ("gpt-4o-mini", "Help. Be brief.")
    assert runs.update(run.id, thread_id=thread_id, metadata={"a": "1"}).metadata == {"a": "1"}
    (ended,) = runs.list(thread_id)
    assert (ended.status, ended.metadata) == ("incomplete", {"a": "1"})


@pytest.mark.parametrize(("thread", "assistant"), [("thread_none", None), (None, "asst_none")])
def test_unknown_ids_are_404(
    client: openai.OpenAI, assistant_id: str, thread: str | None, assistant: str | None
) -> None:
    with pytest.raises(openai.NotFoundError, match="_none"):
        client.beta.threads.runs.create(thread or _thread(client), assistant_id=assistant or assistant_id)
