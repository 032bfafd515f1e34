"""What users do with objects, by OpenAI's SDK: each flow works only where all of its calls reach one project."""

from __future__ import annotations

import httpx
import openai

MODEL_ID, SESSION = "x-litellm-model-id", "x-litellm-session-id"
KEPT = {False: httpx.Limits(), True: httpx.Limits(max_keepalive_connections=0)}


class Flow:
    """One user of the SDK, and the keys that its calls went to."""

    def __init__(self, url: str, key: str, session: str | None, *, reconnects: bool = False) -> None:
        """`reconnects`: each call is a connection of its own, which any worker may take."""
        self.keys: list[str] = []
        # No TLS here, and loading the trusted certificates for each flow takes longer than the flow.
        http = openai.DefaultAsyncHttpxClient(
            event_hooks={"response": [self._see]}, timeout=60, verify=False, limits=KEPT[reconnects]
        )
        headers = {SESSION: session} if session else {}
        self.sdk = openai.AsyncOpenAI(
            base_url=url, api_key=key, max_retries=0, http_client=http, default_headers=headers
        )

    async def _see(self, response) -> None:
        self.keys.append(response.headers[MODEL_ID].partition("/")[0])


async def assistants(flow: Flow) -> None:
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


async def files_and_batches(flow: Flow) -> None:
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


async def vector_stores(flow: Flow) -> None:
    made = await flow.sdk.files.create(file=("facts.txt", b"Paris is in France."), purpose="assistants")
    store = await flow.sdk.vector_stores.create(name="facts")
    await flow.sdk.vector_stores.files.create(store.id, file_id=made.id)
    assert [item.id async for item in flow.sdk.vector_stores.files.list(store.id)] == [made.id]
    assert (await flow.sdk.vector_stores.search(store.id, query="Paris")).data
    await flow.sdk.vector_stores.files.delete(made.id, vector_store_id=store.id)
    assert (await flow.sdk.files.retrieve(made.id)).filename == "facts.txt"
    await flow.sdk.vector_stores.delete(store.id)


async def responses(flow: Flow) -> None:
    first = await flow.sdk.responses.create(model="gpt-4o", input="I am Ada.")
    second = await flow.sdk.responses.create(model="gpt-4o", input="Who am I?", previous_response_id=first.id)
    assert second.previous_response_id == first.id
    assert (await flow.sdk.responses.retrieve(second.id)).id == second.id
    assert (await flow.sdk.responses.input_items.list(second.id)).data
    await flow.sdk.responses.delete(first.id)
