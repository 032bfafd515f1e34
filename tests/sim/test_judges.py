"""Judges must be able to fail: each catches a gateway into which one small fault was put."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest

from loadtest.sim.judges import JUDGES, verdict
from loadtest.sim.plan import Sort
from loadtest.sim.play import play
from loadtest.sim.recording import KeptRecords
from loadtest.sim.scenario import SORTS, scenario
from proxy.accounting.sse_usage import SseUsageTap
from proxy.accounting.usage import JsonUsageTap
from proxy.edge.exchange import FastExchange
from proxy.errors import Fault
from proxy.gateway import pipeline
from proxy.gateway.accounts.accounts import Accounts
from proxy.gateway.accounts.estimate import Estimator
from proxy.gateway.telling import answering, ends, holding, translating
from proxy.gateway.telling.keepalive import KeepAlive
from proxy.gateway.trying.attempts import Attempts
from proxy.gateway.trying.following import Following
from proxy.limits import ledger
from proxy.limits.ledger import Ledger
from proxy.limits.values import Refused, Rule
from proxy.providers import hidden
from proxy.providers.translation import errors
from proxy.providers.translation.chat_turns import Turns
from proxy.providers.translation.events import Said as Heard
from proxy.providers.translation.messages_reader import MessagesReader
from proxy.providers.translation.stream import StreamTranslator
from proxy.routing.health import Health
from proxy.routing.member import Member
from proxy.routing.quota import Quota
from proxy.routing.rotation import Rotation
from proxy.routing.state import DeploymentState
from proxy.types import Outcome, ResultKind, Usage
from proxy.upstream.answer import Answer
from proxy.upstream.pool import ConnectionPool
from proxy.wire.parking import Parking
from proxy.worker import plant

MOST_SEEDS = 60
Patch = Callable[[pytest.MonkeyPatch], None]


def _record_lost(patch: pytest.MonkeyPatch) -> None:
    kept = KeptRecords.record
    patch.setattr(
        KeptRecords,
        "record",
        lambda self, record: None if record.outcome is Outcome.CLIENT_GONE else kept(self, record),
    )


def _record_lies(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(pipeline._FAULTS, Fault.UPSTREAM, Outcome.OK)


def _invented_done(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ends, "last_words", lambda *_: b"data: [DONE]\n\n")


def _clean_end(patch: pytest.MonkeyPatch) -> None:
    async def end(exchange: FastExchange, *_: object) -> None:
        await exchange.end()

    patch.setattr(answering, "break_off", end)


def _bytes_twice(patch: pytest.MonkeyPatch) -> None:
    write = FastExchange.write

    async def twice(exchange: FastExchange, piece: bytes) -> None:
        await write(exchange, piece)
        await write(exchange, piece)

    patch.setattr(FastExchange, "write", twice)


def _cap_ignored(patch: pytest.MonkeyPatch) -> None:
    made = Member.__init__

    def make(self: Member, *args: Any) -> None:
        made(self, *args)
        self.limit += 1

    patch.setattr(Member, "__init__", make)


def _slot_leaked(patch: pytest.MonkeyPatch) -> None:
    settle = DeploymentState.settle

    def keep(self: DeploymentState, result: Any, now: float, tokens: int = 0) -> bool:
        outlier = settle(self, result, now, tokens)
        self.in_flight += result.kind is ResultKind.NEUTRAL
        return outlier

    patch.setattr(DeploymentState, "settle", keep)


def _connection_leaked(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Answer, "close", lambda _: None)


def _pool_left_open(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ConnectionPool, "close", lambda _: None)


def _bug(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Following, "after", lambda *_: 1 // 0)


def _leaving_unnoticed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Parking, "leave", lambda _: None)


def _never_rests(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Health, "bench", lambda *_, **__: None)


def _hidden_from_health(patch: pytest.MonkeyPatch) -> None:
    """A quota behind a 200 is taken for a fault of its server."""
    patch.setattr(hidden, "status_of", lambda _body: 502)


def _hidden_from_records(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(answering, "hidden_error", lambda *_: None)
    patch.setattr(holding, "in_answer", lambda _text: None)


def _delivered_is_gone(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(answering, "delivered", lambda *_: False)


def _silent(patch: pytest.MonkeyPatch) -> None:
    """Comments come before the answer only."""
    patch.setattr(KeepAlive, "answered", lambda self, _head: self.stop())


def _never_comes_back(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Health, "admits", lambda self, _now: not self.benched)
    patch.setattr(Health, "next_change", lambda *_: math.inf)


def _first_come_first_served(patch: pytest.MonkeyPatch) -> None:
    take = Rotation.take

    def from_the_start(self: Rotation, *args: Any) -> Member | None:
        self.at = 0
        return take(self, *args)

    patch.setattr(Rotation, "take", from_the_start)


def _made_up_usage(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(JsonUsageTap, "result", lambda _: Usage(1, 1, 2))


def _quota_ignored(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Quota, "admits", lambda *_: True)


def _no_end(patch: pytest.MonkeyPatch) -> None:
    settings = plant.attempt_settings
    patch.setattr(
        plant,
        "attempt_settings",
        lambda config: msgspec.structs.replace(settings(config), total_s=math.inf),
    )


def _minute_forgotten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ledger, "counted", lambda *_: 0)


def _refused_for_nothing(patch: pytest.MonkeyPatch) -> None:
    reserve = Ledger.reserve

    def refusing(self: Ledger, rules: Sequence[Rule], demand: Any, now: float) -> Any:
        rule = next((rule for rule in rules if rule.rpm is not None), None)
        if rule is not None and rule.rpm is not None:
            return Refused(rule, "requests", rule.rpm, rule.rpm, 1.0)
        return reserve(self, rules, demand, now)

    patch.setattr(Ledger, "reserve", refusing)


def _not_settled(patch: pytest.MonkeyPatch) -> None:
    """Of who left."""
    settle = Accounts.settle

    def seldom(self: Accounts, run: Any, reservation: Any) -> None:
        if run.record.outcome is not Outcome.CLIENT_GONE:
            settle(self, run, reservation)

    patch.setattr(Accounts, "settle", seldom)


def _budget_by_hope(patch: pytest.MonkeyPatch) -> None:
    """Nothing is reserved of a budget."""
    demand = Estimator.demand
    patch.setattr(
        Estimator,
        "demand",
        lambda self, *args, **more: msgspec.structs.replace(demand(self, *args, **more), free=True),
    )


def _asked_again(patch: pytest.MonkeyPatch) -> None:
    """After its answer was delivered."""
    attempt = Attempts._attempt

    async def again(self: Attempts, run: Any, deployment: Any) -> Any:
        following = await attempt(self, run, deployment)
        if following is None and run.record.attempts == 1:
            picked = self._slots.first(run)
            if picked is deployment:
                await attempt(self, run, picked)
        return following

    patch.setattr(Attempts, "_attempt", again)


def _is_third(event: object) -> bool:
    return isinstance(event, Heard) and event.text.startswith("2 ")


def _word_lost(patch: pytest.MonkeyPatch) -> None:
    read = MessagesReader.read
    patch.setattr(
        MessagesReader,
        "read",
        lambda self, data: [each for each in read(self, data) if not _is_third(each)],
    )


def _error_as_it_came(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(errors, "as_openai", lambda status, body: (status, body))


def _stream_as_it_came(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(StreamTranslator, "feed", lambda _self, payload: payload)


def _question_lost(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Turns, "_say", lambda self, role, _: self.turns.append({"role": role, "content": []}))
    patch.setattr(Turns, "_trim", lambda _self: None)


def _translated_for_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(translating, "tap_for", lambda _: SseUsageTap())


FAULTS: dict[str, tuple[Patch, str, Sort]] = {
    "a record is lost": (_record_lost, "records", Sort.STORM),
    "a record lies": (_record_lies, "records", Sort.STORM),
    "a broken stream ends with an invented [DONE]": (_invented_done, "relays", Sort.STORM),
    "a broken stream ends cleanly": (_clean_end, "relays", Sort.STORM),
    "bytes are sent twice": (_bytes_twice, "relays", Sort.STORM),
    "an answered request is sent again": (_asked_again, "relays", Sort.STORM),
    "a cap is ignored": (_cap_ignored, "slots", Sort.STORM),
    "a slot leaks": (_slot_leaked, "ends", Sort.STORM),
    "a connection leaks": (_connection_leaked, "ends", Sort.STORM),
    "the pool is left open": (_pool_left_open, "ends", Sort.STORM),
    "a bug": (_bug, "ends", Sort.STORM),
    "leaving is not noticed": (_leaving_unnoticed, "leaving", Sort.STORM),
    "a key never rests": (_never_rests, "rests", Sort.STORM),
    "a quota behind a 200 is not seen": (_hidden_from_health, "rests", Sort.STORM),
    "an error behind a 200 is recorded as good": (_hidden_from_records, "records", Sort.STORM),
    "who leaves with the last event is gone": (_delivered_is_gone, "records", Sort.STORM),
    "a silent stream is left silent": (_silent, "silences", Sort.STORM),
    "a key never comes back": (_never_comes_back, "rests", Sort.HEALING),
    "the first gets it all": (_first_come_first_served, "shares", Sort.CALM),
    "usage is made up": (_made_up_usage, "money", Sort.CALM),
    "a quota is ignored": (_quota_ignored, "limits", Sort.STORM),
    "a request has no end": (_no_end, "limits", Sort.STORM),
    "a key's minute is forgotten": (_minute_forgotten, "keys", Sort.STORM),
    "a key is refused for nothing": (_refused_for_nothing, "keys", Sort.STORM),
    "what was reserved is not given back": (_not_settled, "keys", Sort.STORM),
    "budgets are by hope": (_budget_by_hope, "keys", Sort.STORM),
    "a word is lost in translation": (_word_lost, "languages", Sort.STORM),
    "an error is told in its upstream's language": (_error_as_it_came, "languages", Sort.STORM),
    "a stream is told in its upstream's language": (_stream_as_it_came, "languages", Sort.STORM),
    "what a client wrote is not told": (_question_lost, "languages", Sort.STORM),
    "what a translated stream used is not counted": (_translated_for_nothing, "money", Sort.STORM),
}


@pytest.mark.pure
@pytest.mark.parametrize(("put_in", "judge", "sort"), FAULTS.values(), ids=FAULTS)
def test_a_fault_is_caught(monkeypatch: pytest.MonkeyPatch, put_in: Patch, judge: str, sort: Sort) -> None:
    put_in(monkeypatch)
    seeds = [seed for seed in range(10 * MOST_SEEDS) if SORTS[seed % len(SORTS)] is sort][:MOST_SEEDS]
    assert any(_catches(judge, seed) for seed in seeds), f"{judge} saw nothing in {MOST_SEEDS} seeds"


def _catches(judge: str, seed: int) -> bool:
    plan = scenario(seed)
    return any(wrong.startswith(f"{judge}:") for wrong in verdict(plan, play(plan)))


def test_every_judge_has_its_fault() -> None:
    assert {judge for _, judge, _ in FAULTS.values()} == set(JUDGES)
