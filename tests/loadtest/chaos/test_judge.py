from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from loadtest.chaos.client import Seen
from loadtest.chaos.judge import Asked, Judge, Kind, Verdict
from loadtest.chaos.plan import DEAD, Plan, Spell
from loadtest.chaos.said import content, error_said, said
from proxy.errors import error_body
from proxy.gateway.telling.last_words import BROKE_OFF

DEADLINE_S = 15.0
NEVER: list[Spell] = []
ALWAYS = [Spell(0, 1000, DEAD)]
ONE_IS_WELL = Plan({"bad": ALWAYS, "good": NEVER})
NONE_IS_WELL = Plan({"bad": ALWAYS, "good": ALWAYS})
NUMBER = 7
STREAM = Asked(NUMBER, stream=True)
WHOLE = Asked(NUMBER, stream=False)
BUFFERED = Asked(NUMBER, stream=True, mode="buffered")
BY_BAD = {b"x-litellm-model-id": b"bad", b"x-litellm-call-id": b"c"}
BY_GOOD = {b"x-litellm-model-id": b"good", b"x-litellm-call-id": b"c"}
OWN = {b"x-litellm-call-id": b"c", b"retry-after": b"1"}
EVENTS = content(said("bad", NUMBER, stream=True))
TEXT = content(said("bad", NUMBER, stream=False))
GOOD_EVENTS = content(said("good", NUMBER, stream=True))
SOME = EVENTS[: EVENTS.index(b"\n\n") + 2]
FAILED = error_body("It broke.", "upstream_error", None, "upstream_failed")
RESTING = error_body("All rest.", "service_unavailable_error", None, "no_deployment_available")
ITS_500 = content(error_said("bad", NUMBER, 500))


def seen(body: bytes = b"", *, status: int = 200, headers: dict[bytes, bytes] = BY_BAD, **more: Any) -> Seen:
    plain = {"asked_at": 1.0, "ended_at": 2.0, "whole": True}
    return Seen(status=status, headers=headers, body=body, **{**plain, **more})


def judged(plan: Plan, asked: Asked, found: Seen) -> Verdict:
    return Judge(plan, DEADLINE_S).judge(asked, found, begins=500.0)


# -- what is right


@pytest.mark.parametrize(
    ("plan", "asked", "found", "kind"),
    [
        (ONE_IS_WELL, STREAM, seen(EVENTS), Kind.WHOLE),
        (ONE_IS_WELL, WHOLE, seen(TEXT), Kind.WHOLE),
        (ONE_IS_WELL, BUFFERED, seen(GOOD_EVENTS, headers=BY_GOOD), Kind.WHOLE),
        (ONE_IS_WELL, STREAM, seen(SOME, whole=False), Kind.CUT),
        (ONE_IS_WELL, STREAM, seen(SOME[:30], whole=False), Kind.CUT),
        (ONE_IS_WELL, STREAM, seen(EVENTS, whole=False), Kind.CUT),
        (ONE_IS_WELL, WHOLE, seen(TEXT[:99], whole=False), Kind.CUT),
        (ONE_IS_WELL, STREAM, seen(SOME + BROKE_OFF, whole=False), Kind.CUT_WITH_EVENT),
        (ONE_IS_WELL, STREAM, seen(SOME[:30], whole=False, left=True), Kind.LEFT),
        (ONE_IS_WELL, STREAM, seen(status=0, headers={}, whole=False, left=True), Kind.LEFT),
        (NONE_IS_WELL, STREAM, seen(b"", whole=False), Kind.CUT),
        (NONE_IS_WELL, WHOLE, seen(FAILED, status=502, headers=OWN), Kind.OWN_ERROR),
        (NONE_IS_WELL, WHOLE, seen(RESTING, status=503, headers=OWN), Kind.OWN_ERROR),
        (NONE_IS_WELL, STREAM, seen(ITS_500, status=500), Kind.UPSTREAMS_ERROR),
        (NONE_IS_WELL, BUFFERED, seen(FAILED, status=502, headers=OWN), Kind.OWN_ERROR),
    ],
)
def test_what_is_right(plan: Plan, asked: Asked, found: Seen, kind: Kind) -> None:
    assert judged(plan, asked, found) == Verdict(kind)


# -- what is wrong

ANOTHER_CODE = error_body("No.", "upstream_error", None, "upstream_timeout")
MIXED = SOME + GOOD_EVENTS[len(SOME) :]
OTHERS = content(said("bad", NUMBER + 1, stream=True))
TAMPERED = EVENTS.replace(b"chatcmpl", b"chatCmpl", 1)


@pytest.mark.parametrize(
    ("plan", "asked", "found", "said_wrong"),
    [
        (ONE_IS_WELL, STREAM, seen(SOME), "a clean end after"),
        (ONE_IS_WELL, WHOLE, seen(TEXT[:-1]), "a clean end after"),
        (ONE_IS_WELL, STREAM, seen(b""), "a clean end after 0 of"),
        (ONE_IS_WELL, STREAM, seen(EVENTS + BROKE_OFF), "a clean end after"),
        (ONE_IS_WELL, STREAM, seen(SOME + b"data: [DONE]\n\n"), "a clean end after"),
        (NONE_IS_WELL, STREAM, seen(SOME + b"data: [DONE]\n\n", whole=False), "cut after"),
        (NONE_IS_WELL, STREAM, seen(SOME + BROKE_OFF * 2, whole=False), "cut after"),
        (NONE_IS_WELL, STREAM, seen(SOME + BROKE_OFF + b"data: [DONE]\n\n", whole=False), "cut after"),
        (NONE_IS_WELL, STREAM, seen(SOME + BROKE_OFF[:-1], whole=False), "cut after"),
        (NONE_IS_WELL, WHOLE, seen(TEXT[:99] + BROKE_OFF, whole=False), "cut after"),
        (NONE_IS_WELL, STREAM, seen(SOME + b"data: %b\n\n" % FAILED, whole=False), "cut after"),
        (ONE_IS_WELL, STREAM, seen(MIXED), "a clean end after"),
        (NONE_IS_WELL, STREAM, seen(MIXED[:-5], whole=False), "cut after"),
        (ONE_IS_WELL, STREAM, seen(OTHERS), "a clean end after"),
        (ONE_IS_WELL, STREAM, seen(TAMPERED), "a clean end after"),
        (ONE_IS_WELL, STREAM, seen(EVENTS, headers=BY_GOOD), "a clean end after"),
        (ONE_IS_WELL, STREAM, seen(EVENTS, headers={}), "a clean end after"),
        (ONE_IS_WELL, STREAM, seen(GOOD_EVENTS[:99], headers=BY_GOOD, whole=False), "good was well"),
        (ONE_IS_WELL, BUFFERED, seen(SOME, whole=False), "a buffered stream was cut"),
        (ONE_IS_WELL, STREAM, seen(b"", whole=False), "another upstream was well"),
        (ONE_IS_WELL, WHOLE, seen(FAILED, status=502, headers=OWN), "another upstream was well"),
        (ONE_IS_WELL, WHOLE, seen(ITS_500, status=500), "another upstream was well"),
        (NONE_IS_WELL, WHOLE, seen(ITS_500, status=503), "503"),
        (NONE_IS_WELL, WHOLE, seen(ITS_500, status=500, headers=OWN), "500 None, from the gateway"),
        (NONE_IS_WELL, WHOLE, seen(ITS_500, status=500, headers=BY_GOOD), "500 None, from good"),
        (NONE_IS_WELL, WHOLE, seen(ANOTHER_CODE, status=502, headers=OWN), "502 upstream_timeout"),
        (NONE_IS_WELL, WHOLE, seen(FAILED, status=500, headers=OWN), "500 upstream_failed"),
        (NONE_IS_WELL, WHOLE, seen(b"Bad Gateway", status=502, headers=OWN), "not in OpenAI's shape"),
        (NONE_IS_WELL, WHOLE, seen(b'{"error":{}}', status=502, headers=OWN), "not in OpenAI's shape"),
        (NONE_IS_WELL, WHOLE, seen(FAILED, status=502, headers=OWN, whole=False), "cut off"),
        (NONE_IS_WELL, WHOLE, seen(RESTING, status=503, headers={}), "without retry-after"),
        (NONE_IS_WELL, WHOLE, seen(status=0, headers={}, whole=False), "closed unanswered"),
        (NONE_IS_WELL, WHOLE, seen(malformed="bad chunk"), "not HTTP: bad chunk"),
        (ONE_IS_WELL, STREAM, seen(MIXED[:-5], whole=False, left=True), "left after"),
        (ONE_IS_WELL, STREAM, seen(EVENTS, ended_at=1.0 + DEADLINE_S + 0.1), "took 15.1 s"),
        (NONE_IS_WELL, STREAM, seen(whole=False, hung=True), "took 1.0 s"),
    ],
)
def test_what_is_wrong(plan: Plan, asked: Asked, found: Seen, said_wrong: str) -> None:
    wrong = judged(plan, asked, found).wrong
    assert said_wrong in wrong


def test_it_is_told_where_an_answer_went_wrong() -> None:
    wrong = judged(ONE_IS_WELL, STREAM, seen(MIXED)).wrong
    at = next(at for at, (a, b) in enumerate(zip(MIXED, EVENTS, strict=False)) if a != b)
    assert f"{at} of {len(EVENTS)} bytes, then {MIXED[at : at + 80]!r}" in wrong


def test_an_upstream_that_is_well_only_later_excuses_nothing_now() -> None:
    plan = Plan({"bad": ALWAYS, "good": [Spell(600, 700, DEAD)]})
    failed = seen(FAILED, status=502, headers=OWN)
    assert judged(plan, WHOLE, failed).wrong == "another upstream was well"
    assert Judge(plan, DEADLINE_S).judge(WHOLE, failed, begins=650.0).wrong == ""
    assert judged(plan, WHOLE, replace(failed, ended_at=1.0 + DEADLINE_S)).wrong != ""
