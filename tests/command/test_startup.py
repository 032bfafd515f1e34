"""From options to a running gateway, or to the reason why there is none."""

from __future__ import annotations

import http.client
import os
import pty
import re
import select
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from loadtest.gateway_process import GatewayProcess, free_port, running_gateway
from proxy.command.startup import Action, Options, start
from proxy.config.errors import ConfigError
from proxy.process.listening import StartError

ROOT = Path(__file__).parents[2]
KEY = "sk-test-master-of-startup"
MOCKED = """
model_list:
  - {model_name: gpt-4o, litellm_params: {model: openai/gpt-4o, api_key: sk-1, mock_response: Hello.}}
"""
WAIT_S = 15.0


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory without `.env`."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_port_in_use_is_an_error_with_the_simulator_gone_too(here: Path) -> None:
    before = _children()
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(StartError, match="Address already in use"),
    ):
        start(Options(port=taken.getsockname()[1]), {})
    assert _children() == before


def test_a_public_host_without_a_key_is_refused(here: Path) -> None:
    with pytest.raises(ConfigError, match=r"serves loopback only, and 0\.0\.0\.0 is not loopback"):
        start(Options(host="0.0.0.0", port=0), {})


def test_a_model_without_a_key_is_refused(here: Path) -> None:
    with pytest.raises(ConfigError, match="set OPENAI_API_KEY, or give --api_base"):
        start(Options(model="gpt-4o", port=0), {})


def test_a_gateway_does_not_serve_itself(here: Path) -> None:
    port = free_port()
    environ = {"OPENAI_API_KEY": "sk-x", "OPENAI_BASE_URL": f"http://localhost:{port}/v1"}
    with pytest.raises(ConfigError, match="is this gateway itself"):
        start(Options(port=port), environ)


def test_validation_covers_what_the_environment_gives(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        start(Options(action=Action.VALIDATE), {"OPENAI_API_KEY": "sk", "OPENAI_BASE_URL": "ftp://x"}) == 78
    )
    assert "error: environment: OPENAI_BASE_URL: not a base URL" in capsys.readouterr().out


def test_warnings_go_to_stderr(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = here / "config.yaml"
    config.write_text("general_settings: {database_url: x}\n")
    assert start(Options(config=config, action=Action.HEALTH), {}) == 1
    said = capsys.readouterr()
    assert "warning: " in said.err
    assert "database_url" in said.err
    assert "warning" not in said.out


def test_openais_models_are_served_with_a_key_alone(here: Path, gateway: GatewayProcess) -> None:
    """Another gateway stands in for OpenAI; the list of models is the upstream's own."""
    environ = {"OPENAI_API_KEY": gateway.key or "", "OPENAI_BASE_URL": f"{gateway.url}/v1"}
    with running_gateway(here, key=KEY, environ=environ) as served:
        assert "models    every model of the upstream" in served.output
        assert "simulated" not in served.output
        for path in ("/v1/models", "/models", "/v1/models/gpt-4o"):
            assert _get(served.port, path, KEY) == _get(gateway.port, path, gateway.key)
        assert f" {gateway.key}\n" not in served.output


def test_one_model_is_served_by_name(here: Path) -> None:
    arguments = ["--model", "openai/gpt-4o", "--api_base", "http://127.0.0.1:9"]
    with running_gateway(here, arguments=arguments) as gateway:
        assert "models    gpt-4o\n" in gateway.output
        assert '"id":"gpt-4o"' in _get(gateway.port, "/v1/models", gateway.key)


def test_without_a_key_it_says_so_and_asks_for_none(here: Path) -> None:
    with running_gateway(here, config=MOCKED, key=None) as gateway:
        assert f"http://127.0.0.1:{gateway.port}\n" in gateway.output
        assert "none is asked for: this gateway serves loopback only" in gateway.output
        assert "gpt-4o" in _get(gateway.port, "/v1/models", None)


@pytest.mark.parametrize(
    ("environ", "shown"), [({}, KEY), ({"JOURNAL_STREAM": "8:1"}, "$LITELLM_MASTER_KEY")]
)
def test_the_key_of_an_env_file_is_shown_but_not_to_a_journal(
    here: Path, environ: dict[str, str], shown: str
) -> None:
    (here / ".env").write_text(f"LITELLM_MASTER_KEY={KEY}\n")
    with running_gateway(here, key=None, environ=environ) as gateway:
        assert f"key       {shown}\n" in gateway.output
        assert f"http://0.0.0.0:{gateway.port}\n" in gateway.output


def test_a_key_of_the_environment_or_a_file_is_not_shown_in_a_log(here: Path) -> None:
    with running_gateway(
        here, config=f"{MOCKED}\ngeneral_settings: {{master_key: {KEY}}}\n", key=None
    ) as gateway:
        assert KEY not in gateway.output
        assert "$(sed -n " in gateway.output


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize(
    ("config", "environ"),
    [
        (None, {}),
        (f"{MOCKED}general_settings:\n  master_key: {KEY}\n", {}),
        (f'{MOCKED}general_settings:\n  # master_key: sk-old\n  master_key: "{KEY}"  # for us\n', {}),
        (f"{MOCKED}general_settings: {{master_key: '{KEY}', litellm_key_header_name: X-My-Key}}\n", {}),
        (f"{MOCKED}general_settings: {{master_key: os.environ/OTHER_KEY}}\n", {"OTHER_KEY": KEY}),
    ],
    ids=["beside it", "in the file", "in quotes", "under a header of its own", "in a variable"],
)
def test_the_line_of_the_banner_works_as_pasted(
    here: Path, config: str | None, environ: dict[str, str]
) -> None:
    if config is None:
        (here / ".env").write_text(f"LITELLM_MASTER_KEY={KEY}\n")
    with running_gateway(here, config=config, key=None, environ=environ) as gateway:
        (line,) = (line for line in gateway.output.splitlines() if line.startswith("  curl "))
        assert shlex.split(line)[0] == "curl"
        assert (KEY in line) == (config is None)
        said = subprocess.run(
            ["bash", "-c", line], capture_output=True, text=True, check=True, env={**os.environ, **environ}
        ).stdout
    assert said.count("data: {") >= 2
    assert said.endswith("data: [DONE]\n\n")


def test_debugging_tells_of_failed_attempts_without_secrets(here: Path) -> None:
    config = f"""
model_list:
  - &one {{model_name: m, litellm_params: {{model: m, api_base: "http://127.0.0.1:9", api_key: sk-one}}}}
  - {{model_name: m, litellm_params: {{model: m, api_base: "http://127.0.0.2:9", api_key: sk-two}}}}
general_settings: {{master_key: {KEY}}}
"""
    for option, tells_every in (("--debug", False), ("--detailed_debug", True)):
        with running_gateway(here, config=config, key=None, arguments=[option]) as gateway:
            connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=WAIT_S)
            headers = {"authorization": f"Bearer {KEY}"}
            connection.request("POST", "/v1/chat/completions", b'{"model":"m","user":"PROMPT"}', headers)
            assert connection.getresponse().status == 502
            connection.close()
            said = gateway.output
        assert said.count(" INFO sluice ") == 2
        assert "the upstream cannot be reached; next is" in said
        assert "the upstream cannot be reached; no other is tried" in said
        assert (said.count(" DEBUG sluice ") == 2) == tells_every
        assert not any(secret in said for secret in (KEY, "sk-one", "sk-two", "PROMPT"))


def test_ctrl_c_says_what_is_under_way_and_a_second_one_ends_it(here: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        config = f"""
model_list: [{{model_name: m, litellm_params: {{model: m, api_key: k, api_base: "http://127.0.0.1:{silent.getsockname()[1]}"}}}}]
"""
        with running_gateway(here, config=config, key=None) as gateway:
            client = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=WAIT_S)
            client.request("POST", "/v1/chat/completions", b'{"model":"m"}')
            asked, _ = silent.accept()
            gateway.process.send_signal(signal.SIGINT)
            deadline = time.monotonic() + WAIT_S
            while "under way" not in gateway.output and time.monotonic() < deadline:
                time.sleep(0.02)
            told = (
                "sluice: 1 request is under way: waiting 120 s at most; Ctrl-C or another signal ends now\n"
            )
            assert told in gateway.output
            assert gateway.process.poll() is None
            gateway.process.send_signal(signal.SIGINT)
            assert gateway.process.wait(WAIT_S) == 130
            asked.close()
            client.close()


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_help_lists_the_commands() -> None:
    said = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    listed = [line.split()[0] for line in said.splitlines()]
    assert {"run", "test", "check", "bench", "fuzz-config"} <= set(listed)
    assert not any("." in name for name in listed)


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_does_not_call_ctrl_c_an_error(here: Path) -> None:
    """The recipe of `make run`, over a gateway that is set up."""
    recipe = re.search(r"^run:.*\n\t@(.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert recipe is not None
    line = recipe[1].replace("$(BIN)/sluice $(ARGS)", f"{sys.executable} -m proxy --port {free_port()}")
    (here / "Makefile").write_text(f"run:\n\t@{line}\n")
    pid, terminal = pty.fork()
    if not pid:
        os.environ.update(PYTHONPATH=str(ROOT), LITELLM_MASTER_KEY=KEY)
        os.execvp("make", ["make", "run"])
    _read_until(terminal, b"curl -N")
    os.write(terminal, b"\x03")
    said = _read_until(terminal, b"\x00")
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert b"***" not in said


def test_an_unknown_url_is_logged_with_its_path(here: Path) -> None:
    with running_gateway(here, config=MOCKED, key=KEY) as gateway:
        connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=WAIT_S)
        for path in ("/v2/chat/completions", "/" + "x" * 1000):
            connection.request("GET", path, headers={"authorization": f"Bearer {KEY}"})
            assert connection.getresponse().read()
        connection.close()
        gateway.stop()
        routes = re.findall(r'"route":"([^"]*)"', gateway.output)
    assert routes == ["/v2/chat/completions", "/" + "x" * 199]


def test_ctrl_c_in_a_terminal_is_clean(here: Path) -> None:
    pid, terminal = pty.fork()
    if not pid:
        os.environ.update(PYTHONPATH=str(ROOT), LITELLM_MASTER_KEY=KEY)
        os.execv(sys.executable, [sys.executable, "-m", "proxy", "--port", str(free_port())])
    said = _read_until(terminal, b"curl -N")
    os.write(terminal, b"\x03")
    said += _read_until(terminal, b"\x00")
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 128 + signal.SIGINT
    assert KEY.encode() in said
    assert b"Traceback" not in said


@pytest.mark.parametrize("workers", ["1", "2"])
def test_the_end_of_its_terminal_ends_it(here: Path, workers: str) -> None:
    port = free_port()
    pid = _started_in_a_terminal(port, workers, ignores_hangup=False)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert not _is_served(port)


def test_with_nohup_it_outlives_its_terminal(here: Path) -> None:
    port = free_port()
    pid = _started_in_a_terminal(port, "1", ignores_hangup=True)
    _get(port, "/v1/models", KEY)
    os.kill(pid, signal.SIGTERM)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def _started_in_a_terminal(port: int, workers: str, *, ignores_hangup: bool) -> int:
    """Its process id; the terminal is closed as soon as it serves."""
    pid, terminal = pty.fork()
    if not pid:
        # Whoever runs the tests may have it ignored, which is inherited.
        signal.signal(signal.SIGHUP, signal.SIG_IGN if ignores_hangup else signal.SIG_DFL)
        os.environ.update(PYTHONPATH=str(ROOT), LITELLM_MASTER_KEY=KEY)
        arguments = ["--port", str(port), "--num_workers", workers]
        os.execv(sys.executable, [sys.executable, "-m", "proxy", *arguments])
    assert b"curl -N" in _read_until(terminal, b"}]}'\r\n\r\n")
    os.close(terminal)
    return pid


def _is_served(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=WAIT_S).close()
    except ConnectionRefusedError:
        return False
    return True


def _read_until(terminal: int, mark: bytes) -> bytes:
    """Until the mark, or until nobody writes to the terminal any more."""
    said = b""
    deadline = time.monotonic() + WAIT_S
    while mark not in said and time.monotonic() < deadline:
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                said += os.read(terminal, 4096)
            except OSError:  # EIO: its last process has ended
                return said
    return said


def _get(port: int, path: str, key: str | None) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT_S)
    connection.request("GET", path, headers={"authorization": f"Bearer {key}"} if key else {})
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    assert answer.status == 200, text
    return text


def _children() -> str:
    """The process ids of this process's children."""
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text()
