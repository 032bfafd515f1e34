"""A plain answer, then a stream, by LlamaIndex."""

import os

from llama_index.core.llms import ChatMessage
from llama_index.llms.openai import OpenAI

chat = OpenAI(
    api_base=os.environ["SLUICE_URL"] + "/v1", api_key=os.environ["SLUICE_KEY"], model="gpt-4o", max_retries=0
)
hello = [ChatMessage(role="user", content="Say hello")]
print(chat.chat(hello).message.content)
print("".join(piece.delta or "" for piece in chat.stream_chat(hello)))
