"""Each seed tells the same story on both builds: `python -m loadtest.sim.builds --seeds 1000` (`make sim-builds`)."""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence

from proxy import BUILD
from proxy.loading import PURE_VARIABLE, Build

SHOWN = 20
_DIGEST = re.compile(r"\d+ [0-9a-f]{64}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m loadtest.sim.builds", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="how many, of each of the simulation's halves")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    options = parser.parse_args()
    if BUILD is not Build.COMPILED:
        print(f"the build is {BUILD.value}: make compile", file=sys.stderr)
        return 2
    wanted = ["--first", str(options.first), "--seeds", str(options.seeds)]
    differing = [line for half in ([], ["--interference"]) for line in differences([*wanted, *half])]
    print("\n".join(differing[:SHOWN]) or f"{2 * options.seeds} seeds: the same stories on both builds")
    return 1 if differing else 0


def differences(wanted: Sequence[str]) -> Iterator[str]:
    """Both builds play at the same time, each with one core."""
    with _playing(wanted, pure="") as compiled, _playing(wanted, pure="1") as plain:
        told = (playing.communicate()[0].splitlines() for playing in (compiled, plain))
        for one, other in zip(*told, strict=True):
            if one != other or not _DIGEST.fullmatch(one):  # a run that broke off tells nothing
                yield f"compiled: {one}\npure:     {other}"
    for name, playing in (("compiled", compiled), ("pure", plain)):
        if playing.returncode != 0:
            yield f"{name} ended with {playing.returncode}"


def _playing(wanted: Sequence[str], *, pure: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "loadtest.sim", "--jobs", "1", "--digests", *wanted],
        env={**os.environ, PURE_VARIABLE: pure},
        stdout=subprocess.PIPE,
        text=True,
    )


if __name__ == "__main__":
    sys.exit(main())
