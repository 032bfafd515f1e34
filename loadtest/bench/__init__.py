"""The bench: the gateway against nginx on the same machine, in turns, judged by ratios.

machine   what it ran on
procs     starting, pinning and metering processes by /proc
servers   how the mock, nginx, the gateway and its peers are started
cases     what is measured
bars      what must and what should come out
runs      the turns: A B A B, medians, spread
report    the table, RESULTS.md and the JSON
plot      docs/images/bench.png
"""
