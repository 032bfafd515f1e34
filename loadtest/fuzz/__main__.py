"""python -m loadtest.fuzz --seconds 3600: an hour without a death, through either door. See loadtest/README.md."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from loadtest.fuzz.doors import DOORS
from loadtest.fuzz.hunt import hunt
from loadtest.gateway_process import running_gateway
from loadtest.hostile.cases import KEY


def main() -> int:
    """0: nobody died, and no wall had anything to stop."""
    parser = argparse.ArgumentParser(prog="loadtest.fuzz")
    parser.add_argument("--seconds", type=float, default=3600.0)
    parser.add_argument("--door", choices=(*DOORS, "both"), default="both")
    parser.add_argument("--batch", type=int, default=0, help="the first; a death is repeated by its number")
    asked = parser.parse_args()
    doors = tuple(DOORS) if asked.door == "both" else (asked.door,)
    with (
        tempfile.TemporaryDirectory() as folder,
        running_gateway(Path(folder), key=KEY.decode()) as gateway,
    ):
        done = hunt(gateway, doors, asked.batch, asked.seconds, batches=1)
        print(f"{done.connections:,} connections through {', '.join(doors)}")
        for found in done.found:
            print(
                f"{found.what}: python -m loadtest.fuzz --door {found.door} --batch {found.batch} --seconds 0"
            )
            print(gateway.output[-4000:])
        for line in done.stopped:
            print(f"stopped by a wall: {line}")
    return 1 if done.died or done.stopped else 0


if __name__ == "__main__":
    sys.exit(main())
