"""Objects of several keys, in several workers, over an OpenAI that works: each key sees its own."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest

from loadtest.gateway_process import GatewayProcess, running_gateway
from tests.e2e.test_virtual_keys import Litellm


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    with running_gateway(
        tmp_path_factory.mktemp("tenancy"), key="sk-gateway-master", arguments=["--num_workers", "2"]
    ) as running:
        yield running


@pytest.fixture
def litellm(gateway: GatewayProcess) -> Litellm:
    return Litellm(gateway.url)


def as_(gateway: GatewayProcess, key: str) -> openai.OpenAI:
    """A connection for each request: any worker may get it."""
    client = httpx.Client(limits=httpx.Limits(max_keepalive_connections=0))
    return openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=key, max_retries=0, http_client=client)


def test_what_one_key_makes_others_do_not_see(gateway: GatewayProcess, litellm: Litellm) -> None:
    litellm.post("/team/new", team_id="t")
    one, mate = (litellm.post("/key/generate", team_id="t")["key"] for _ in range(2))
    other = litellm.post("/key/generate")["key"]
    with (
        as_(gateway, one) as mine,
        as_(gateway, mate) as mates,
        as_(gateway, other) as others,
        as_(gateway, "sk-gateway-master") as master,
    ):
        for _ in range(5):
            file = mine.files.create(
                file=("a.txt", io.BytesIO(b"secret"), "text/plain"), purpose="assistants"
            )
            assert mine.files.content(file.id).read() == b"secret"
            assert mates.files.retrieve(file.id).id == file.id
            with pytest.raises(openai.NotFoundError) as gone:
                others.files.content(file.id)
            assert gone.value.body["code"] == "object_not_found"  # type: ignore[index]
        response = mine.responses.create(model="gpt-4o", input="Hello")
        assert mates.responses.create(model="gpt-4o", input="On", previous_response_id=response.id).id
        for ask in (
            lambda: others.responses.create(model="gpt-4o", input="On", previous_response_id=response.id),
            lambda: others.responses.retrieve(response.id),
            lambda: others.responses.delete(response.id),
            lambda: others.vector_stores.create(file_ids=[file.id]),
            lambda: others.files.delete(file.id),
        ):
            with pytest.raises(openai.NotFoundError):
                ask()
        assert [each.id for each in others.files.list()] == []
        assert master.files.retrieve(file.id).id == file.id
        master.files.list()
        assert mine.files.retrieve(file.id).id == file.id, "the operator's look has not taken it away"
        with pytest.raises(openai.NotFoundError):
            others.files.retrieve(file.id)
        store = mine.vector_stores.create(file_ids=[file.id])
        assert mates.vector_stores.files.list(store.id).data[0].id == file.id
        assert mine.files.delete(file.id).deleted


def test_lists_show_each_key_its_own_and_the_sdk_pages_through_them(
    gateway: GatewayProcess, litellm: Litellm
) -> None:
    """Two keys make things in turn, in either worker."""
    one, other = (litellm.post("/key/generate")["key"] for _ in range(2))
    made: dict[str, dict[str, list[str]]] = {one: {}, other: {}}
    with as_(gateway, one) as first, as_(gateway, other) as second:
        for _ in range(5):
            for key, asking in ((one, first), (other, second)):
                for family, id_ in make_some(asking):
                    made[key].setdefault(family, []).append(id_)
        for key, asking in ((one, first), (other, second)):
            for family, pages in lists_of(asking).items():
                assert sorted(pages) == sorted(made[key][family]), family


def make_some(asking: openai.OpenAI) -> Iterator[tuple[str, str]]:
    """Of each family, an object."""
    file = asking.files.create(file=("a.jsonl", io.BytesIO(b"{}\n"), "text/plain"), purpose="batch")
    yield "files", file.id
    messages: list[Any] = [{"role": "user", "content": "Hello"}]
    yield "stored", asking.chat.completions.create(model="gpt-4o", messages=messages, store=True).id
    yield "vector stores", asking.vector_stores.create().id
    batch = asking.batches.create(
        input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
    )
    yield "batches", batch.id
    tuning = asking.files.create(file=("t.jsonl", io.BytesIO(b"{}\n"), "text/plain"), purpose="fine-tune")
    yield "files", tuning.id
    yield "jobs", asking.fine_tuning.jobs.create(model="gpt-4o", training_file=tuning.id).id
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield "assistants", asking.beta.assistants.create(model="gpt-4o").id


def lists_of(asking: openai.OpenAI) -> dict[str, list[str]]:
    """Page by page."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return {
            "files": [each.id for each in asking.files.list(limit=2)],
            "stored": [each.id for each in asking.chat.completions.list(limit=2)],
            "vector stores": [each.id for each in asking.vector_stores.list(limit=2)],
            "batches": [each.id for each in asking.batches.list(limit=2)],
            "jobs": [each.id for each in asking.fine_tuning.jobs.list(limit=2)],
            "assistants": [each.id for each in asking.beta.assistants.list(limit=2)],
        }
