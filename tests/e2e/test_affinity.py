"""Objects live under the key that made them: whoever uses them again is led there, and all else is balanced.

The simulator keeps separate objects for each of its two keys and answers 404 to the other one.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
import trio

from loadtest.answers import Answer
from tests.e2e import flows as work
from tests.e2e.flows import Flow

pytestmark = pytest.mark.filterwarnings("ignore:(The Assistants API is )?deprecated:DeprecationWarning")
FLOWS = 100
OTHER_FLOWS = 20
_fresh = itertools.count()


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


async def _side_by_side(kind, flows: list[Flow]) -> None:
    """Each stays on one key; together they use both."""
    async with trio.open_nursery() as nursery:
        for flow in flows:
            nursery.start_soon(kind, flow)
    assert [len(set(flow.keys)) for flow in flows] == [1] * len(flows)
    assert {flow.keys[0] for flow in flows} == {"simulator-1", "simulator-2"}


async def test_a_hundred_assistants_side_by_side(flow) -> None:
    await _side_by_side(work.assistants, [flow() for _ in range(FLOWS)])


@pytest.mark.parametrize("kind", [work.files_and_batches, work.vector_stores, work.responses])
@pytest.mark.parametrize("prefix", ["/openai_passthrough/v1", "/v1"])
async def test_other_objects_side_by_side(kind, prefix, flow) -> None:
    await _side_by_side(kind, [flow(prefix=prefix) for _ in range(OTHER_FLOWS)])


async def test_a_caller_without_sessions_stays_on_one_key(flow) -> None:
    flows = [flow(session=False) for _ in range(8)]
    async with trio.open_nursery() as nursery:
        for number, each in enumerate(flows):
            nursery.start_soon(
                (work.assistants, work.files_and_batches, work.vector_stores, work.responses)[number % 4],
                each,
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
    caller = flow(prefix="/v1", session=False)
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
