"""`python -m loadtest.bench`: see `--help`. Exit codes: 0 measured, 1 nothing can be said, 2 below a must."""

from __future__ import annotations

import argparse
import os
import shutil
import sys

from loadtest.bench import machine, plot, report, runs, scaling, soak
from loadtest.bench.bars import Verdict, find
from loadtest.bench.cases import CASES, HELD, chosen, held
from loadtest.bench.machine import ROOT
from loadtest.bench.procs import BenchError
from loadtest.bench.servers import BUILD, GATEWAY, Stage, ports_from

OUT = ROOT / "loadtest/out"
RESULTS = ROOT / "loadtest/RESULTS.md"
PICTURE = ROOT / "docs/images/bench.png"
CORES_NEEDED = 2


def main() -> int:
    given = _arguments()
    try:
        return _bench(given)
    except (BenchError, ValueError) as problem:
        print(f"bench: {problem}", file=sys.stderr)
        return 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description="The gateway against nginx, in turns.")
    parser.add_argument("--cases", default="", help=f"some of: {', '.join(case.name for case in CASES)}")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--servers", default="nginx,gateway,pair,direct", help="and pure, litellm, portkey")
    parser.add_argument("--gateway-cmd", default=GATEWAY, help="with {config} and {port}")
    parser.add_argument("--port", type=int, default=19000, help="the first of nine neighbouring ports")
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--soak", action="store_true", help="memory after 1,000,000 requests, nothing else")
    kind.add_argument(
        "--scaling", action="store_true", help="cost by models, deployments and idle connections"
    )
    parser.add_argument("--write", action="store_true", help="write RESULTS.md and the picture")
    return parser.parse_args()


def _bench(given: argparse.Namespace) -> int:
    held_connections = _check_machine()
    stage = Stage(runs.log_folder(OUT), ports_from(given.port), given.gateway_cmd)
    with runs.upstreams(stage):
        table = _measure(given, stage, held_connections)
    described = machine.describe()
    saved = report.write_json(OUT, described, table)
    findings = find(table)
    print(f"\n{report.readings(table)}\n{report.table(findings)}\neverything: {saved.relative_to(ROOT)}")
    noisy = [finding.bar.title for finding in findings if finding.verdict is Verdict.NOISY]
    if noisy:
        raise BenchError(f"the machine is too busy to say anything about: {'; '.join(noisy)}")
    if given.write:
        plot.draw(table, PICTURE)
        report.write_results(RESULTS, described, findings, table)
    return 2 if any(finding.verdict is Verdict.MISSED for finding in findings) else 0


def _measure(given: argparse.Namespace, stage: Stage, held_connections: int) -> runs.Table:
    if given.soak:
        return soak.measure(stage)
    if given.scaling:
        return scaling.measure(stage, given.rounds, held_connections)
    everyone = stage.everyone()
    unknown = set(given.servers.split(",")) - everyone.keys()
    if unknown:
        raise BenchError(f"no server {', '.join(sorted(unknown))}; there are {', '.join(everyone)}")
    runner = runs.Runner(
        stage, {name: everyone[name] for name in given.servers.split(",")}, given.rounds, held_connections
    )
    cases = chosen(given.cases)
    for case in cases:
        print(f"{case.name}: {case.title}")
    runner.run(cases)
    return runner.table


def _check_machine() -> int:
    """How many connections can be held here. Raises BenchError when the bench cannot run."""
    missing = [tool for tool in ("nginx", "taskset", "openssl") if shutil.which(tool) is None]
    missing += [str(BUILD / program) for program in ("mock", "load") if not (BUILD / program).exists()]
    if missing:
        raise BenchError(f"missing: {', '.join(missing)}; `make bench` sets everything up")
    if (os.cpu_count() or 1) < CORES_NEEDED:
        raise BenchError("two cores are needed: one for the server under test, one for the load")
    limit = machine.raise_file_limit()
    if held(limit) < HELD:
        print(f"open files are limited to {limit}: {held(limit)} connections are held instead of {HELD}")
    return held(limit)


if __name__ == "__main__":
    sys.exit(main())
