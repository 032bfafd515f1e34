"""What one request costs: the same numbers on a busy machine as on a quiet one.

`make instructions`: the gateway runs under valgrind's callgrind, once for few requests and once for more; the
difference, shared out, is what one costs. System calls count as one instruction: what the kernel does is not in it.
Meanwhile the gateway's clock nearly stands still (`slow_clock.c`), so that what it does now and then is not shared out
among a handful of requests. Bytecodes are counted likewise, by the interpreter's own tracing, from the sources.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections import Counter
from functools import partial
from pathlib import Path

from loadtest.bench.machine import ROOT
from loadtest.instructions.asking import LIMITED_KEY, PLAIN_KEY, plain, proxied
from loadtest.instructions.counted import FEW, MORE, Case, Functions, bytecodes, instructions
from proxy.loading import PURE_VARIABLE, settled

NOTHING = {"access_log": "off", "state": "off", "metrics": False}
_limited = partial(plain, key=LIMITED_KEY)
CASES = {
    "chat-behind-a-proxy": Case(proxied),
    "one-head-again": Case(lambda _: proxied(0)),
    "chat": Case(plain),
    "chat-with-a-key": Case(partial(plain, key=PLAIN_KEY)),
    "chat-with-limits": Case(_limited),
    "stream-of-64-events": Case(partial(plain, stream=True)),
}
"""With all that the bench's configuration has: log, state file, metrics."""
PARTS = {
    "chat, nothing of it is told": Case(plain, NOTHING),
    "+ access log": Case(plain, {**NOTHING, "access_log": "json"}),
    "+ metrics": Case(plain, {"state": "off"}),
    "+ state file": Case(plain),
    "+ virtual key": Case(partial(plain, key=PLAIN_KEY)),
    "+ rpm, tpm, budget": Case(_limited),
}
"""Each with those before it."""
BASE = "+ access log"
"""What a gateway that keeps no account does: the issue of accounting is what comes on top."""


def main() -> int:
    given = _arguments()
    if given.pure:
        os.environ[PURE_VARIABLE] = "1"
    print(f"build: {settled(ROOT, os.environ).value}; bytecodes are those of the sources")
    if shutil.which("valgrind") is None:
        print("install first: valgrind", file=sys.stderr)
        return 1
    print(f"{'':30} {'instructions':>12} {'bytecodes':>10}")
    if given.parts:
        _show_parts(given)
    else:
        wanted = given.cases.split(",") if given.cases else CASES
        for name in wanted:
            _count(name, CASES[name], given)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="instructions", description=__doc__)
    parser.add_argument(
        "--keep", type=Path, help="folder for the callgrind files, to be read by callgrind_annotate"
    )
    parser.add_argument("--cases", default="", help="of " + ", ".join(CASES))
    parser.add_argument(
        "--pure", action="store_true", help="from the sources, though compiled modules are there"
    )
    parser.add_argument("--parts", action="store_true", help="what each part of the accounting costs a chat")
    parser.add_argument("--bytecodes", action="store_true", help="those alone: seconds, without valgrind")
    parser.add_argument(
        "--functions", type=int, default=0, help="the N with the most bytecodes, of each case"
    )
    parser.add_argument("--rooms", action="store_true", help="bytecodes by room of the house, of each case")
    return parser.parse_args()


def _show_parts(given: argparse.Namespace) -> None:
    counts = {name: _count(name, case, given) for name, case in PARTS.items()}
    last = list(counts.values())[-1]
    more = [f"{all_ / one - 1:+.1%}" if one else "" for all_, one in zip(last, counts[BASE], strict=True)]
    print(f"{'all of it, on top of the log':30} {more[0]:>12} {more[1]:>10}")


def _count(name: str, case: Case, given: argparse.Namespace) -> tuple[float, float]:
    """Instructions and bytecodes; 0 for what is not wanted."""
    functions = bytecodes(case)
    codes = functions.total() / (MORE - FEW)
    processor = 0.0 if given.bytecodes else instructions(name.replace(" ", "-"), case, given.keep)
    print(f"{name:30} {f'{processor:,.0f}' if processor else '':>12} {codes:>10,.0f}", flush=True)
    if given.rooms:
        _show(_by_room(functions), 100)
    _show(functions, given.functions)
    return processor, codes


def _by_room(functions: Functions) -> Functions:
    rooms: Functions = Counter()
    for function, count in functions.items():
        rooms["/".join(function.split(":")[0].split("/")[:2][: 1 + function.startswith("proxy/")])] += count
    return rooms


def _show(counts: Functions, most: int) -> None:
    for name, count in counts.most_common(most):
        if abs(count) >= (MORE - FEW) / 2:
            print(f"  {name:70} {count / (MORE - FEW):>8,.1f}")


if __name__ == "__main__":
    sys.exit(main())
