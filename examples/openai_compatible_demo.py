"""A tour of the gateway with OpenAI's own SDK: only `base_url` and `api_key` differ from talking to OpenAI.

pip install openai
SLUICE_URL=http://localhost:4000 python examples/openai_compatible_demo.py
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import openai

GATEWAY = os.environ.get("SLUICE_URL", "http://localhost:4000")
ENV_FILE = Path(__file__).parents[1] / ".env"  # `make run` writes the gateway's key here

# OpenAI has deprecated the Assistants API in favour of Responses; the gateway carries both.
warnings.filterwarnings("ignore", message=".*deprecated", category=DeprecationWarning)


def gateway_key() -> str:
    lines = ENV_FILE.read_text().splitlines() if ENV_FILE.exists() else []
    written = dict(line.split("=", 1) for line in lines if "=" in line)
    return os.environ.get("LITELLM_MASTER_KEY") or written.get("LITELLM_MASTER_KEY") or "sk-anything"


def show_models(client: openai.OpenAI) -> None:
    print("Models:", ", ".join(model.id for model in client.models.list()))


def chat(client: openai.OpenAI) -> None:
    completion = client.chat.completions.create(
        model="gpt-4o",
        messages=[
            {"role": "system", "content": "You are a helpful assistant."},
            {"role": "user", "content": "What is the capital of France?"},
        ],
    )
    print("Chat:", completion.choices[0].message.content)
    if completion.usage:
        print("Tokens:", completion.usage.total_tokens)


def stream(client: openai.OpenAI) -> None:
    chunks = client.chat.completions.create(
        model="gpt-4o-mini",
        messages=[{"role": "user", "content": "Count from one to five."}],
        stream=True,
    )
    print("Stream: ", end="")
    for chunk in chunks:
        if chunk.choices:
            print(chunk.choices[0].delta.content or "", end="", flush=True)
    print()


def embed(client: openai.OpenAI) -> None:
    answer = client.embeddings.create(
        model="text-embedding-3-small",
        input=["The food was delicious.", "The waiter was kind."],
    )
    print("Embeddings:", len(answer.data), "vectors of", len(answer.data[0].embedding), "numbers")


def ask_an_assistant(client: openai.OpenAI) -> None:
    """By the passthrough, which carries every endpoint; assistant, thread and run stay with one upstream key."""
    assistant = client.beta.assistants.create(
        name="Math Tutor",
        instructions="You are a math tutor. Help solve equations.",
        model="gpt-4o",
    )
    thread = client.beta.threads.create()
    client.beta.threads.messages.create(thread.id, role="user", content="Solve 3x + 11 = 14")
    run = client.beta.threads.runs.create_and_poll(thread_id=thread.id, assistant_id=assistant.id)
    print("Run:", run.status)
    for message in client.beta.threads.messages.list(thread.id, order="asc"):
        for part in message.content:
            if part.type == "text":
                print(f"  {message.role}: {part.text.value}")
    client.beta.assistants.delete(assistant.id)


def main() -> None:
    key = gateway_key()
    client = openai.OpenAI(base_url=f"{GATEWAY}/v1", api_key=key)
    show_models(client)
    chat(client)
    stream(client)
    embed(client)
    ask_an_assistant(openai.OpenAI(base_url=f"{GATEWAY}/openai", api_key=key))


if __name__ == "__main__":
    main()
