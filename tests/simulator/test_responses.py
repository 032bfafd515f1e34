from __future__ import annotations

import json

import openai
import pytest
from openai.types.responses import FunctionToolParam

WEATHER: FunctionToolParam = {
    "type": "function",
    "name": "get_weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    "strict": False,
}


def test_a_response_lives_until_it_is_deleted(client: openai.OpenAI) -> None:
    response = client.responses.create(model="gpt-4o", input="Hello there", instructions="Be brief")
    assert response.id.startswith("resp_")
    assert response.status == "completed"
    assert "Hello there" in response.output_text
    assert response.usage is not None
    assert response.usage.total_tokens == response.usage.input_tokens + response.usage.output_tokens
    assert client.responses.retrieve(response.id) == response
    items = list(client.responses.input_items.list(response.id))
    assert [item.type for item in items] == ["message"]
    client.responses.delete(response.id)
    with pytest.raises(openai.NotFoundError, match=f"Response with id '{response.id}' not found."):
        client.responses.retrieve(response.id)


def test_a_stream_tells_the_whole_story(client: openai.OpenAI) -> None:
    events = list(client.responses.create(model="gpt-4o", input="Hello there", stream=True))
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert [event.type for event in events if event.type != "response.output_text.delta"] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    last = events[-1]
    assert last.type == "response.completed"
    assert "".join(deltas) == last.response.output_text
    assert client.responses.retrieve(last.response.id) == last.response


def test_a_limit_makes_it_incomplete(client: openai.OpenAI) -> None:
    response = client.responses.create(model="gpt-4o", input="Hello", max_output_tokens=16)
    assert response.status == "incomplete"
    assert response.incomplete_details is not None
    assert response.incomplete_details.reason == "max_output_tokens"
    events = list(client.responses.create(model="gpt-4o", input="Hello", max_output_tokens=16, stream=True))
    assert events[-1].type == "response.incomplete"


def test_a_tool_call_and_its_answer(client: openai.OpenAI) -> None:
    first = client.responses.create(model="gpt-4o", input="The weather in Rome?", tools=[WEATHER])
    call = first.output[0]
    assert call.type == "function_call"
    assert json.loads(call.arguments) == {"city": "Rome"}
    second = client.responses.create(
        model="gpt-4o",
        previous_response_id=first.id,
        tools=[WEATHER],
        input=[{"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}],
    )
    assert "sunny" in second.output_text
    assert second.usage is not None
    assert first.usage is not None
    assert second.usage.input_tokens > first.usage.total_tokens


def test_a_streamed_tool_call(client: openai.OpenAI) -> None:
    stream = client.responses.create(
        model="gpt-4o",
        input="Hello",
        tools=[WEATHER],
        tool_choice={"type": "function", "name": "get_weather"},
        stream=True,
    )
    events = list(stream)
    deltas = [event.delta for event in events if event.type == "response.function_call_arguments.delta"]
    assert json.loads("".join(deltas)) == {"city": "Paris"}


def test_an_unknown_previous_response_is_refused(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="resp_none"):
        client.responses.create(model="gpt-4o", input="Hello", previous_response_id="resp_none")


def test_what_is_not_to_be_stored_is_not(client: openai.OpenAI) -> None:
    response = client.responses.create(model="gpt-4o", input="Hello", store=False)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(response.id)


def test_a_background_response_is_done_when_looked_at(client: openai.OpenAI) -> None:
    queued = client.responses.create(model="gpt-4o", input="Hello", background=True)
    assert (queued.status, queued.output_text) == ("queued", "")
    done = client.responses.retrieve(queued.id)
    assert done.status == "completed"
    assert "Hello" in done.output_text


def test_only_a_background_response_can_be_cancelled(client: openai.OpenAI) -> None:
    queued = client.responses.create(model="gpt-4o", input="Hello", background=True)
    assert client.responses.cancel(queued.id).status == "cancelled"
    assert client.responses.retrieve(queued.id).status == "cancelled"
    done = client.responses.create(model="gpt-4o", input="Hello")
    with pytest.raises(openai.BadRequestError, match="synchronous"):
        client.responses.cancel(done.id)


def test_input_tokens_are_counted_as_they_are_billed(client: openai.OpenAI) -> None:
    counted = client.responses.input_tokens.count(model="gpt-4o", input="Hello there")
    response = client.responses.create(model="gpt-4o", input="Hello there")
    assert response.usage is not None
    assert counted.input_tokens == response.usage.input_tokens


def test_json_of_a_schema(client: openai.OpenAI) -> None:
    schema: dict[str, object] = {"type": "object", "properties": {"age": {"type": "integer"}}}
    response = client.responses.create(
        model="gpt-4o",
        input="How old?",
        text={"format": {"type": "json_schema", "name": "person", "schema": schema}},
    )
    assert json.loads(response.output_text) == {"age": 1}


def test_what_the_api_refuses(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="content"):
        client.responses.create(
            model="gpt-4o", input="", extra_body={"input": [{"role": "user", "content": 1}]}
        )
