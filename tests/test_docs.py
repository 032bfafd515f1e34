"""The documentation, held to the code: what users can meet is written where they look, and what is written works."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import types
from collections.abc import Iterable, Iterator
from pathlib import Path

import httpx
import msgspec
import pytest
import yaml

from proxy import control
from proxy.accounting.record import Record
from proxy.command.cli import parser
from proxy.command.subcommands import SUBCOMMANDS
from proxy.config.load import examine
from proxy.credentials import CREDENTIALS, KEY_HEADERS
from proxy.gateway.reading.routes import FAMILIES, described
from proxy.process import exit_codes
from proxy.types import Cost, Outcome, Usage

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PASSTHROUGH = ROOT / "docs/passthrough.md"
OPERATIONS = ROOT / "docs/operations.md"
COSTS = ROOT / "docs/costs.md"
TROUBLESHOOTING = ROOT / "docs/troubleshooting.md"
PAGES = sorted(
    path
    for path in ROOT.rglob("*.md")
    if not {"node_modules", "build", "out"} & set(path.parts)
    and not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
)
SOURCES = {path: path.read_text() for path in sorted((ROOT / "proxy").rglob("*.py"))}
GATEWAY_SOURCES = {path: text for path, text in SOURCES.items() if "simulator" not in path.parts}
RUN_TIMEOUT_S = 60


def _section(path: Path, title: str) -> str:
    """What stands under a heading, up to the next of its level or above."""
    lines = iter(path.read_text().splitlines())
    level = next(len(line.split(" ")[0]) for line in lines if re.fullmatch(rf"#+ {re.escape(title)}", line))
    found: list[str] = []
    for line in lines:
        if re.match(rf"#{{1,{level}}} ", line):
            break
        found.append(line)
    return "\n".join(found)


def _words(text: str) -> set[str]:
    """What stands in `backticks`, whole and taken apart."""
    quoted = re.findall(r"`([^`\n]+)`", text)
    return set(quoted) | {word for piece in quoted for word in re.split(r"[\s,:=]+", piece)}


def _lower(words: Iterable[str]) -> set[str]:
    return {word.lower() for word in words}


# -- what users can meet


def test_every_command_line_option() -> None:
    options = set(re.findall(r"(?<![\w-])--?[a-z][a-z_]*", parser({}).format_help().partition("options:")[2]))
    assert "--num_workers" in options
    assert options <= _words(_section(README, "Command line"))


def test_every_command() -> None:
    written = re.findall(r"`sluice ([a-z]+)", _section(README, "Command line"))
    assert set(written) == SUBCOMMANDS.keys()


def test_no_command_line_option_that_is_not_there() -> None:
    shown = {word for word in _words(_section(README, "Command line")) if re.fullmatch(r"--?[a-z_]+", word)}
    assert shown <= set(re.findall(r"--?[a-z][a-z_]*", parser({}).format_help()))


def _pages() -> tuple[str, ...]:
    async def probe(_: str) -> control.ProbeResult:
        return control.ProbeResult(ok=True)

    async def render(_: bool) -> bytes:
        return b""

    made = control.pages(
        version="0",
        snapshot=list,
        model_names=list,
        serves=lambda _: False,
        behind=control.UpstreamModels((), lambda _: None, 300),
        routes=list,
        draining=lambda: False,
        probe=probe,
        find=lambda _: None,
        layers=list,
        hold=lambda *_: False,
        hold_layer=lambda *_: False,
        worker=1,
        metrics=control.metrics_page(render, None, public=False),
    )
    return tuple(page.path for page in made)


def test_every_page() -> None:
    assert set(_pages()) <= _words(_section(README, "Routes"))


def test_every_route() -> None:
    paths = {path for path, *_ in described(())}
    versioned = {path for path in paths if f"/v1{path}" not in paths}
    assert "/v1/embeddings" in versioned
    assert versioned <= _words(_section(README, "Routes"))


def test_every_family_of_paths() -> None:
    assert {family.decode() for family in FAMILIES} <= _words(PASSTHROUGH.read_text())


def test_every_header_of_the_gateways_own() -> None:
    named = {
        name for text in GATEWAY_SOURCES.values() for name in re.findall(r"\bx-litellm-[a-z-]*[a-z]\b", text)
    }
    assert {"x-litellm-call-id", "x-litellm-target-model", "x-litellm-session-id"} <= named
    written = _section(README, "Headers that clients send") + _section(README, "Headers that answers carry")
    assert named <= _lower(_words(written))


def test_every_header_that_may_hold_the_key() -> None:
    assert {name.decode() for name in KEY_HEADERS} <= _lower(
        _words(_section(README, "Headers that clients send"))
    )


def test_every_header_that_never_leaves() -> None:
    assert set(CREDENTIALS) <= _lower(_words(PASSTHROUGH.read_text()))


@pytest.mark.parametrize(
    ("method", "path", "with_key", "status"),
    [
        ("GET", "/v1/models", False, 401),
        ("GET", "/nowhere", True, 404),
        ("POST", "/health", True, 405),
        ("POST", "/v1/chat/completions", True, 400),
    ],
)
def test_every_header_of_an_error(
    gateway_url: str, gateway_key: str, method: str, path: str, *, with_key: bool, status: int
) -> None:
    headers = {"authorization": f"Bearer {gateway_key}"} if with_key else {}
    answer = httpx.request(method, gateway_url + path, headers=headers)
    assert answer.status_code == status
    common = {"content-type", "content-length", "date", "connection"}
    assert answer.headers.keys() - common <= _lower(_words(_section(README, "Headers that answers carry")))


def _error_codes(tree: ast.Module) -> Iterator[str]:
    """What is given to an error as its `code`: there and then, or by a name."""
    given: list[ast.expr] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            given += [keyword.value for keyword in node.keywords if keyword.arg == "code"]
            if isinstance(node.func, ast.Name) and node.func.id == "error_body":
                given += node.args[3:]
        elif isinstance(node, ast.Assign) and "code" in {
            n.id for n in ast.walk(node) if isinstance(n, ast.Name)
        }:
            given.append(node.value)
    names = {name.id for value in given for name in ast.walk(value) if isinstance(name, ast.Name)}
    for node in tree.body:
        if (
            isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Name)
            and node.targets[0].id in names
        ):
            given.append(node.value)
    for constant in (part for value in given for part in ast.walk(value) if isinstance(part, ast.Constant)):
        if isinstance(constant.value, str):
            yield constant.value


def test_every_error_code() -> None:
    rooms = ("errors.py", "gateway", "edge", "providers")
    sources = [text for path, text in SOURCES.items() if path.relative_to(ROOT / "proxy").parts[0] in rooms]
    codes = {code for text in sources for code in _error_codes(ast.parse(text))}
    assert {"model_not_found", "upstream_failed", "stream_broken", "gateway_stopping"} <= codes
    assert codes <= _words(TROUBLESHOOTING.read_text())


def test_every_exit_code() -> None:
    codes = {value for name, value in vars(exit_codes).items() if name.startswith("EX_")}
    written = set(re.findall(r"^\| (\d+) \|", _section(README, "Exit codes"), re.MULTILINE))
    assert {int(code) for code in written} == codes | {2}


def test_every_environment_variable() -> None:
    lines = [line for text in GATEWAY_SOURCES.values() for line in text.splitlines()]
    asking = [line for line in lines if "environ" in line or "VARIABLE" in line]
    names = {name for line in asking for name in re.findall(r'"([A-Z][A-Z0-9]*_?[A-Z0-9_]+)"', line)}
    assert {"OPENAI_API_KEY", "LITELLM_MASTER_KEY", "PORT", "NO_COLOR", "NOTIFY_SOCKET"} <= names
    assert names <= _words(_section(README, "Environment"))


def test_every_field_of_the_record() -> None:
    fields = {*Record.__struct_fields__, *(outcome.value for outcome in Outcome)}
    assert fields <= _words(_section(OPERATIONS, "Records"))
    assert {*Usage.__struct_fields__} <= _words(_section(COSTS, "Usage"))
    assert {*Cost.__struct_fields__} <= _words(_section(OPERATIONS, "Records"))


def test_the_example_record_has_the_fields_of_one() -> None:
    example = json.loads(_blocks(_section(OPERATIONS, "Records"), "json")[0])
    assert example.keys() == {"ts", "level", "event", *Record.__struct_fields__}
    assert example["usage"].keys() <= set(Usage.__struct_fields__)


# -- links


def _anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def _links(page: Path) -> Iterator[str]:
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    for found in re.finditer(r"\]\(([^)\s]+)\)", text):
        if not re.match(r"[a-z]+:", found[1]):
            yield found[1]


# loadtest/RESULTS.md is written by the bench, and not there before its first run.
@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for link in _links(page):
        name, _, anchor = link.partition("#")
        target = (page.parent / name) if name else page
        assert target.exists() or target.name == "RESULTS.md", f"{link}: no such file"
        if anchor:
            assert anchor in _anchors(target), f"{link}: no such heading"


# -- examples


def _blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def _blocks_of_pages(language: str) -> list[object]:
    return [
        pytest.param(block, id=f"{page.relative_to(ROOT)}-{number}")
        for page in PAGES
        for number, block in enumerate(_blocks(page.read_text(), language), 1)
    ]


@pytest.mark.parametrize("block", _blocks_of_pages("python"))
def test_python_compiles(block: str) -> None:
    assert isinstance(compile(block, "example", "exec"), types.CodeType)


@pytest.mark.parametrize("block", _blocks_of_pages("bash"))
def test_bash_parses(block: str) -> None:
    done = subprocess.run(["bash", "-n"], input=block, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("block", _blocks_of_pages("json"))
def test_json_is_json(block: str) -> None:
    assert isinstance(msgspec.json.decode(block), dict)


@pytest.mark.parametrize("block", _blocks_of_pages("yaml"))
def test_configurations_are_valid(block: str, tmp_path: Path) -> None:
    if not {"model_list", "general_settings"} & yaml.safe_load(block).keys():
        return
    path = tmp_path / "config.yaml"
    path.write_text(block)
    asked = {name: f"sk-long-enough-for-{name}" for name in re.findall(r"os\.environ/(\w+)", block)}
    examined = examine(path, asked)
    assert (examined.errors, examined.warnings) == ((), ())


def _imports(block: str) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(block)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").partition(".")[0])
    return found


def _pointed_at(gateway_url: str, key: str, text: str) -> str:
    return text.replace("http://localhost:4000", gateway_url).replace("sk-your-gateway-key", key)


@pytest.mark.parametrize("page", [README, ROOT / "docs/clients.md"], ids=lambda page: page.name)
def test_python_examples_run(page: Path, gateway_url: str, gateway_key: str, tmp_path: Path) -> None:
    (tmp_path / "data.jsonl").write_text('{"custom_id": "1"}\n')
    blocks = [block for block in _blocks(page.read_text(), "python") if _imports(block) == {"openai"}]
    assert len(blocks) >= 3
    program = _pointed_at(gateway_url, gateway_key, "\n".join(blocks))
    keep = {name: value for name, value in os.environ.items() if not name.startswith("OPENAI_")}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        env=keep, cwd=tmp_path, capture_output=True, text=True, timeout=RUN_TIMEOUT_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "simulated answer" in done.stdout


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize("page", [README, ROOT / "docs/clients.md"], ids=lambda page: page.name)
def test_curl_examples_run(page: Path, gateway_url: str, gateway_key: str) -> None:
    blocks = [block for block in _blocks(page.read_text(), "bash") if block.startswith("curl ")]
    assert len(blocks) == 1
    program = _pointed_at(gateway_url, gateway_key, blocks[0]).replace(
        "curl ", "curl -sS --fail-with-body ", 1
    )
    done = subprocess.run(
        ["bash", "-c", program], capture_output=True, text=True, timeout=RUN_TIMEOUT_S, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["object"] == "chat.completion"
