from __future__ import annotations

import openai
from openai.types import ModerationImageURLInputParam, ModerationTextInputParam


def test_bad_words_are_flagged(client: openai.OpenAI) -> None:
    results = client.moderations.create(input=["Have a nice day", "I will kill you"]).results
    assert [result.flagged for result in results] == [False, True]
    assert results[1].categories.violence
    assert results[1].category_scores.violence > results[0].category_scores.violence


def test_parts_are_one_input(client: openai.OpenAI) -> None:
    text: ModerationTextInputParam = {"type": "text", "text": "murder"}
    image: ModerationImageURLInputParam = {"type": "image_url", "image_url": {"url": "https://example.com/a"}}
    answer = client.moderations.create(model="omni-moderation-latest", input=[text, image])
    assert [result.flagged for result in answer.results] == [True]
