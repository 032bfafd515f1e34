"""Objects of several keys, in several workers, over an OpenAI that works: each key sees its own."""

from __future__ import annotations

import io
from collections.abc import Iterator

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
        with pytest.raises(openai.PermissionDeniedError) as refused:
            others.files.list()
        assert refused.value.body["code"] == "list_of_everybody"  # type: ignore[index]
        assert master.files.retrieve(file.id).id == file.id
        master.files.list()
        assert mine.files.retrieve(file.id).id == file.id, "the operator's look has not taken it away"
        with pytest.raises(openai.NotFoundError):
            others.files.retrieve(file.id)
        store = mine.vector_stores.create(file_ids=[file.id])
        assert mates.vector_stores.files.list(store.id).data[0].id == file.id
        assert mine.files.delete(file.id).deleted
