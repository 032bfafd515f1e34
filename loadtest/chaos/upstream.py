"""One upstream: a process of its own, so that it can be killed. It answers by the plan."""

from __future__ import annotations

import argparse
import re
import time
from functools import partial
from random import Random

import trio

from loadtest.answers import Answer, RawRequest
from loadtest.chaos.plan import DEAD, Plan, make_plan
from loadtest.chaos.said import said, said_in_trouble
from loadtest.mock_upstream import mock_upstream

_NUMBER = re.compile(rb'"user":"(\d+)"')
_STREAM = b'"stream":true'


def answer_by_plan(plan: Plan, name: str, began_unix_s: float, random: Random, request: RawRequest) -> Answer:
    """The request's `user` is its number."""
    found = _NUMBER.search(request.body)
    assert found is not None, request
    number, stream = int(found[1]), _STREAM in request.body
    spell = plan.now(name, time.time() - began_unix_s)
    if spell is None or spell.kind == DEAD or random.random() >= spell.share:
        return said(name, number, stream=stream)
    return said_in_trouble(name, number, spell.kind, random, stream=stream)


async def _serve(port: int, answerer: partial[Answer]) -> None:
    async with mock_upstream(port=port, keep=0) as mock:
        mock.script(answerer)
        await trio.sleep_forever()


def main() -> None:
    parser = argparse.ArgumentParser(prog="upstream", description=__doc__)
    parser.add_argument("name", help="one of the names")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--names", required=True, help="of all upstreams, parted by commas")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--began", type=float, required=True, help="when the plan begins, Unix time")
    given = parser.parse_args()
    plan = make_plan(given.seed, given.seconds, given.names.split(","))
    # Not the same dice again in the process that follows a killed one.
    trio.run(
        _serve, given.port, partial(answer_by_plan, plan, given.name, given.began, Random(time.time_ns()))
    )


if __name__ == "__main__":
    main()
