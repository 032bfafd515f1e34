"""The scenario by LangChain's client of OpenAI."""

import json
import os
import sys

from langchain_core.messages import HumanMessage, ToolMessage
from langchain_openai import ChatOpenAI
from pydantic import BaseModel

chat = ChatOpenAI(
    base_url=os.environ["SLUICE_URL"] + "/v1",
    api_key=os.environ["SLUICE_KEY"],
    model=sys.argv[1],
    max_retries=0,
)


class City(BaseModel):
    """Where it is."""

    city: str


TOOL = {
    "type": "function",
    "function": {"name": "weather", "description": "W", "parameters": City.model_json_schema()},
}
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
