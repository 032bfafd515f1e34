from __future__ import annotations

import openai

MODEL = "gpt-3.5-turbo-instruct"


def test_two_prompts_with_two_answers_each(client: openai.OpenAI) -> None:
    completion = client.completions.create(model=MODEL, prompt=["One", "Two"], n=2, max_tokens=100, echo=True)
    assert [choice.index for choice in completion.choices] == [0, 1, 2, 3]
    assert [choice.text[:3] for choice in completion.choices] == ["One", "One", "Two", "Two"]
    assert completion.usage is not None
    assert completion.usage.prompt_tokens == 2


def test_the_default_limit_is_the_api_s_own(client: openai.OpenAI) -> None:
    completion = client.completions.create(model=MODEL, prompt="Hello")
    assert completion.choices[0].finish_reason == "length"
    assert completion.usage is not None
    assert completion.usage.completion_tokens == 16


def test_token_ids(client: openai.OpenAI) -> None:
    one = client.completions.create(model=MODEL, prompt=[1, 2], max_tokens=100)
    assert '"1 2"' in one.choices[0].text
    two = client.completions.create(model=MODEL, prompt=[[1, 2], [3]])
    assert len(two.choices) == 2


def test_a_stream(lenient: openai.OpenAI) -> None:
    whole = lenient.completions.create(model=MODEL, prompt="Hello", max_tokens=100)
    stream = lenient.completions.create(
        model=MODEL, prompt="Hello", max_tokens=100, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    assert "".join(chunk.choices[0].text for chunk in chunks[:-1]) == whole.choices[0].text
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].usage == whole.usage
