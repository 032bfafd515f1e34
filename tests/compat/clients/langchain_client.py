"""A plain answer, then a stream, by LangChain."""

import os

from langchain_openai import ChatOpenAI

chat = ChatOpenAI(
    base_url=os.environ["SLUICE_URL"] + "/v1", api_key=os.environ["SLUICE_KEY"], model="gpt-4o", max_retries=0
)
print(chat.invoke("Say hello").content)
print("".join(chunk.text for chunk in chat.stream("Say hello")))
