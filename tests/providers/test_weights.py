from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.config.models import LitellmParams, ModelEntry
from proxy.providers.weights import weights


def entry(params: dict[str, float], group: str = "g") -> ModelEntry:
    return ModelEntry(model_name=group, litellm_params=LitellmParams(model="m", **params))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ([], ()),
        ([{}, {}], (1, 1)),
        ([{"weight": 5}, {"weight": 1}], (5, 1)),
        ([{"weight": 10}, {"weight": 20}], (1, 2)),
        ([{"weight": 0.7}, {"weight": 0.3}], (7, 3)),
        ([{"weight": 0.5}, {"weight": 2}], (1, 4)),
        ([{"rpm": 60}, {"rpm": 6}], (10, 1)),
        ([{"tpm": 3000}, {"tpm": 1000}], (3, 1)),
        ([{"rpm": 6, "tpm": 1}, {"rpm": 3, "tpm": 9}], (2, 1)),
        ([{"weight": 1, "rpm": 6}, {"rpm": 600}], (1, 0)),
        ([{"rpm": 6}, {"tpm": 600}], (1, 0)),
        ([{}, {"weight": 3}], (0, 1)),
        ([{"weight": 0}, {"weight": 0}], (0, 0)),
    ],
)
def test_the_first_of_weight_rpm_tpm_counts(
    params: list[dict[str, float]], expected: tuple[int, ...]
) -> None:
    assert weights([entry(one) for one in params]) == expected


def test_groups_and_tiers_do_not_mix() -> None:
    a_weights: list[dict[str, float]] = [{"weight": 4}, {"weight": 2}, {"order": 1}, {"order": 1}]
    entries = [entry({}, "b"), *(entry(params, "a") for params in a_weights), entry({}, "b")]
    assert weights(entries) == (1, 2, 1, 1, 1, 1)


@given(
    st.lists(
        st.one_of(st.integers(0, 10_000), st.decimals(0, 1000, places=3).map(float)), min_size=1, max_size=8
    )
)
def test_proportions_are_exact(written: list[float]) -> None:
    found = weights([entry({"weight": weight}) for weight in written])
    for share, weight in zip(found, written, strict=True):
        assert share * sum(written) == pytest.approx(weight * sum(found))
