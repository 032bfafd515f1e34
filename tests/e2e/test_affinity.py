"""Objects live under the key that made them: whoever uses them again is led there, and all else is balanced.

The simulator keeps separate objects for each of its two keys and answers 404 to the other one.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable, Iterator

import openai
import pytest
import trio

from loadtest.answers import Answer

pytestmark = pytest.mark.filterwarnings("ignore:(The Assistants API is )?deprecated:DeprecationWarning")
FLOWS = 100
OTHER_FLOWS = 20
MODEL_ID, SESSION = "x-litellm-model-id", "x-litellm-session-id"
_fresh = itertools.count()


class Flow:
    """One user of the SDK, and the keys that its calls went to."""

    def __init__(self, url: str, key: str, session: str | None) -> None:
        self.keys: list[str] = []
        # No TLS here, and loading the trusted certificates for each flow takes longer than the flow.
        http = openai.DefaultAsyncHttpxClient(event_hooks={"response": [self._see]}, timeout=60, verify=False)
        headers = {SESSION: session} if session else {}
        self.sdk = openai.AsyncOpenAI(
            base_url=url, api_key=key, max_retries=0, http_client=http, default_headers=headers
        )

    async def _see(self, response) -> None:
        self.keys.append(response.headers[MODEL_ID].partition("/")[0])


@pytest.fixture
async def flow(gateway_url, gateway_key) -> AsyncIterator[Callable[..., Flow]]:
    """Makes flows with sessions of their own, or with none."""
    made: list[Flow] = []

    def make(*, prefix: str = "/openai/v1", session: bool = True) -> Flow:
        made.append(Flow(gateway_url + prefix, gateway_key, f"session {next(_fresh)}" if session else None))
        return made[-1]

    yield make
    for each in made:
        await each.sdk.close()


async def _assistants(flow: Flow) -> None:
    beta = flow.sdk.beta
    assistant = await beta.assistants.create(model="gpt-4o", instructions="Be brief.")
    thread = await beta.threads.create()
    await beta.threads.messages.create(thread.id, role="user", content="What is the capital of France?")
    run = await beta.threads.runs.create(thread.id, assistant_id=assistant.id)
    while run.status in ("queued", "in_progress"):
        run = await beta.threads.runs.retrieve(run.id, thread_id=thread.id)
    assert run.status == "completed"
    messages = await beta.threads.messages.list(thread.id)
    assert [message.role for message in messages.data] == ["assistant", "user"]
    assert (await beta.threads.delete(thread.id)).deleted
    assert (await beta.assistants.delete(assistant.id)).deleted


async def _files_and_batches(flow: Flow) -> None:
    line = b'{"custom_id":"1","method":"POST","url":"/v1/embeddings","body":{"model":"m","input":"x"}}\n'
    made = await flow.sdk.files.create(file=("lines.jsonl", line), purpose="batch")
    assert (await flow.sdk.files.content(made.id)).content == line
    batch = await flow.sdk.batches.create(
        input_file_id=made.id, endpoint="/v1/embeddings", completion_window="24h"
    )
    while batch.status != "completed":
        batch = await flow.sdk.batches.retrieve(batch.id)
    assert batch.output_file_id is not None
    assert b'"custom_id":"1"' in (await flow.sdk.files.content(batch.output_file_id)).content
    assert (await flow.sdk.files.delete(made.id)).deleted


async def _vector_stores(flow: Flow) -> None:
    made = await flow.sdk.files.create(file=("facts.txt", b"Paris is in France."), purpose="assistants")
    store = await flow.sdk.vector_stores.create(name="facts")
    await flow.sdk.vector_stores.files.create(store.id, file_id=made.id)
    assert [item.id async for item in flow.sdk.vector_stores.files.list(store.id)] == [made.id]
    assert (await flow.sdk.vector_stores.search(store.id, query="Paris")).data
    await flow.sdk.vector_stores.files.delete(made.id, vector_store_id=store.id)
    assert (await flow.sdk.files.retrieve(made.id)).filename == "facts.txt"
    await flow.sdk.vector_stores.delete(store.id)


async def _responses(flow: Flow) -> None:
    first = await flow.sdk.responses.create(model="gpt-4o", input="I am Ada.")
    second = await flow.sdk.responses.create(model="gpt-4o", input="Who am I?", previous_response_id=first.id)
    assert second.previous_response_id == first.id
    assert (await flow.sdk.responses.retrieve(second.id)).id == second.id
    assert (await flow.sdk.responses.input_items.list(second.id)).data
    await flow.sdk.responses.delete(first.id)


async def _side_by_side(work, flows: list[Flow]) -> None:
    """Each stays on one key; together they use both."""
    async with trio.open_nursery() as nursery:
        for flow in flows:
            nursery.start_soon(work, flow)
    assert [len(set(flow.keys)) for flow in flows] == [1] * len(flows)
    assert {flow.keys[0] for flow in flows} == {"simulator-1", "simulator-2"}


async def test_a_hundred_assistants_side_by_side(flow) -> None:
    await _side_by_side(_assistants, [flow() for _ in range(FLOWS)])


@pytest.mark.parametrize("work", [_files_and_batches, _vector_stores, _responses])
@pytest.mark.parametrize("prefix", ["/openai_passthrough/v1", "/v1"])
async def test_other_objects_side_by_side(work, prefix, flow) -> None:
    await _side_by_side(work, [flow(prefix=prefix) for _ in range(OTHER_FLOWS)])


async def test_a_caller_without_sessions_stays_on_one_key(flow) -> None:
    flows = [flow(session=False) for _ in range(8)]
    async with trio.open_nursery() as nursery:
        for number, each in enumerate(flows):
            nursery.start_soon(
                (_assistants, _files_and_batches, _vector_stores, _responses)[number % 4], each
            )
    assert len({key for each in flows for key in each.keys}) == 1


async def test_what_one_session_made_another_finds(flow) -> None:
    makers = [flow() for _ in range(16)]
    made = [await each.sdk.files.create(file=b"x", purpose="user_data") for each in makers]
    assert {key for each in makers for key in each.keys} == {"simulator-1", "simulator-2"}
    stranger = flow()
    for maker, file in zip(makers, made, strict=True):
        assert (await stranger.sdk.files.retrieve(file.id)).id == file.id
        assert stranger.keys[-1] == maker.keys[0]


async def test_the_other_key_does_not_have_the_object(flow) -> None:
    """The simulator does tell the keys apart: only the gateway's memory makes the tests above pass."""
    makers = [flow() for _ in range(16)]
    for each in makers:
        await each.sdk.files.create(file=b"x", purpose="user_data")
    lists = [{file.id async for file in each.sdk.files.list(limit=1000)} for each in makers]
    by_key = {each.keys[0]: listed for each, listed in zip(makers, lists, strict=True)}
    assert not by_key["simulator-1"] & by_key["simulator-2"]


async def test_stateless_calls_take_turns(flow) -> None:
    caller = flow(prefix="/v1")
    for _ in range(4):
        await caller.sdk.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "Hi"}])
        await caller.sdk.embeddings.create(model="text-embedding-3-small", input="x")
    assert caller.keys[::2].count("simulator-1") == caller.keys[1::2].count("simulator-1") == 2


SCOPED = """
model_list:
  - model_name: gpt-4o
    litellm_params: {model: gpt-4o, api_base: UPSTREAM, api_key: sk-one}
    model_info: {object_scope: project-a}
  - model_name: gpt-4o
    litellm_params: {model: gpt-4o, api_base: UPSTREAM, api_key: sk-two}
    model_info: {object_scope: project-a}
"""


@pytest.fixture(scope="module")
def scoped(start, connect) -> Iterator:
    with start(SCOPED) as gateway, connect(gateway) as client:
        yield client


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/openai/v1/threads", b"{}"),
        ("POST", "/openai/v1/assistants", b'{"model":"gpt-4o"}'),
        ("POST", "/v1/responses", b'{"model":"gpt-4o","previous_response_id":"resp_of-project-a"}'),
        ("GET", "/openai/v1/threads/thread_of-project-a", b""),
    ],
)
def test_keys_of_one_scope_are_balanced_freely(method, path, body, scoped, upstream) -> None:
    upstream.say(Answer(body=b'{"id":"thread_of-project-a"}'), Answer(body=b'{"id":"resp_of-project-a"}'))
    for _ in range(2):
        scoped.request("POST", "/openai/v1/threads", b"{}")
    for _ in range(4):
        scoped.request(method, path, body)
    keys = [request.header(b"authorization") for request in upstream.requests[2:]]
    assert sorted(keys) == [b"Bearer sk-one"] * 2 + [b"Bearer sk-two"] * 2
