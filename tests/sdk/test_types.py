"""What type checkers are told of the library, by a program that uses it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
RUN_S = 300
"""From cold, on a loaded machine."""
PROGRAM = """
import sluice

hello = [{"role": "user", "content": "hi"}]
answer = sluice.completion("gpt-4o", hello, temperature=0.5)
text: str | None = answer.choices[0].message.content
anything = answer["choices"][0]["message"]["content"]
usage = answer.usage
total: int = usage.total_tokens if usage else 0
for chunk in sluice.completion("gpt-4o", hello, stream=True):
    piece: str | None = chunk.choices[0].delta.content
vector: list[float] = sluice.embedding("text-embedding-3-small", "hi").data[0].embedding
said: str = sluice.responses("gpt-4o", "hi").output_text
sees: bool = sluice.supports_vision("gpt-4o")
cost: float = sluice.completion_cost(answer)


async def main() -> None:
    async for chunk in await sluice.acompletion("gpt-4o", hello, stream=True):
        piece: str | None = chunk.choices[0].delta.content


try:
    pass
except sluice.RateLimitError as error:
    status: int = error.status_code

answer.chioces
sluice.completion("gpt-4o", hello, temperature="hot")
number: int = answer.choices[0].message.content
"""
WRONG = {
    'has no attribute "chioces"': 1,
    'No overload variant of "completion"': 1,
    "Incompatible types in assignment": 1,
}
"""In the program's last three lines."""


def test_a_program_is_checked_and_its_slips_are_found(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    environ = {**os.environ, "MYPYPATH": f"{ROOT / 'proxy/sdk'}:{ROOT}"}
    command = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "program.py"]
    done = subprocess.run(
        command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=RUN_S, check=False
    )
    errors = [line for line in done.stdout.splitlines() if ": error:" in line]
    for words, count in WRONG.items():
        assert sum(words in line for line in errors) == count, done.stdout
    assert len(errors) == sum(WRONG.values()), done.stdout
