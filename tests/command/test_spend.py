"""`sluice spend`: a table for people, CSV and JSON for programs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from proxy.command import spend
from proxy.command.cli import main
from proxy.command.spend import day_number
from proxy.command.spend_table import money, short, table
from proxy.process.exit_codes import EX_FAILED, EX_OK
from proxy.storage.file import StateFile
from proxy.storage.records import RecordRows
from proxy.storage.reports import Figures
from tests.storage.making import DAY_S, DEPLOYMENT, NOON, cost, record

Say = Callable[..., str]
MILLION = 1_000_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "sluice.db"
    state = StateFile(path)
    rows = RecordRows(state)
    rows.watch({"d1": DEPLOYMENT}.get, lambda _: False)
    rows.finish(
        [
            record(cost=cost(2_500 * MILLION), tags=("a",)),
            record(cost=cost(500 * MILLION), caller="bob", key="k2", model_asked="gpt-x", customer="c1"),
            record(cost=None, caller="bob", key="k2", started_unix_s=NOON - DAY_S),
        ],
        0,
    )
    state.close()
    return path


@pytest.fixture
def say(path: Path, capsys: pytest.CaptureFixture[str]) -> Say:
    def say(*arguments: str) -> str:
        assert spend.main([*arguments, "--state", str(path)], {}, now=NOON) == EX_OK
        return capsys.readouterr().out

    return say


def test_a_table_with_bars(say: Say) -> None:
    assert say() == (
        "2024-09-05 to 2024-10-04 (UTC), by model\n"
        "\n"
        "model   requests  failed  input  cached  output  spend\n"
        "gpt-4o         2       0     20       8      40  $2.50  ████████████████████████\n"
        "gpt-x          1       0     10       4      20  $0.500000  ████▊\n"
        "all            3       0     30      12      60  $3.00\n"
        "\n"
        "1 requests used something whose price is not known: `sluice prices MODEL`\n"
    ).replace("  spend\n", "      spend\n").replace("  $2.50", "      $2.50").replace(
        "  $3.00", "      $3.00"
    )


def test_days_stand_in_their_order(say: Say) -> None:
    lines = say("--by", "day").splitlines()
    assert [line.split()[0] for line in lines[3:6]] == ["2024-10-03", "2024-10-04", "all"]


def test_by_two_at_once_and_filtered(say: Say) -> None:
    out = say("--by", "key,model", "--key", "bob", "--csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [(row["key"], row["model"], row["requests"], row["spend"]) for row in rows] == [
        ("bob", "gpt-x", "1", "0.5"),
        ("bob", "gpt-4o", "1", "0.0"),
    ]


def test_json(say: Say) -> None:
    (one,) = json.loads(say("--by", "tag", "--json"))
    assert (one["tag"], one["requests"], one["spend"]) == ("a", 1, 2.5)


@pytest.mark.parametrize(
    "by", ["customer", "team", "user", "provider", "deployment", "upstream-model", "upstream_model"]
)
def test_by_everything(say: Say, by: str) -> None:
    assert "$" in say("--by", by)


@pytest.mark.parametrize(
    ("text", "day"),
    [("today", 100), ("1d", 100), ("7d", 94), ("2w", 87), ("all", 0), ("1970-01-11", 10), ("500d", 0)],
)
def test_times(text: str, day: int) -> None:
    assert day_number(text, 100) == day


@pytest.mark.parametrize(
    "arguments",
    [["--since", "soon"], ["--by", "planet"], ["--by", "tag,customer"], ["--until", "2024-13-01"]],
)
def test_what_is_wrong_is_told(path: Path, arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["spend", *arguments, "--state", str(path)], {})
    assert ended.value.code == 2


def test_no_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["spend", "--state", str(tmp_path / "no.db")], {}) == EX_FAILED
    assert "there is no such file" in capsys.readouterr().err
    assert not (tmp_path / "no.db").exists()


def test_nothing_was_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = StateFile(tmp_path / "sluice.db")
    state.open()
    state.close()
    assert main(["spend", "--state", str(tmp_path / "sluice.db")], {}) == EX_OK
    assert "nothing was asked" in capsys.readouterr().out


def test_many_lines_become_one() -> None:
    lines = [((f"k{number}",), Figures(requests=1, spend=number)) for number in range(9, 0, -1)]
    shown = table("title", ("key",), lines, 3).splitlines()
    words = [line.split()[:2] for line in shown[3:]]
    assert words == [["k9", "1"], ["k8", "1"], ["k7", "1"], ["6", "more"], ["all", "9"]]


def test_names_cannot_drive_the_terminal() -> None:
    assert "\x1b" not in table("title", ("customer",), [(("\x1b[2Jevil",), Figures(requests=1))], 5)


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0"), (9_999, "9,999"), (12_345, "12.3 k"), (1_234_567, "1.2 M"), (5 * 10**12, "5.0 T")],
)
def test_counts_are_short(count: int, text: str) -> None:
    assert short(count) == text


@pytest.mark.parametrize(
    ("nano", "text"),
    [
        (0, "$0"),
        (25_000, "$0.000025"),
        (999, "<$0.000001"),
        (1_234_567_890_123, "$1,234.57"),
        (-(10**9), "-$1.00"),
    ],
)
def test_money(nano: int, text: str) -> None:
    assert money(nano) == text


def test_what_caches_saved_is_told() -> None:
    figures = Figures(requests=3, input_tokens=1_000, cached_tokens=250, spend=2 * 10**9, saved=15 * 10**8)
    assert "providers' caches had 25% of the input, and saved $1.50" in table(
        "t", ["model"], [(("m",), figures)], 9
    )
    assert "caches" not in table("t", ["model"], [(("m",), Figures(requests=3))], 9)
