from __future__ import annotations

import pytest

from loadtest.answers import DONE, Answer, Fault, Framing, chat
from loadtest.orders import ORDERS, BadOrder, ordered


def test_orders_change_the_answer_in_a_fixed_order() -> None:
    answer = ordered("retry_after=2 ; status=429", chat())
    assert answer.status == 429
    assert (b"retry-after", b"2") in answer.headers


def test_streams_and_their_pace() -> None:
    answer = ordered("events=3; gap_ms=20", chat())
    assert isinstance(answer.body, tuple)
    assert (len(answer.body), answer.body[-1], answer.gap_s) == (4, DONE, 0.02)


@pytest.mark.parametrize(
    ("text", "fault", "at"),
    [
        ("reset=10", Fault.RESET, 10),
        ("truncate", Fault.CLOSE, 0),
        ("half_close=3", Fault.HALF_CLOSE, 3),
        ("stall=3", Fault.STALL, 3),
        ("silence", Fault.STALL, 0),
    ],
)
def test_faults(text: str, fault: Fault, at: int) -> None:
    answer = ordered(text, chat())
    assert (answer.fault, answer.fault_at) == (fault, at)


def test_framings_and_lies() -> None:
    plain = Answer(body=b"abc")
    assert ordered("chunked", plain).framing is Framing.CHUNKED
    assert ordered("until_close", plain).framing is Framing.CLOSE
    assert ordered("wrong_length=-1", plain).content_length == 2
    assert b"zz\r\n" in (ordered("bad_chunk", plain).raw or b"")
    assert ordered("garbage", plain).close_after


def test_an_empty_header_orders_nothing() -> None:
    assert ordered("", chat()) == chat()


@pytest.mark.parametrize("text", ["explode", "status=many", "size=", "events=3; wrong_length=x"])
def test_bad_orders_say_what_is_wrong(text: str) -> None:
    with pytest.raises(BadOrder, match="x-mock"):
        ordered(text, chat())


def test_every_order_that_needs_no_value_works_without_one() -> None:
    for name in ORDERS.keys() - {
        "size",
        "events",
        "status",
        "gap_ms",
        "delay_ms",
        "piece_bytes",
        "wrong_length",
    }:
        assert ordered(name, chat()) != chat()
