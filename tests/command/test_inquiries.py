"""`--health` and `--test`, against a live gateway."""

from __future__ import annotations

import socket
import threading

import pytest

from loadtest.gateway_process import GatewayProcess, free_port
from proxy.command import inquiries
from proxy.config.load import Loaded
from proxy.config.models import LitellmParams, ModelEntry
from proxy.config.schema import Config
from proxy.config.settings import GeneralSettings
from proxy.types import Secret


def _entry(api_base: str, key: str, **more: str) -> ModelEntry:
    params = LitellmParams(model="openai/gpt-4o", api_base=api_base, api_key=Secret(key), **more)
    return ModelEntry(model_name="gpt-4o", litellm_params=params)


def _with_key(key: str | None) -> Loaded:
    return Loaded(Config(general_settings=GeneralSettings(master_key=Secret(key) if key else None)), {})


def test_health_of_upstreams(gateway: GatewayProcess, capsys: pytest.CaptureFixture[str]) -> None:
    well = _entry(gateway.url + "/v1", gateway.key or "")
    assert inquiries.health(Config(model_list=(well,)), {}) == 0
    said = capsys.readouterr().out
    assert f"gpt-4o  {gateway.url}/v1  " in said
    assert "  ok  " in said


def test_health_names_every_upstream_that_is_not_well(
    gateway: GatewayProcess, capsys: pytest.CaptureFixture[str]
) -> None:
    refused = _entry(f"http://127.0.0.1:{free_port()}", "sk-1")
    wrong_key = _entry(gateway.url, "sk-wrong")
    assert inquiries.health(Config(model_list=(refused, wrong_key)), {}) == 1
    said = capsys.readouterr().out
    assert "failed: no connection" in said
    assert "failed: HTTP 401" in said
    assert "sk-" not in said


def test_health_without_an_upstream(capsys: pytest.CaptureFixture[str]) -> None:
    assert inquiries.health(Config(), {}) == 1
    assert "no upstream is configured" in capsys.readouterr().out


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_a_running_gateway_is_asked(
    gateway: GatewayProcess, host: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert inquiries.test(host, gateway.port, _with_key(gateway.key)) == 0
    said = capsys.readouterr().out
    assert said.startswith("200 {")
    assert '"object": "chat.completion"' in said


def test_a_wrong_key_is_told(gateway: GatewayProcess, capsys: pytest.CaptureFixture[str]) -> None:
    assert inquiries.test("127.0.0.1", gateway.port, _with_key(None)) == 1
    assert '"code": "invalid_api_key"' in capsys.readouterr().out


def test_no_gateway_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    port = free_port()
    assert inquiries.test("127.0.0.1", port, _with_key(None)) == 1
    assert f"no gateway answered at 127.0.0.1 port {port}" in capsys.readouterr().out


def test_an_answer_that_is_not_json_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_answer_once, args=(server,))
        thread.start()
        assert inquiries.test("127.0.0.1", server.getsockname()[1], _with_key(None)) == 1
        thread.join()
    assert capsys.readouterr().out == "502 <html>\n"


def _answer_once(server: socket.socket) -> None:
    sock, _ = server.accept()
    with sock:
        sock.recv(65536)
        sock.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 6\r\nConnection: close\r\n\r\n<html>")
