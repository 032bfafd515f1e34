"""What a request may cost, before anybody knows."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from proxy.gateway.accounts.estimate import Estimator, Quoted, size_of
from proxy.gateway.reading.call import Call
from proxy.gateway.reading.routes import Kind, Route
from proxy.gateway.trying.selection import choose
from proxy.limits.values import Demand
from proxy.pricing.names import prices_of
from proxy.routing.affinity import MemoryStore
from proxy.routing.router import Router, RouterSettings
from proxy.types import Deployment

Make = Callable[..., Call]
DOLLARS = {
    "input_cost_per_token": 1e-6,
    "output_cost_per_token": 1e-5,
    "input_cost_per_token_above_200k_tokens": 2e-6,
    "output_cost_per_token_above_200k_tokens": 1.5e-5,
    "input_cost_per_token_priority": 4e-6,
    "output_cost_per_token_priority": 4e-5,
    "cache_creation_input_token_cost": 1.25e-6,
}


def quoted(max_output: int | None = 16_000, **dollars: float) -> Quoted:
    return Quoted(prices_of(dollars or DOLLARS, "test"), max_output)


@pytest.fixture
def demand(a_deployment: Callable[..., Deployment]) -> Callable[..., Demand]:
    def of(call: Call, *quotes: Quoted, assumed: int | None = None) -> Demand:
        prices = dict(zip("abc", quotes or (quoted(),), strict=False))
        deployments = [a_deployment(name, model="up", group="m") for name in prices]
        router = Router(deployments, RouterSettings(), store=MemoryStore(9))
        estimator = Estimator(lambda deployment, _model: prices[deployment.id], assumed)
        return estimator.demand(call, choose(call, router), priced=True)

    return of


def body(text: int = 0, **fields: object) -> bytes:
    more = "".join(f',"{name}":{value}' for name, value in fields.items())
    return b'{"model":"m","messages":"%b"%b}' % (b"x" * text, more.encode())


def test_the_prompt_by_its_length_and_the_answer_by_its_limit(
    a_call: Make, demand: Callable[..., Demand]
) -> None:
    call = a_call(body(3_964, max_tokens=100))
    assert len(call.body) == 4_008
    found = demand(call)
    assert found == Demand(1_102, 1_002_000, 1_336 * 1_000 + 100 * 10_000)


def test_without_a_limit_the_longest_answer_there_is(a_call: Make, demand: Callable[..., Demand]) -> None:
    call = a_call(body())
    base = demand(a_call(body(max_tokens=1))).most
    assert demand(call).most == pytest.approx(16_000 * 10_000, abs=base)
    assert demand(call, quoted(None)).most == pytest.approx(4_096 * 10_000, abs=base)
    assert demand(call, assumed=500).most == pytest.approx(500 * 10_000, abs=base)


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens", "max_output_tokens"])
def test_every_name_of_the_limit_and_each_choice(
    a_call: Make, demand: Callable[..., Demand], name: str
) -> None:
    one, four = a_call(body(**{name: 1_000})), a_call(body(**{name: 1_000, "n": 4}))
    assert demand(four).most - demand(one).most == pytest.approx(3 * 1_000 * 10_000, abs=5_000)


def test_a_long_prompt_has_the_price_of_long_ones(a_call: Make, demand: Callable[..., Demand]) -> None:
    """Five of 300,000 tokens must not pass as if they were short."""
    found = demand(a_call(body(1_200_000, max_tokens=100)))
    assert found.least == pytest.approx(300_000 * 2_000, rel=1e-3)
    assert found.most == pytest.approx(400_000 * 2_000 + 100 * 15_000, rel=1e-3)


def test_the_tier_that_is_asked_for_and_what_is_written_to_the_cache(
    a_call: Make, demand: Callable[..., Demand]
) -> None:
    plain = demand(a_call(body(9_000, max_tokens=100)))
    dear = demand(a_call(body(9_000, max_tokens=100, service_tier='"priority"')))
    assert dear.most == pytest.approx(4 * plain.most, rel=0.01)
    cached = demand(a_call(body(9_000, max_tokens=100, cache_control="{}")))
    assert cached.most == pytest.approx(plain.most + 3_010 * 250, rel=0.01)
    assert cached.least == pytest.approx(plain.least, rel=0.01)


def test_the_dearest_of_those_who_could_serve_it(a_call: Make, demand: Callable[..., Demand]) -> None:
    cheap = quoted(input_cost_per_token=1e-7, output_cost_per_token=1e-6)
    call = a_call(body(4_000, max_tokens=100))
    both = demand(call, quoted(), cheap)
    assert both.most == demand(call, quoted()).most
    assert both.least == demand(call, cheap).least


def test_no_price_is_not_a_price_of_nothing(a_call: Make, demand: Callable[..., Demand]) -> None:
    call = a_call(body(4_000, max_tokens=100))
    unknown, free = Quoted(None), quoted(input_cost_per_token=0.0, output_cost_per_token=0.0)
    assert demand(call, unknown) == Demand(tokens=demand(call).tokens)
    assert demand(call, free).free
    assert not demand(call, free, unknown).free
    assert demand(call, quoted(), unknown).most == demand(call).most


def test_pictures_count_by_the_piece(a_call: Make) -> None:
    picture = '"data:image/png;base64,' + "QUJD" * 100_000 + '"'
    size = size_of(a_call(body(0, image=picture)))
    assert size.sent < 100
    assert 2_048 <= size.sent_at_most < 2_200
    assert size_of(a_call(body(0, data='"' + "x y" * 1_000 + '"'))).sent > 700, "what has blanks is text"


def test_what_only_looks_costs_nothing(a_call: Make, demand: Callable[..., Demand]) -> None:
    assert demand(a_call(b"", method=b"GET", json=None)).free


def test_embeddings_have_no_answer_that_costs(a_call: Make, demand: Callable[..., Demand]) -> None:
    route = Route(Kind.NATIVE, "/embeddings", b"/embeddings", model_needed=True, family="embeddings")
    found = demand(a_call(body(3_965), route=route))
    assert (found.tokens, found.most) == (len(body(3_965)) // 4, len(body(3_965)) // 3 * 1_000)


@pytest.mark.parametrize("odd", ['"many"', "-5", "1e99", "null", "[]", "0"])
def test_a_limit_that_is_none_is_not_heeded(a_call: Make, odd: str) -> None:
    assert size_of(a_call(body(max_tokens=odd))).made is None


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens", "max_output_tokens"])
def test_a_limit_without_measure_fits_into_the_ledger(
    a_call: Make, demand: Callable[..., Demand], name: str
) -> None:
    found = demand(a_call(body(n=10**30, **{name: 10**30})))
    assert 10**9 < found.tokens < 2**40
    assert found.most < 2**58


@pytest.mark.parametrize(
    ("said", "seconds"), [({"seconds": '"8"'}, 8), ({"seconds": 12}, 12), ({}, 25), ({"seconds": '"x"'}, 25)]
)
def test_a_film_is_not_free(
    a_call: Make, demand: Callable[..., Demand], said: dict[str, object], seconds: int
) -> None:
    """At ten cents a second."""
    route = Route(Kind.THROUGH, "/videos", b"/v1/videos", family="videos")
    found = demand(a_call(body(**said), route=route), quoted(None, output_cost_per_video_per_second=0.1))
    assert (found.most, found.free) == (seconds * 10**8, False)
