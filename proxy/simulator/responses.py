"""Responses: https://platform.openai.com/docs/api-reference/responses"""

from __future__ import annotations

import msgspec

from proxy.errors import GatewayError
from proxy.simulator.answer import Answer, Json, Metadata, Stream, deleted, list_reply, reply
from proxy.simulator.conversations import Conversation, append_items
from proxy.simulator.generation import Ask, Generated, generate, tools_of, wanted_schema
from proxy.simulator.ids import new_id, unix_now
from proxy.simulator.request import Request
from proxy.simulator.response import Response
from proxy.simulator.response_events import events
from proxy.simulator.response_items import InputItem, input_items, item_text, output_item
from proxy.simulator.route import Route
from proxy.simulator.store import Store, Stored
from proxy.simulator.text import prompt_tokens


class ResponseBody(msgspec.Struct, kw_only=True):
    model: str
    input: str | list[Json] = ""
    instructions: str | None = None
    stream: bool | None = None
    store: bool | None = None
    background: bool | None = None
    previous_response_id: str | None = None
    conversation: str | Json | None = None
    tools: list[Json] | None = None
    tool_choice: object = None
    text: Json | None = None
    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    reasoning: Json | None = None
    metadata: Metadata | None = None
    user: str | None = None


class ResponseInput(Stored, kw_only=True):
    """What the response of this id was asked."""

    items: list[Json]


class BackgroundResult(Stored, kw_only=True):
    """What the queued response of this id becomes when it is next looked at."""

    response: Response


def create(request: Request) -> Answer:
    body, store = request.body_as(ResponseBody), request.store
    items = input_items(body.input)
    conversation = _conversation(store, body)
    generated = generate(_ask(body, items))
    prompt = _earlier_tokens(store, body) + _prompt_tokens(body, items)
    response = _response(body, generated, prompt)
    if conversation is not None:
        response.conversation = {"id": conversation.id}
        append_items(store, conversation, [*items, *response.output])
    if response.store:
        store.add(response)
        store.add(ResponseInput(id=response.id, items=items))
    if body.stream:
        return Stream(events(response, generated.tokens))
    return reply(_queued(store, response) if body.background else response)


def count_input(request: Request) -> Answer:
    body = request.body_as(ResponseBody)
    tokens = _earlier_tokens(request.store, body) + _prompt_tokens(body, input_items(body.input))
    return reply({"object": "response.input_tokens", "input_tokens": tokens})


def get(request: Request) -> Answer:
    response = _found(request)
    if response.status == "queued":
        response = request.store.remove(BackgroundResult, response.id).response
        request.store.add(response)
    return reply(response)


def delete(request: Request) -> Answer:
    response = request.store.remove(Response, request.params["id"])
    request.store.remove(ResponseInput, response.id)
    return deleted(response.id, "response")


def cancel(request: Request) -> Answer:
    response = _found(request)
    if not response.background:
        raise GatewayError(400, "Cannot cancel a synchronous response.")
    if response.status == "queued":
        request.store.remove(BackgroundResult, response.id)
        response.status = "cancelled"
    return reply(response)


def list_input_items(request: Request) -> Answer:
    response = _found(request)
    return list_reply(request.store.get(ResponseInput, response.id).items, request)


def _found(request: Request) -> Response:
    return request.store.get(Response, request.params["id"])


def _conversation(store: Store, body: ResponseBody) -> Conversation | None:
    if body.conversation is None:
        return None
    wanted = body.conversation if isinstance(body.conversation, str) else body.conversation.get("id")
    return store.get(Conversation, str(wanted))


def _ask(body: ResponseBody, items: list[Json]) -> Ask:
    last = msgspec.convert(items[-1], InputItem) if items else InputItem()
    return Ask(
        text=item_text(items[-1]) if items else "",
        from_tool=last.type.endswith("_output"),
        tools=tools_of(body.tools),
        tool_choice=body.tool_choice,
        json_schema=wanted_schema((body.text or {}).get("format")),
        max_tokens=body.max_output_tokens,
    )


def _prompt_tokens(body: ResponseBody, items: list[Json]) -> int:
    return prompt_tokens([body.instructions or "", *map(item_text, items)])


def _earlier_tokens(store: Store, body: ResponseBody) -> int:
    """Of the turns that `previous_response_id` stands for: they are read again."""
    if body.previous_response_id is None:
        return 0
    known = {response.id: response for response in store.all(Response)}
    previous = known.get(body.previous_response_id)
    if previous is None:
        message = f"Previous response with id '{body.previous_response_id}' not found."
        raise GatewayError(400, message, param="previous_response_id", code="previous_response_not_found")
    total = (previous.usage or {}).get("total_tokens")
    return total if isinstance(total, int) else 0


def _response(body: ResponseBody, generated: Generated, prompt: int) -> Response:
    now = unix_now()
    return Response(
        id=new_id("resp_"),
        created_at=now,
        completed_at=None if generated.cut else now,
        status="incomplete" if generated.cut else "completed",
        incomplete_details={"reason": "max_output_tokens"} if generated.cut else None,
        model=body.model,
        output=[output_item(generated)],
        usage=_usage(prompt, len(generated.tokens)),
        background=bool(body.background),
        instructions=body.instructions,
        max_output_tokens=body.max_output_tokens,
        metadata=body.metadata or {},
        previous_response_id=body.previous_response_id,
        reasoning=body.reasoning or {"effort": None, "summary": None},
        store=body.store is not False,
        temperature=1.0 if body.temperature is None else body.temperature,
        text={"format": {"type": "text"}, **(body.text or {})},
        tool_choice=body.tool_choice or "auto",
        tools=body.tools or [],
        top_p=1.0 if body.top_p is None else body.top_p,
        user=body.user,
    )


def _usage(prompt: int, output: int) -> Json:
    return {
        "input_tokens": prompt,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": output,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": prompt + output,
    }


def _queued(store: Store, response: Response) -> Response:
    queued = msgspec.structs.replace(response, status="queued", output=[], usage=None, completed_at=None)
    store.add(queued)
    store.add(BackgroundResult(id=response.id, response=response))
    return queued


ROUTES = (
    Route("POST", "/v1/responses", create),
    Route("POST", "/v1/responses/input_tokens", count_input),
    Route("GET", "/v1/responses/{id}", get),
    Route("DELETE", "/v1/responses/{id}", delete),
    Route("POST", "/v1/responses/{id}/cancel", cancel),
    Route("GET", "/v1/responses/{id}/input_items", list_input_items),
)
