"""The scenario by LangChain's client of Anthropic."""

import json
import os
import sys

from langchain_anthropic import ChatAnthropic
from langchain_core.messages import HumanMessage, ToolMessage
from pydantic import BaseModel

chat = ChatAnthropic(
    base_url=os.environ["SLUICE_URL"],
    api_key=os.environ["SLUICE_KEY"],
    model=sys.argv[1],
    max_retries=0,
    max_tokens=999,
)


class City(BaseModel):
    """Where it is."""

    city: str


TOOL = {"name": "weather", "description": "W", "input_schema": City.model_json_schema()}
said = {
    "chat": chat.invoke("Hi").text,
    "stream": "".join(chunk.text for chunk in chat.stream("Hi")),
    "tools": [],
}
messages = []
for question in ("How is it?", "And now?", "And then?"):
    messages.append(HumanMessage(question))
    called = chat.bind_tools([TOOL]).invoke(messages)
    call = called.tool_calls[0]
    messages += [called, ToolMessage(f"icy in {call['args']['city']}", tool_call_id=call["id"])]
    told = chat.bind_tools([TOOL]).invoke(messages)
    messages.append(told)
    said["tools"].append(told.text)
said["json"] = chat.with_structured_output(City).invoke("Where?").model_dump()
print(json.dumps(said))
