"""`python -m loadtest.cancel_latency --moments 1000`: a gateway process before a mock upstream in this one.

Exit code 1: a leaving was not noticed, or a slot not freed. 2: the 99th percentile is above the bar.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import trio

from loadtest.cancel_latency.moments import Moment, leave_at_random
from loadtest.cancel_latency.phases import CONFIG
from loadtest.cancel_latency.verdict import BAR_MS, MOST_FINDINGS, Ended, table, too_slow, wrong
from loadtest.gateway_process import GatewayProcess, running_gateway
from loadtest.mock_upstream import mock_upstream, unanswered_port

KEY = "sk-cancel"
SETTLE_S = 2.0
"""For the last slots to be freed and the last records to be written: far more than it takes."""


class _Line(Ended, frozen=True):
    model_asked: str | None


def main() -> int:
    parser = argparse.ArgumentParser(prog="cancel_latency", description=__doc__)
    parser.add_argument("--moments", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        moments, records, busy = trio.run(_measure, Path(folder), given.moments, given.seed)
    print(table(moments, records))
    findings = wrong(moments, records)
    if busy:
        findings.append(f"{busy} slots are still taken")
    for line in findings[:MOST_FINDINGS]:
        print(line, file=sys.stderr)
    if findings:
        print(f"{len(findings)} wrong of {len(moments)}", file=sys.stderr)
        return 1
    slow = too_slow(moments, records)
    print(f"{len(moments)} clients left, all noticed; p99 {'above' if slow else 'within'} {BAR_MS:g} ms")
    return 2 if slow else 0


async def _measure(
    folder: Path, count: int, seed: int
) -> tuple[Sequence[Moment], Mapping[str, Sequence[Ended]], int]:
    """The moments, the records by model, and the slots that are still taken."""
    async with mock_upstream() as mock, unanswered_port() as unanswered:
        config = CONFIG.format(mock=mock.url, unanswered=unanswered, key=KEY)
        with running_gateway(folder, config=config, key=None) as gateway:
            moments = await leave_at_random(gateway.port, KEY, mock, count, seed)
            await trio.sleep(SETTLE_S)
            return moments, _records(gateway), gateway.in_flight(KEY)


def _records(gateway: GatewayProcess) -> Mapping[str, Sequence[Ended]]:
    found: defaultdict[str, list[Ended]] = defaultdict(list)
    for line in gateway.output.splitlines():
        if line.startswith('{"ts"'):
            record = msgspec.json.decode(line, type=_Line)
            found[record.model_asked or ""].append(record)
    return found


if __name__ == "__main__":
    sys.exit(main())
