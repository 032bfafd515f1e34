"""docs/images/bench.png: throughput and latency by the number of connections."""

from __future__ import annotations

import statistics
from pathlib import Path

from loadtest.bench.bars import Results

SERVERS = {"nginx": "#888888", "gateway": "#0a7d5a"}
Curve = dict[int, dict[str, float]]
"""connections -> reading -> median"""


def curve(results: Results, server: str) -> Curve:
    """What the cases `curve-N` found for one server."""
    found: Curve = {}
    for case, servers in results.items():
        name, _, connections = case.partition("-")
        if name == "curve" and server in servers:
            found[int(connections)] = {
                reading: statistics.median(values) for reading, values in servers[server].items()
            }
    return found


def draw(results: Results, path: Path) -> None:
    """Needs matplotlib; draws nothing when no curve was measured."""
    curves = {server: curve(results, server) for server in SERVERS}
    if not all(curves.values()):
        return
    import matplotlib as mpl  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415 - only drawing needs it

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415

    figure, (throughput, latency) = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained")
    for server, points in curves.items():
        colour, connections = SERVERS[server], list(points)
        rate = [points[count]["requests_per_s"] for count in connections]
        throughput.plot(connections, rate, "o-", color=colour, label=server)
        for reading, style in (("p50_ms", "o-"), ("p99_ms", "o:")):
            values = [points[count][reading] for count in connections]
            latency.plot(connections, values, style, color=colour, label=f"{server} {reading[:3]}")
    throughput.set(title="requests per second, one core", xlabel="connections", xscale="log", ylim=(0, None))
    latency.set(title="latency, ms", xlabel="connections", xscale="log", yscale="log")
    for axes in (throughput, latency):
        axes.set_xticks(list(curves["nginx"]), [str(count) for count in curves["nginx"]])
        axes.minorticks_off()
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)
