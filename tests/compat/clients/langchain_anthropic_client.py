"""A plain answer, a stream, and a tool, by LangChain's client of Anthropic."""

import os

from langchain_anthropic import ChatAnthropic
from langchain_core.tools import tool

chat = ChatAnthropic(
    base_url=os.environ["SLUICE_URL"],
    api_key=os.environ["SLUICE_KEY"],
    model="gpt-4o",
    max_retries=0,
    max_tokens=999,
)
print(chat.invoke("Say hello").text)
print("".join(chunk.text for chunk in chat.stream("Say hello")))


@tool
def weather(city: str) -> str:
    """The weather of a city."""
    return "cold"


called = chat.bind_tools([weather], tool_choice="weather").invoke("How is the weather?")
print(called.tool_calls[0]["name"])
