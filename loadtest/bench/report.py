"""The table for people, RESULTS.md, and the JSON for later."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

from loadtest.bench.bars import Finding, How, Results

_HEAD = "| measured | gateway | peer | judged | must | aim | verdict |\n|---|---|---|---|---|---|---|\n"
_PREAMBLE = """# What the gateway costs, next to nginx

Written by `make bench`; the numbers are this machine's, the ratios travel better.

One core for the server under test, another for the load and the upstream. Servers take turns within each
round; the value judged is the median of the rounds' own ratios (x), differences (+) or plain numbers, with the
least and the most in brackets. CPU is user and system time of all processes of a server, from /proc.
nginx runs one worker with upstream keep-alive, `proxy_buffering off`, `proxy_request_buffering off` and a
buffered access log in a file; the gateway writes its JSON access record to a file. The gateway checks a key and
chooses between two weighted keys; nginx does neither.

"""


def table(findings: Sequence[Finding]) -> str:
    """The bars as a Markdown table."""
    return _HEAD + "".join(map(_row, findings))


def _row(finding: Finding) -> str:
    bar = finding.bar
    peer = "" if finding.peer is None else f"{finding.peer:.4g} ({bar.peer})"
    judged = f"{finding.value:.3g}{bar.how.value if bar.how is How.RATIO else ''}"
    judged += f" [{finding.values[0]:.3g}-{finding.values[-1]:.3g}]"
    sign = ">=" if bar.at_least else "<="
    wanted = f"{sign} {bar.must:g} | {sign} {bar.aim:g}"
    return (
        f"| {bar.title} | {finding.subject:.4g} | {peer} | {judged} | {wanted} | {finding.verdict.value} |\n"
    )


def readings(results: Results) -> str:
    """Every reading of every case: the medians of the rounds."""
    lines = ["| case | server | readings (medians) |", "|---|---|---|"]
    for case, servers in results.items():
        for server, found in servers.items():
            text = ", ".join(f"{name} {statistics.median(values):.4g}" for name, values in found.items())
            lines.append(f"| {case} | {server} | {text} |")
    return "\n".join(lines) + "\n"


def write_results(
    path: Path, machine: Mapping[str, str], findings: Sequence[Finding], results: Results
) -> None:
    described = "".join(f"- {label}: {text}\n" for label, text in machine.items())
    picture = "\n![throughput and latency by connections](../docs/images/bench.png)\n"
    parts = (_PREAMBLE, described, "\n", table(findings), picture, "\n## All readings\n\n", readings(results))
    path.write_text("".join(parts))


def write_json(folder: Path, machine: Mapping[str, str], results: Results) -> Path:
    """Everything measured; the name says when."""
    path = folder / f"bench-{machine['date'].replace(' ', '-').replace(':', '')}.json"
    path.write_text(json.dumps({"machine": dict(machine), "results": results}, indent=1))
    return path
