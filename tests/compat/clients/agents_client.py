"""One run of OpenAI's Agents SDK, by the Responses API."""

import asyncio
import os

from agents import Agent, OpenAIResponsesModel, Runner, set_tracing_disabled
from openai import AsyncOpenAI

set_tracing_disabled(True)
client = AsyncOpenAI(
    base_url=os.environ["SLUICE_URL"] + "/v1", api_key=os.environ["SLUICE_KEY"], max_retries=0
)
agent = Agent(name="a", instructions="Be kind.", model=OpenAIResponsesModel("gpt-4o", client))


async def main() -> None:
    print((await Runner.run(agent, "Say hello")).final_output)
    streamed = Runner.run_streamed(agent, "Say hello")
    async for _ in streamed.stream_events():
        pass
    print(streamed.final_output)


asyncio.run(main())
