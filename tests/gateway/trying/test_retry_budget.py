from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxy.gateway.trying.retry_budget import RetryBudget


def test_a_share_of_the_requests_under_way_and_a_few_always() -> None:
    budget = RetryBudget(20, 3)
    assert [budget.admit() for _ in range(4)] == [True, True, True, False]
    budget.requests = 20
    assert (budget.admit(), budget.admit()) == (True, False)
    budget.give_back(1)
    assert budget.admit()


def test_one_caller_does_not_use_up_what_others_need() -> None:
    budget = RetryBudget(20, 3)
    budget.requests = 100
    assert sum(budget.admit(b"poison") for _ in range(100)) == 20
    assert sum(budget.admit(b"one") for _ in range(100)) == 20
    assert not budget.admit(b"two"), "in an outage of all there is an end"
    budget.give_back(5, b"one")
    assert sum(budget.admit(b"two") for _ in range(100)) == 5


@given(st.lists(st.integers(0, 3), max_size=60), st.integers(0, 60))
def test_it_is_bounded_whoever_fails_and_given_back_whole(callers: list[int], requests: int) -> None:
    budget = RetryBudget(20, 3)
    budget.requests = requests
    names = [bytes([caller]) for caller in callers]
    admitted = [name for name in names if budget.admit(name)]
    limit = max(3, requests * 0.2)
    assert len(admitted) < 2 * limit + 1
    for name in admitted:
        budget.give_back(1, name)
    assert (budget.retrying, budget._used) == (0, {})
