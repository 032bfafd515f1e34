from __future__ import annotations

import os
import signal

from proxy.process.numbers import SharedNumbers


def test_what_one_worker_publishes_all_others_read() -> None:
    numbers = SharedNumbers(3)
    one, two = numbers.of(1), numbers.of(2)
    assert one.inherited() == b""
    for number in range(5):
        assert one.publish(b"%d" % number)
    assert two.publish(b"two")
    assert numbers.of(3).sheets() == [b"4", b"two", b""]
    assert numbers.of(1).inherited() == b"4"


def test_what_does_not_fit_is_refused_and_leaves_what_was() -> None:
    place = SharedNumbers(1, half_bytes=64).of(1)
    assert place.publish(b"x" * 48)
    assert not place.publish(b"x" * 49)
    assert place.sheets() == [b"x" * 48]


def test_a_half_that_is_torn_leaves_the_one_before() -> None:
    numbers = SharedNumbers(1, half_bytes=64)
    place = numbers.of(1)
    place.publish(b"first")
    place.publish(b"second")
    for at in (0, 64):
        torn = numbers._memory[at : at + 64]
        numbers._memory[at + 20] ^= 1
        assert place.sheets() == [b"second" if b"first" in torn else b"first"]
        numbers._memory[at : at + 64] = torn


def test_a_worker_that_is_killed_while_it_writes_leaves_whole_numbers() -> None:
    numbers = SharedNumbers(1)
    place = numbers.of(1)
    last = 0
    for _ in range(20):
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            own = numbers.of(1)
            number = last
            while True:
                number += 1
                own.publish(b"%08d" % number * 20_000)
                os.write(writer, b"%08d" % number)
        os.close(writer)
        told = os.read(reader, 8)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        with os.fdopen(reader, "rb") as rest:
            told = (told + rest.read())[-8:]
        (sheet,) = place.sheets()
        assert sheet == sheet[:8] * 20_000
        assert int(sheet[:8]) >= int(told)
        last = int(sheet[:8])
