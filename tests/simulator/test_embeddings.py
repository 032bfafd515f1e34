"""With the lenient client: base64, which the SDK asks for by default, does not fit its own model."""

from __future__ import annotations

import math

import httpx
import openai
import pytest

MODEL = "text-embedding-3-small"


def test_vectors_are_of_length_one_and_of_the_text(lenient: openai.OpenAI) -> None:
    answer = lenient.embeddings.create(model=MODEL, input=["same", "same", "other"])
    vectors = [item.embedding for item in answer.data]
    assert [len(vector) for vector in vectors] == [1536, 1536, 1536]
    assert math.hypot(*vectors[0]) == pytest.approx(1.0, abs=1e-5)
    assert vectors[0] == vectors[1] != vectors[2]
    assert answer.usage.total_tokens == answer.usage.prompt_tokens == 3


def test_base64_and_floats_are_the_same_vector(lenient: openai.OpenAI, http: httpx.Client) -> None:
    decoded = lenient.embeddings.create(model=MODEL, input="Hello", dimensions=8).data[0].embedding
    body = {"model": MODEL, "input": "Hello", "dimensions": 8, "encoding_format": "float"}
    floats = http.post("/v1/embeddings", json=body).json()["data"][0]["embedding"]
    assert decoded == pytest.approx(floats, abs=1e-6)


def test_the_large_model_has_more_dimensions(lenient: openai.OpenAI) -> None:
    answer = lenient.embeddings.create(model="text-embedding-3-large", input=[[1, 2], [3]])
    assert [len(item.embedding) for item in answer.data] == [3072, 3072]


@pytest.mark.parametrize("wrong", [{"dimensions": 0}, {"dimensions": 1537}, {"input": []}])
def test_what_the_api_refuses(lenient: openai.OpenAI, wrong: dict[str, object]) -> None:
    with pytest.raises(openai.BadRequestError):
        lenient.embeddings.create(model=MODEL, input="Hello", extra_body=wrong)
