"""What limits cost a request, without the rest: `python -m loadtest.bench_limits`, in microseconds.

For instructions, which noise does not reach, the difference of two runs under valgrind's callgrind, shared out:
`python -m loadtest.bench_limits limited 2000`, and 6000. `nobody` has no virtual key, `plain` one without limits,
`limited` one with rpm, tpm and a budget; of `team` key, team and user pay.
"""

from __future__ import annotations

import sys
import time

from loadtest.bench_routing import deployment
from proxy.access.callers import caller_of
from proxy.access.directory import Directory
from proxy.access.identity import Caller, Team, User, VirtualKey
from proxy.gateway.accounts.estimate import Estimator, Quoted
from proxy.gateway.accounts.plans import Plans, PlanSettings
from proxy.gateway.reading.call import Call
from proxy.gateway.reading.routes import Kind, Route
from proxy.gateway.trying.selection import choose
from proxy.limits.ledger import Reservation
from proxy.limits.values import Unknown
from proxy.pricing.names import prices_of
from proxy.process.limits import SharedLimits
from proxy.routing.affinity import MemoryStore
from proxy.routing.router import Router, RouterSettings
from proxy.wire.form import RequestHead

COUNT = 20_000
MANY = 10**12
UNIX_S = 1_800_000_000.0
BODY = b'{"model":"large","messages":[{"role":"user","content":"%b"}],"max_tokens":100}' % (b"x" * 200)
ID = "ab" * 32
KEY = VirtualKey(id=ID, token=ID, key_name="sk-...abcd")
LIMITED = VirtualKey(
    id=ID,
    token=ID,
    key_name="sk-...abcd",
    rpm_limit=MANY,
    tpm_limit=MANY,
    max_budget=1e6,
    team_id="t",
    user_id="u",
)
CALLERS = {
    "nobody": Caller("nobody", b""),
    "plain": caller_of(KEY, None, None),
    "limited": caller_of(LIMITED, None, None),
    "team": caller_of(
        LIMITED,
        Team(team_id="t", rpm_limit=MANY, tpm_limit=MANY, max_budget=1e6),
        User(user_id="u", rpm_limit=MANY, tpm_limit=MANY),
    ),
}


def run(sort: str, count: int) -> float:
    """Microseconds of one request."""
    router = Router(
        [deployment(number, "large") for number in range(2)], RouterSettings(), store=MemoryStore(1)
    )
    prices = prices_of({"input_cost_per_token": 1e-6, "output_cost_per_token": 1e-5}, "bench")
    plans = Plans(Directory(), PlanSettings())
    estimator = Estimator(lambda _deployment, _model: Quoted(prices, 16_000))
    ledger = SharedLimits(100, 4).of(1)
    route = Route(Kind.NATIVE, "/chat/completions", b"/v1/chat/completions", chat=True, family="chat")
    head = RequestHead.of(b"POST", b"/v1/chat/completions", ())
    call = Call(
        route=route, head=head, caller=CALLERS[sort], model="large", body=BODY, length=len(BODY), json=BODY
    )
    choice = choose(call, router)
    began = time.perf_counter()
    for number in range(count):
        now = 1_000.0 + number * 0.001
        plan = plans.of(call, UNIX_S)
        if plan is None:
            continue
        demand = estimator.demand(call, choice, priced=plan.priced)
        found = ledger.reserve(plan.rules, demand, now)
        if isinstance(found, Unknown):
            for rule in found.rules:
                ledger.load(rule, 0, now)
            found = ledger.reserve(plan.rules, demand, now)
        assert isinstance(found, Reservation)
        ledger.settle(found, 120, 1_000_000, UNIX_S, now)
    return (time.perf_counter() - began) / count * 1e6


def main() -> None:
    if len(sys.argv) > 1:
        run(sys.argv[1], int(sys.argv[2]))
        return
    for sort in CALLERS:
        print(f"{sort}: {min(run(sort, COUNT) for _ in range(3)):.2f} us")


if __name__ == "__main__":
    main()
