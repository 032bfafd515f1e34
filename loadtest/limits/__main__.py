"""`make limits`: exit code 1 where anything is wrong."""

from __future__ import annotations

import argparse
import sys
import tempfile
from functools import partial
from pathlib import Path

import msgspec
import trio

from loadtest.limits import budget, deaths, minutes
from loadtest.limits.books import books
from loadtest.limits.scene import ALONE, BUDGET, MINUTES, SOON_S, Scene, Settings, scene


async def run(folder: Path, settings: Settings) -> list[str]:
    wrong: list[str] = []
    async with scene(folder, settings) as at:
        spent = await budget.spend_it(at)
        found = await budget.judged(at, spent)
        print(f"budget: {budget.summary(spent, books(at, BUDGET))}", flush=True)
        wrong += [f"budget: {text}" for text in found]
        took_s = await deaths.given_back(at)
        print(f"deaths: given back {took_s:.2f} s after the kill", flush=True)
        if took_s > deaths.WITHIN_S:
            wrong.append(f"deaths: given back after {took_s:.2f} s")
        outcome = await minutes.run(at)
        wrong += [f"audit: {text}" for text in await balanced(at)]
        outcome.started = minutes.started(at)
        print(f"minutes: {minutes.summary(outcome, at)}", flush=True)
        wrong += [f"minutes: {text}" for text in minutes.judged(outcome, settings.rpm, settings.seconds)]
    return wrong


async def balanced(at: Scene) -> list[str]:
    """Once all records are written."""
    unlike: list[str] = []
    with trio.move_on_after(SOON_S):
        while True:
            unlike = [text for key in (BUDGET, MINUTES, ALONE) for text in books(at, key).unlike()]
            if not unlike:
                break
            await trio.sleep(0.2)
    print(f"audit: {unlike or 'balances'}", flush=True)
    return unlike


def main() -> int:
    parser = argparse.ArgumentParser(prog="limits", description=__doc__)
    parser.add_argument("--seconds", type=float, default=Settings().seconds)
    parser.add_argument("--clients", type=int, default=Settings().clients)
    given = parser.parse_args()
    settings = msgspec.structs.replace(Settings(), seconds=given.seconds, clients=given.clients)
    with tempfile.TemporaryDirectory() as folder:
        wrong = trio.run(partial(run, Path(folder), settings))
    for text in wrong[:20]:
        print(f"WRONG {text}", file=sys.stderr)
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
