"""The command line: every option and variable, and what a wrong one says."""

from __future__ import annotations

import json
import logging
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy import BUILD, __version__
from proxy.command import litellm_options
from proxy.command.cli import main, parser

GOOD = "model_list: [{model_name: gpt-4o, litellm_params: {model: openai/gpt-4o, api_key: sk-1}}]\n"


@pytest.fixture(autouse=True)
def _level_kept() -> Iterator[None]:
    log = logging.getLogger("sluice")
    before = log.level
    yield
    log.setLevel(before)


def test_defaults() -> None:
    options = parser({}).parse_args([])
    assert (options.config, options.model, options.api_base) == (None, None, None)
    assert (options.host, options.port, options.num_workers) == (None, 4000, 1)


def test_the_environment_gives_defaults() -> None:
    environ = {"HOST": "127.0.0.2", "PORT": "4001", "NUM_WORKERS": "3", "CONFIG_FILE_PATH": "/etc/x.yaml"}
    options = parser(environ).parse_args([])
    assert (options.host, options.port, options.num_workers) == ("127.0.0.2", 4001, 3)
    assert options.config == Path("/etc/x.yaml")


def test_the_command_line_wins_over_the_environment() -> None:
    environ = {"HOST": "127.0.0.2", "PORT": "x", "NUM_WORKERS": "0", "CONFIG_FILE_PATH": "a.yaml"}
    arguments = ["--host", "::1", "--port", "1", "--num_workers", "2", "-c", "b.yaml"]
    options = parser(environ).parse_args(arguments)
    assert (options.host, options.port, options.num_workers) == ("::1", 1, 2)
    assert options.config == Path("b.yaml")


def test_an_empty_variable_is_none() -> None:
    options = parser(dict.fromkeys(("HOST", "PORT", "NUM_WORKERS", "CONFIG_FILE_PATH"), "")).parse_args([])
    assert (options.config, options.host, options.port, options.num_workers) == (None, None, 4000, 1)


@pytest.mark.parametrize(
    ("arguments", "environ", "told"),
    [
        (["--port", "70000"], {}, "--port: '70000' is not a port: write 0 to 65535"),
        (["--port", "-1"], {}, "--port"),
        ([], {"PORT": "http"}, "--port: 'http' is not a port"),
        (["--num_workers", "0"], {}, "--num_workers: '0' is not a count of workers: write 1 to 256"),
        ([], {"NUM_WORKERS": "many"}, "--num_workers: 'many'"),
        (["--num_workers", "\u0663"], {}, "--num_workers"),
        (["--nonsense"], {}, "unrecognized arguments: --nonsense"),
        (["--health", "--test"], {}, "not allowed with argument"),
        (["-c", "a.yaml", "-m", "gpt-4o"], {}, "--model and --api_base are for running without a config"),
        (["--api_base", "http://x"], {"CONFIG_FILE_PATH": "a.yaml"}, "CONFIG_FILE_PATH"),
        (["--temperature", "0.5"], {}, "--alias, --temperature and --max_tokens are for --model"),
        (["--request_timeout", "0"], {}, "'0' is not a number of seconds"),
        (["--request_timeout", "nan"], {}, "'nan' is not a number of seconds"),
    ],
)
def test_wrong_usage_is_2(
    arguments: list[str], environ: dict[str, str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main(arguments, environ)
    assert left.value.code == 2
    assert told in capsys.readouterr().err


def test_hyphens_may_stand_for_underscores(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "my-config.yaml"
    config.write_text(GOOD)
    assert (
        main(["--validate-config", f"--config={config}", "--num-workers", "2", "--detailed-debug"], {}) == 0
    )
    assert "my-config.yaml: OK" in capsys.readouterr().out


def test_litellms_further_options_are_taken_with_a_word(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(GOOD)
    given = [
        [f"--{name}", *(["1"] if name in litellm_options.TAKE_A_VALUE else [])]
        for name in litellm_options.OTHERS
    ]
    arguments = [word for option in given for word in option]
    assert main(["--validate_config", "-c", str(config), *arguments], {}) == 0
    told = capsys.readouterr().err
    assert all(f"sluice: --{name}: {word}\n" in told for name, word in litellm_options.OTHERS.items())


@pytest.mark.parametrize("name", litellm_options.REFUSED)
def test_what_would_do_something_else_is_refused(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main([f"--{name}", *(["1"] if name in litellm_options.TAKE_A_VALUE else [])], {})
    assert left.value.code == 2
    assert f"--{name}: {litellm_options.REFUSED[name]}" in capsys.readouterr().err


def test_the_schema_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--schema"], {}) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "Sluice configuration"


def test_help_has_examples_and_the_docs_address() -> None:
    text = parser({}).format_help()
    assert "sluice --config config.yaml --validate_config" in text
    assert "http://localhost:4000/docs" in text
    for line in text.partition("examples:")[2].splitlines():
        if line.startswith("  sluice"):
            parser({}).parse_args(re.split(r"  +", line.strip())[0].split()[1:])


def test_strict_makes_errors_of_warnings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(GOOD + "general_settings: {database_url: x}\n")
    assert main(["--validate_config", "-c", str(config)], {}) == 0
    assert main(["--validate_config", "--strict", "-c", str(config)], {}) == 78
    assert "error: " in capsys.readouterr().out


def test_validate_tells_every_error_and_warning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(
        "model_lst: []\nrouter_settings: {num_retries: some}\ngeneral_settings: {database_url: x}\n"
    )
    assert main(["--validate_config", "-c", str(config)], {}) == 78
    said = capsys.readouterr().out
    assert "did you mean `model_list`" in said
    assert "num_retries" in said
    assert "config.yaml:2" in said
    assert "database_url" in said
    assert said.splitlines()[-1].startswith(f"{config}: 2 errors, 2 warnings")


def test_validate_tells_of_an_unknown_provider(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(GOOD.replace("openai/", "nonsense/"))
    assert main(["--validate_config", "-c", str(config)], {}) == 78
    assert "the provider `nonsense` is not served" in capsys.readouterr().out


def test_validate_is_content(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(GOOD)
    assert main(["--validate_config"], {"CONFIG_FILE_PATH": str(config)}) == 0
    assert "OK, 1 model, 1 deployment" in capsys.readouterr().out


TARGET = 'general_settings: {pass_through_endpoints: [{path: /x, target: "%s"}]}\n'


@pytest.mark.parametrize(
    "text",
    [
        None,
        "model_list: 5\n",
        GOOD.replace("openai/", "nonsense/"),
        GOOD + TARGET % "https://x/?q=1",
        GOOD + TARGET % "http://x:bad",
        GOOD + TARGET % "http://[::1/x",
        "x: " + "[" * 3000,
        "x: " + "{x: " * 3000,
    ],
)
def test_a_bad_config_is_78(text: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "config.yaml"
    if text is not None:
        config.write_text(text)
    assert main(["-c", str(config)], {}) == 78
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.strip()


@pytest.mark.parametrize(
    ("arguments", "level"),
    [([], logging.WARNING), (["--debug"], logging.INFO), (["--detailed_debug"], logging.DEBUG)],
)
def test_debugging_sets_the_level(arguments: list[str], level: int) -> None:
    main([*arguments, "--validate_config"], {})
    assert logging.getLogger("sluice").level == level


@pytest.mark.parametrize("module", ["proxy", "proxy.command.entry"])
def test_version_without_loading_the_gateway(module: str) -> None:
    code = "import sys; from proxy.command.entry import run; sys.argv = ['sluice', '--version']\n"
    code += "try: run()\nexcept SystemExit as left: assert left.code == 0\n"
    code += "assert not {'trio', 'httpx', 'hypercorn', 'yaml'} & set(sys.modules)"
    command = (
        [sys.executable, "-c", code]
        if module == "proxy.command.entry"
        else [sys.executable, "-m", module, "-v"]
    )
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    assert done.stdout == f"sluice {__version__} ({BUILD.value})\n"
