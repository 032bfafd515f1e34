from __future__ import annotations

import math

import pytest

from proxy.metrics import families as f
from proxy.metrics.exposition import STALE_S, merged
from proxy.metrics.families import FAMILIES, Kind
from proxy.metrics.table import OTHER, VALUE_CHARS, OwnBoard, Table

NOW = 1000.0


def published(table: Table, now: float = NOW) -> bytes:
    board = OwnBoard()
    list(table.ask())
    assert table.publish(board, now)
    return board.inherited()


def test_workers_add_up_and_levels_do_as_they_say() -> None:
    one, two = Table(), Table()
    for table, count in ((one, 3), (two, 4)):
        table.values[table.row(f.RETRIES, ("m",))] += count
        table.observe(f.OVERHEAD, 0.001 * count)
        table.sources.append(lambda table, count=count: table.set(f.IN_FLIGHT, count))
        table.sources.append(lambda table, count=count: table.set(f.STATE, count, ("d", "g", "m")))
        table.sources.append(lambda table, count=count: table.set(f.REMAINING_TOKENS, count, ("d", "g", "m")))
    found = merged([published(one), published(two)], NOW)
    assert found[f.RETRIES.number] == {("m",): [7.0]}
    assert found[f.IN_FLIGHT.number] == {(): [7.0]}
    assert found[f.STATE.number] == {("d", "g", "m"): [4.0]}
    assert found[f.REMAINING_TOKENS.number] == {("d", "g", "m"): [3.0]}
    (numbers,) = found[f.OVERHEAD.number].values()
    assert (sum(numbers[:-1]), numbers[-1]) == (2.0, pytest.approx(0.007))


def test_a_dead_workers_counts_stay_and_its_levels_do_not() -> None:
    table = Table()
    table.values[table.row(f.RETRIES, ("m",))] += 1
    table.sources.append(lambda table: table.set(f.IN_FLIGHT, 5))
    found = merged([published(table, NOW - STALE_S)], NOW)
    assert found[f.RETRIES.number] == {("m",): [1.0]}
    assert f.IN_FLIGHT.number not in found


def test_the_next_worker_goes_on_where_the_last_one_ended() -> None:
    before, after = Table(), Table()
    before.observe(f.OVERHEAD, 0.3)
    before.values[before.row(f.RETRIES, ("m",))] += 2
    before.sources.append(lambda table: table.set(f.IN_FLIGHT, 5))
    after.inherit(published(before))
    after.values[after.row(f.RETRIES, ("m",))] += 1
    found = merged([published(after)], NOW)
    assert found[f.RETRIES.number] == {("m",): [3.0]}
    assert found[f.OVERHEAD.number][()][-1] == pytest.approx(0.3)
    assert f.IN_FLIGHT.number not in found


def test_a_level_that_nobody_sets_any_more_is_gone() -> None:
    table = Table()
    table.sources.append(lambda table: table.set(f.QUEUE, 1))
    assert f.QUEUE.number in merged([published(table)], NOW)
    table.sources.clear()
    assert f.QUEUE.number not in merged([published(table)], NOW)


def test_series_are_bounded_and_their_sums_stay_right() -> None:
    table = Table(limit=20)
    for number in range(1000):
        table.values[table.row(f.RETRIES, (f"invented-{number}",))] += 1
    assert table.size == 21
    found = merged([published(table)], NOW)
    assert sum(numbers[0] for numbers in found[f.RETRIES.number].values()) == 1000
    assert found[f.RETRIES.number][(OTHER,)] == [981.0]
    assert found[f.OVERFLOW.number] == {(): [981.0]}


def test_a_label_is_cut() -> None:
    table = Table()
    for end in "ab":
        table.values[table.row(f.RETRIES, ("x" * VALUE_CHARS + end,))] += 1
    assert merged([published(table)], NOW)[f.RETRIES.number] == {("x" * VALUE_CHARS,): [2.0]}


def test_following_anothers_count_never_goes_back() -> None:
    table = Table()
    for count, total in ((10, 10), (12, 12), (11, 12), (13, 13), (1, 14), (0, 14), (3, 17)):
        table.follow(f.CONTAINED, count, ("requests",))
        assert table.values[table.row(f.CONTAINED, ("requests",))] == total


def test_every_metric_is_named_once_and_has_a_meaning() -> None:
    assert len({family.name for family in FAMILIES}) == len(FAMILIES)
    for number, family in enumerate(FAMILIES):
        assert family.number == number
        assert family.help.endswith(".")
        assert family.name.startswith(("litellm_", "sluice_", "process_"))
        assert bool(family.buckets) is (family.kind is Kind.HISTOGRAM)
        assert not any(map(math.isinf, family.buckets))
