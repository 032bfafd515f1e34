"""What the library costs beside openai's own package: to import, per call, per chunk of a stream. CPU, not wall.

    python -m loadtest.bench_library [--rounds 7] [--calls 300] [--streams 10]

Each measurement is a process of its own; the two take turns, so that a slow minute hits both, and the ratio is the
median of the rounds' ratios. The upstream is the mock, in a process of its own: its time is not in the numbers.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from loadtest.gateway_process import free_port

CHUNKS = 1000
WARM = 20
"""Calls before the first that counts."""
OURS, THEIRS = "sluice", "openai"
BASE = """
import sys, time
port, count = int(sys.argv[1]), int(sys.argv[2])
base = f"http://127.0.0.1:{port}/v1"
hello = [{"role": "user", "content": "Hello!"}]
def measured(call, warm):
    for _ in range(warm):
        call()
    started = time.process_time()
    for _ in range(count):
        call()
    print((time.process_time() - started) / count * 1e6)
"""
CLIENTS = {
    OURS: """
import sluice
def ask(**more):
    return sluice.completion("gpt-4o", hello, api_base=base, api_key="sk-bench", **more)
""",
    THEIRS: """
import openai
client = openai.OpenAI(base_url=base, api_key="sk-bench")
def ask(**more):
    return client.chat.completions.create(model="gpt-4o", messages=hello, **more)
""",
}
CHAT = f"""
def call():
    assert ask().choices[0].message.content
measured(call, {WARM})
"""
STREAM = f"""
def call():
    chunks = ask(stream=True, extra_headers={{"x-mock": "events={CHUNKS}"}})
    assert sum(1 for chunk in chunks if chunk.choices[0].delta.content) == {CHUNKS}
measured(call, 1)
"""
IMPORT = """
import time
started = time.process_time()
import {}
print((time.process_time() - started) * 1e6)
"""
FIRST = {
    OURS: "sluice\nsluice.completion, sluice.acompletion, sluice.ModelResponse",
    THEIRS: "openai\nopenai.OpenAI().chat.completions.create",
}
"""With all that the first call needs."""


@contextmanager
def mock() -> Iterator[int]:
    port = free_port()
    command = [sys.executable, "-m", "loadtest.mock_upstream", "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield port
        finally:
            process.terminate()


def run(program: str, *arguments: int) -> float:
    """Microseconds."""
    command = [sys.executable, "-c", program, *map(str, arguments)]
    environ = {"OPENAI_API_KEY": "sk-bench", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environ)
    return float(done.stdout)


def turns(rounds: int, measure: Callable[[str], float]) -> dict[str, list[float]]:
    """The one that begins changes from round to round."""
    found: dict[str, list[float]] = {OURS: [], THEIRS: []}
    for number in range(rounds):
        for who in (OURS, THEIRS) if number % 2 else (THEIRS, OURS):
            found[who].append(measure(who))
    return found


def judged(name: str, bar: float | None, per: int, found: dict[str, list[float]]) -> dict[str, object]:
    ours, theirs = (statistics.median(found[who]) / per for who in (OURS, THEIRS))
    ratios = [mine / other for mine, other in zip(found[OURS], found[THEIRS], strict=True)]
    ratio = statistics.median(ratios)
    held = "" if bar is None else f"  {'holds' if ratio <= bar else 'FAILS'}: <= {bar}"
    print(
        f"{name:28} {ours:9.1f} us {theirs:9.1f} us  {ratio:.3f} ({min(ratios):.3f} to {max(ratios):.3f}){held}"
    )
    return {"name": name, "ours_us": ours, "theirs_us": theirs, "ratio": ratio, "bar": bar}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m loadtest.bench_library", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--calls", type=int, default=300, help="of `completion`, in each measurement")
    parser.add_argument("--streams", type=int, default=10, help=f"of {CHUNKS} chunks, in each measurement")
    parser.add_argument("--json", action="store_true", help="the results, in a last line")
    given = parser.parse_args()
    print(f"{'CPU, median':28} {OURS:>12} {THEIRS:>12}  ratio (spread)")
    results = [
        judged("import", 0.1, 1, turns(given.rounds, lambda who: run(IMPORT.format(who)))),
        judged(
            "import, ready to call", None, 1, turns(given.rounds, lambda who: run(IMPORT.format(FIRST[who])))
        ),
    ]
    with mock() as port:
        programs = {who: BASE + CLIENTS[who] for who in CLIENTS}
        chats = turns(given.rounds, lambda who: run(programs[who] + CHAT, port, given.calls))
        results.append(judged("completion", 0.6, 1, chats))
        streams = turns(given.rounds, lambda who: run(programs[who] + STREAM, port, given.streams))
        results.append(judged(f"chunk of a stream of {CHUNKS:,}", 0.5, CHUNKS, streams))
    if given.json:
        print(json.dumps(results))
    return (
        0
        if all(
            each["bar"] is None or float(str(each["ratio"])) <= float(str(each["bar"])) for each in results
        )
        else 1
    )


if __name__ == "__main__":
    sys.exit(main())
