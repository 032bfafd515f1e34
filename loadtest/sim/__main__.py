"""`python -m loadtest.sim --seeds 10000`; a failing seed again, with all that happened: `--seed N --verbose`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from loadtest.sim.farm import Harvest, Played, play_beside, play_seed, play_seeds, timed
from loadtest.sim.interference import judge, shared
from loadtest.sim.judges import verdict
from loadtest.sim.play import play
from loadtest.sim.scenario import scenario

TOLD_EVERY_SEEDS = 500
SHOWN = 3
"""Of what was wrong with one seed."""


def main() -> int:
    options = _options()
    beside = options.interference
    if options.seed is not None:
        return _one(options.seed, beside=beside, verbose=options.verbose)
    player = play_beside if beside else play_seed
    seeds = range(options.first, options.first + options.seeds)
    if options.digests:
        return _tell(seeds, options.jobs, player)
    return _many(seeds, options.jobs, player)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m loadtest.sim", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--seed", type=int, help="this one alone")
    parser.add_argument(
        "--interference", action="store_true", help="each seed with and without a hostile caller among others"
    )
    parser.add_argument("--digests", action="store_true", help="a line for each seed's story, and no verdict")
    parser.add_argument("--verbose", action="store_true", help="with --seed: its plan and every event")
    return parser.parse_args()


def _one(seed: int, *, beside: bool, verbose: bool) -> int:
    plan = shared(seed) if beside else scenario(seed)
    if beside:
        wrong, story = judge(plan)
    else:
        story = play(plan)
        wrong = verdict(plan, story)
    if verbose:
        print(plan.config)
        for part in (*plan.upstreams, *plan.clients, *plan.hostile):
            print(part)
        print("\n".join(story.log))
    print(f"seed {seed}: {story.digest()}")
    print("\n".join(wrong) or "nothing is wrong")
    return 1 if wrong else 0


def _tell(seeds: range, jobs: int, player: Callable[[int], Played]) -> int:
    for played in play_seeds(seeds, jobs, player):
        print(played.seed, played.digest or repr(played.wrong[-1]), flush=True)
    return 0


def _many(seeds: range, jobs: int, player: Callable[[int], Played]) -> int:
    harvest, began = Harvest(), timed()
    for played in play_seeds(seeds, jobs, player):
        harvest.add(played)
        for wrong in played.wrong[:SHOWN]:
            print(f"seed {played.seed} {wrong}", flush=True)
        if harvest.seeds % TOLD_EVERY_SEEDS == 0:
            print(f"{harvest.seeds} seeds, {len(harvest.failed)} failed", file=sys.stderr, flush=True)
    _report(harvest, timed() - began)
    return 1 if harvest.failed else 0


def _report(harvest: Harvest, took_s: float) -> None:
    hours = harvest.virtual_s / 3600
    print(
        f"{harvest.seeds} seeds in {took_s:.0f} s ({harvest.seeds / took_s:.1f} a second), {hours:.0f} simulated hours"
    )
    print(f"{harvest.requests} requests, {harvest.attempts} attempts upstream")
    print(
        "faults met: " + ", ".join(f"{fault.value} {count}" for fault, count in harvest.faults.most_common())
    )
    print(f"failed: {len(harvest.failed)} {sorted(harvest.failed)[:50]}")


if __name__ == "__main__":
    sys.exit(main())
