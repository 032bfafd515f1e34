"""Usage that nobody said is guessed from bytes, and better with each answer of the model's that says it."""

from __future__ import annotations

import pytest

from proxy.accounting.estimating import FILE_TOKENS, LEARNS_EACH, MAX_MODELS, PROMPT_BYTES, Ratios
from proxy.types import Usage

REQUEST = b'{"messages":[{"role":"user","content":"' + b"word " * 2000 + b'"}]}'
PICTURE = b'{"url":"data:image/png;base64,' + b"A" * 400_000 + b'"}'


def test_a_model_of_which_nothing_is_known():
    guess = Ratios().guess("m", REQUEST, 6000, stream=False)
    assert guess == Usage(round(len(REQUEST) / PROMPT_BYTES), 1000, round(len(REQUEST) / PROMPT_BYTES) + 1000)


@pytest.mark.parametrize("stream", [False, True])
def test_a_guess_comes_nearer_with_each_answer_that_says_it(stream):
    ratios = Ratios()
    true = Usage(len(REQUEST) // 3, 500, None)
    errors = []
    for _ in range(6):
        for _ in range(LEARNS_EACH):
            ratios.learn("m", REQUEST, 40_000, true, stream=stream)
        guess = ratios.guess("m", REQUEST, 40_000, stream=stream)
        errors.append(abs(guess.output_tokens - 500) + abs(guess.input_tokens - true.input_tokens))
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < errors[0] / 2
    assert ratios.guess("other", REQUEST, 40_000, stream=stream) == Ratios().guess(
        "other", REQUEST, 40_000, stream=stream
    )


def test_streams_and_whole_answers_are_learned_apart():
    ratios = Ratios()
    ratios.learn("m", REQUEST, 100_000, Usage(1, 10), stream=True)
    assert ratios.guess("m", b"", 6000, stream=False).output_tokens == 1000


def test_a_picture_is_no_text():
    guess = Ratios().guess("m", REQUEST[:-3] + PICTURE + b"}]}", 0, stream=False)
    plain = Ratios().guess("m", REQUEST, 0, stream=False)
    assert 0 <= guess.input_tokens - plain.input_tokens - FILE_TOKENS < 20


def test_vectors_are_not_made_of_tokens():
    guess = Ratios().guess("m", REQUEST, 100_000, stream=False, makes=False)
    assert guess.output_tokens is None
    assert guess.total_tokens == guess.input_tokens


def test_a_guess_is_never_nothing():
    assert Ratios().guess("m", b"", 0, stream=True).input_tokens == 1


def test_its_memory_is_bounded():
    ratios = Ratios()
    for number in range(2 * MAX_MODELS):
        ratios.learn(str(number), b"x" * 10, 10, Usage(1, 1), stream=False)
    assert len(ratios._models) == MAX_MODELS
    assert str(2 * MAX_MODELS - 1) in ratios._models


@pytest.mark.parametrize("usage", [Usage(), Usage(0, 0), Usage(None, 5), Usage(5)])
def test_what_says_too_little_teaches_nothing_wrong(usage):
    ratios = Ratios()
    ratios.learn("m", b"", 0, usage, stream=False)
    assert ratios.guess("m", REQUEST, 600, stream=False) == Ratios().guess("m", REQUEST, 600, stream=False)
