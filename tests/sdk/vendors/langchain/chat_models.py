from __future__ import annotations

import openai

from langchain.schema import AIMessage, BaseMessage


class ChatOpenAI:
    """It asked by openai's package, as LangChain does."""

    def __init__(self, openai_api_base: str, model: str, temperature: float) -> None:
        self._client = openai.OpenAI(base_url=openai_api_base)
        self._model = model
        self._temperature = temperature

    def __call__(self, messages: list[BaseMessage]) -> AIMessage:
        answer = self._client.chat.completions.create(
            model=self._model,
            messages=[{"role": each.role, "content": each.content} for each in messages],
            temperature=self._temperature,
        )
        return AIMessage(answer.choices[0].message.content or "")
