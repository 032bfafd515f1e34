"""`python -m loadtest.chaos --seconds 600`: exit code 1 when an answer or a record was wrong, or something grew."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import trio

from loadtest.chaos.hostile import PER_S
from loadtest.chaos.report import table
from loadtest.chaos.run import Options, run

MOST_LINES = 60


def main() -> int:
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--upstreams", type=int, default=5)
    parser.add_argument(
        "--rate", type=float, help="requests per second; half of what can be served, if not given"
    )
    parser.add_argument(
        "--hostile", type=float, default=PER_S, help="hostile connections per second, beside the load"
    )
    options = Options(**vars(parser.parse_args()))
    with tempfile.TemporaryDirectory() as folder:
        outcome = trio.run(run, Path(folder), options)
    print(table(outcome.tally, outcome.plan, options.seconds, outcome.rate, outcome.deaths, outcome.holdings))
    print(f"{'hostile connections':28}{outcome.hostile}")
    for line in outcome.wrong[:MOST_LINES]:
        print(line, file=sys.stderr)
    return 1 if outcome.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
