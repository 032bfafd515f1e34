"""What an answer used that does not say so: counted from the request, or guessed and marked."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from proxy.accounting.record import Record
from proxy.gateway.reading.call import Call
from proxy.gateway.reading.routes import Kind, Route
from proxy.gateway.trying.reckoning import Reckoning
from proxy.pricing.names import prices_of
from proxy.types import Usage

BY_CHARACTER = prices_of({"input_cost_per_character": 1.5e-5}, "x")
BY_TOKEN = prices_of({"input_cost_per_token": 6e-7, "output_cost_per_audio_token": 1.2e-5}, "x")


@pytest.fixture
def fill(a_call: Callable[..., Call]) -> Callable[..., Record]:
    def filled(
        path: bytes, body: bytes, answer_bytes: int = 600, prices: object = None, **fields: object
    ) -> Record:
        record = Record(call_id="c", started_unix_s=0.0, method="POST", route="x", request_bytes=len(body))
        call = a_call(body, route=Route(Kind.NATIVE, "x", path), **fields)
        Reckoning().fill(call, record, "m", answer_bytes, prices)  # type: ignore[arg-type]
        return record

    return filled


@pytest.mark.parametrize("path", [b"/chat/completions", b"/v1/completions", b"/responses"])
def test_text_is_guessed(fill, path):
    record = fill(path, b'{"input":"%b"}' % (b"x" * 888))
    assert record.usage == Usage(200, 100, 300)
    assert record.estimated


class Left:
    """What came of a stream."""

    def __init__(self, received_bytes: int, event_bytes: int) -> None:
        self.received_bytes, self.event_bytes = received_bytes, event_bytes


@pytest.mark.parametrize(
    ("path", "said", "left", "expected"),
    [
        (b"/chat/completions", None, Left(2300, 0), Usage(200, 10, 210)),
        (b"/chat/completions", None, Left(2300, 100), Usage(200, 23, 223)),
        (b"/chat/completions", None, Left(2300, 2000), Usage(200, 10, 210)),
        (
            b"/messages",
            Usage(25, 1, 26, cached_tokens=5),
            Left(2300, 100),
            Usage(25, 23, 48, cached_tokens=5),
        ),
        (b"/v1/messages", Usage(25, 400, 425), Left(2300, 100), Usage(25, 400, 425)),
        (b"/v1/messages", None, Left(0, 0), None),
        (b"/images/generations", None, Left(2300, 100), None),
    ],
)
def test_a_stream_that_was_left_is_reckoned_by_what_came_of_it(a_call, path, said, left, expected):
    record = Record(call_id="c", started_unix_s=0.0, method="POST", route="x")
    call = a_call(b'{"input":"%b"}' % (b"x" * 888), route=Route(Kind.NATIVE, "x", path))
    Reckoning().reckon_left(call, record, "m", said, left)  # type: ignore[arg-type]
    assert (record.usage, record.estimated) == (expected, expected is not None)


@pytest.mark.parametrize("path", [b"/embeddings", b"/moderations"])
def test_vectors_and_verdicts_are_guessed_by_their_prompt(fill, path):
    record = fill(path, b'{"input":"%b"}' % (b"x" * 888))
    assert (record.usage, record.estimated) == (Usage(200, None, 200), True)


def test_a_background_response_says_it_later(fill):
    assert fill(b"/responses", b'{"input":"x","background":true}').usage is None
    assert fill(b"/responses", b'{"input":"the \\"background\\""}').usage is not None


@pytest.mark.parametrize(
    ("body", "count"),
    [(b'{"prompt":"x","n":3}', 3), (b'{"prompt":"x"}', 1), (b'{"n":"many"}', 1), (b'{"n":100000}', 1)],
)
def test_pictures_are_counted_as_asked_for(fill, body, count):
    record = fill(b"/images/generations", body)
    assert (record.usage, record.estimated) == (Usage(images=count), False)


def test_speech_is_paid_by_its_characters(fill):
    record = fill(b"/audio/speech", '{"input":"é\\n…x"}'.encode(), prices=BY_CHARACTER)
    assert (record.usage, record.estimated) == (Usage(characters=4), False)
    assert fill(b"/audio/speech", b'{"input":["x"]}').usage is None


def test_speech_that_is_paid_by_tokens_is_guessed_from_its_characters(fill):
    record = fill(b"/audio/speech", b'{"input":"%b"}' % (b"x" * 150), prices=BY_TOKEN)
    assert record.usage == Usage(38, 208, 246, audio_output_tokens=208, characters=150)
    assert record.estimated


def test_sound_that_was_heard_is_guessed_by_its_size(fill):
    record = fill(b"/audio/transcriptions", b"RIFF" * 40_000)
    assert (record.usage, record.estimated) == (Usage(seconds=10.0), True)


@pytest.mark.parametrize("path", [b"/threads/thread_1/runs", b"/files", b"/batches"])
def test_nothing_is_made_up_of_anything_else(fill, path):
    assert fill(path, b"{}").usage is None


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        (b'{"prompt":"a cat","seconds":"8"}', 8.0),
        (b'{"prompt":"a cat","seconds":12}', 12.0),
        (b'{"prompt":"a cat"}', 4.0),
        (b'{"prompt":"a cat","seconds":"long"}', 4.0),
        (b'{"prompt":"a cat","seconds":"1e9"}', 4.0),
        (b'{"prompt":"a cat","seconds":"-1"}', 4.0),
    ],
)
def test_films_are_as_long_as_they_were_asked_for(fill, body, seconds):
    record = fill(b"/v1/videos", body)
    assert (record.usage, record.estimated) == (Usage(seconds=seconds), False)


def test_the_length_of_a_film_in_a_form_is_a_guess(fill):
    record = fill(b"/v1/videos", b"--b", json=None)
    assert (record.usage, record.estimated) == (Usage(seconds=4.0), True)
