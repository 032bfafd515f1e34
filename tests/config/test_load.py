from __future__ import annotations

import time
from pathlib import Path

import msgspec
import pytest

from proxy.config.errors import ConfigError
from proxy.config.load import load
from proxy.types import Secret


def test_a_file_of_litellms_own_documentation(read):
    loaded = read(
        """\
        model_list:
          - model_name: gpt-4
            litellm_params:
              model: openai/gpt-4
              api_key: os.environ/OPENAI_API_KEY_1
          - model_name: gpt-4
            litellm_params:
              model: openai/gpt-4
              api_key: os.environ/OPENAI_API_KEY_2
          - model_name: "*"
            litellm_params:
              model: openai/*
              api_key: os.environ/OPENAI_API_KEY_1
        """,
        {"OPENAI_API_KEY_1": "sk-one", "OPENAI_API_KEY_2": "sk-two"},
    )
    assert loaded.warnings == ()
    keys = [entry.litellm_params.api_key for entry in loaded.config.model_list]
    assert keys == [Secret("sk-one"), Secret("sk-two"), Secret("sk-one")]
    assert [entry.model_name for entry in loaded.config.model_list] == ["gpt-4", "gpt-4", "*"]


def test_defaults(read):
    config = read("model_list:\n").config
    assert config.model_list == ()
    assert config.router_settings.num_retries == 2
    assert config.router_settings.cooldown_time == 5
    assert config.litellm_settings.request_timeout == 600
    assert config.general_settings.max_request_size_mb == 64
    assert config.sluice_settings.keep_alive_timeout_s > 60


def test_no_file_at_all_reads_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path(".env").write_text("LITELLM_MASTER_KEY=sk-0123456789abcdef\n")
    loaded = load(None, {})
    assert loaded.path is None
    assert loaded.config.general_settings.master_key == Secret("sk-0123456789abcdef")
    assert loaded.environ["LITELLM_MASTER_KEY"] == "sk-0123456789abcdef"


def test_numbers_may_come_from_the_environment(read):
    entry = read(
        """\
        model_list:
          - model_name: a
            litellm_params:
              {model: a, rpm: os.environ/RPM, timeout: os.environ/T, ssl_verify: os.environ/S,
               temperature: os.environ/H, use_in_pass_through: os.environ/P, weight: os.environ/W}
        """,
        {"RPM": "60", "T": "1.5", "S": "False", "H": "0.5", "P": "True", "W": "3"},
    ).config.model_list[0]
    params = entry.litellm_params
    assert (params.rpm, params.timeout, params.ssl_verify) == (60, 1.5, False)
    assert params.use_in_pass_through is True
    assert params.weight == 3
    assert isinstance(params.weight, int)
    assert bytes(params.default_params["temperature"]) == b"0.5"


def test_every_problem_is_told_with_its_line(refuse):
    errors = refuse(
        """\
        model_list:
          - model_name: gpt-4
            litellm_params:
              model: openai/gpt-4
              api_key: os.environ/KEY
              rpm: ten
              weigth: 3
          - model_name: gpt-4
            litellm_params: {model: a, api_key: 12345, timeout: 0}
        router_settings:
          num_retries: -1
        sluice_settings: {access_log: jsn}
        """
    )
    assert errors == EVERY_PROBLEM.splitlines()


EVERY_PROBLEM = """\
config.yaml:6: model_list[0].litellm_params.rpm: expected a whole number of at least 0, found text
config.yaml:7: model_list[0].litellm_params.weigth: unknown key; did you mean `weight`?
config.yaml:9: model_list[1].litellm_params.api_key: expected text, found a number; put it in quotes
config.yaml:9: model_list[1].litellm_params.timeout: expected a number of more than 0 and at most 86400, found 0
config.yaml:11: router_settings.num_retries: expected a whole number of at least 0, found -1
config.yaml:12: sluice_settings.access_log: `jsn` is not one of auto, json, off, text; did you mean `json`?
"""


def test_the_configs_own_variables_serve_its_references(read):
    loaded = read(
        """\
        environment_variables:
          KEY: sk-own
          COPY: os.environ/OUTER
          PORT: 4000
          UNSET:
          PEM: "-----BEGIN-----\\nMIIé\\n"
        model_list:
          - {model_name: a, litellm_params: {model: a, api_key: os.environ/KEY}}
          - {model_name: a, litellm_params: {model: a, api_key: os.environ/COPY}}
        """,
        {"KEY": "sk-process", "OUTER": "sk-outer"},
    )
    keys = [entry.litellm_params.api_key for entry in loaded.config.model_list]
    assert keys == [Secret("sk-own"), Secret("sk-outer")]
    assert loaded.environ["PORT"] == "4000"
    assert "UNSET" not in loaded.environ
    assert loaded.environ["PEM"] == "-----BEGIN-----\nMIIé\n"


SECRET = "sk-do-not-show-me"  # the same in every place that may hold one


def test_secrets_are_in_no_repr(read):
    loaded = read(
        """\
        environment_variables: {KEY: os.environ/S}
        general_settings:
          master_key: os.environ/S
          pass_through_endpoints:
            - {path: /x, target: "http://h", headers: {Authorization: Bearer os.environ/S}}
        credential_list: [{credential_name: c, credential_values: {api_key: os.environ/S}}]
        model_list:
          - model_name: a
            litellm_params: {model: a, litellm_credential_name: c,
                             headers: {x: os.environ/S}, extra_headers: {y: os.environ/S}}
        """,
        {"S": SECRET},
    )
    endpoint = loaded.config.general_settings.pass_through_endpoints[0]
    assert endpoint.headers["Authorization"].reveal() == f"Bearer {SECRET}"
    assert SECRET not in repr(loaded)
    assert SECRET not in repr(loaded.config)


@pytest.mark.parametrize(
    "text",
    [
        "model_list: [{model_name: a, litellm_params: {model: a, api_key: [os.environ/S]}}]",
        "model_list: [{model_name: a, litellm_params: {model: a, rpm: os.environ/S}}]",
        "model_list: [{model_name: a, litellm_params: {model: a, headers: os.environ/S}}]",
        "model_list: [{model_name: a, litellm_params: {model: a, api_base: os.environ/S}}]",
        "general_settings: {master_key: {a: os.environ/S}}",
        f"general_settings: {{master_key: '{SECRET}",
        f"general_settings:\n  master_key: '{SECRET}'\n master: x",
        f"general_settings: {{master_key: !!int {SECRET}}}",
        f'general_settings: {{master_key: "{SECRET}\\n{SECRET}"}}',
    ],
)
def test_secrets_are_in_no_error(refuse, text):
    assert SECRET not in "\n".join(refuse(text, {"S": SECRET}))


def test_a_secret_loses_the_line_break_of_its_file(read):
    config = read("general_settings: {master_key: os.environ/S}", {"S": "sk-0123456789abcdef\n"}).config
    assert config.general_settings.master_key == Secret("sk-0123456789abcdef")


def test_the_master_key_of_the_environment_is_second(read):
    environ = {"LITELLM_MASTER_KEY": "sk-0123456789abcdef"}
    assert read("model_list:", environ).config.general_settings.master_key == Secret("sk-0123456789abcdef")
    own = read("general_settings: {master_key: sk-fedcba9876543210}", environ).config
    assert own.general_settings.master_key == Secret("sk-fedcba9876543210")


def test_a_bad_value_from_outside_the_file_is_an_error_too(refuse):
    errors = refuse("model_list:", {"LITELLM_MASTER_KEY": "sk-\x01" + SECRET})
    assert len(errors) == 1
    assert "master_key" in errors[0]
    assert SECRET not in errors[0]


def test_a_thousand_models_load_in_no_time(tmp_path):
    entry = """\
  - model_name: group-{n}
    litellm_params: {{model: openai/gpt-{n}, api_key: os.environ/KEY, rpm: 5, temperature: 0.5}}
    model_info: {{id: deployment-{n}, max_tokens: 4096}}
"""
    path = tmp_path / "config.yaml"
    path.write_text("model_list:\n" + "".join(entry.format(n=n) for n in range(1000)))
    before = time.process_time()
    loaded = load(path, {"KEY": "sk-x"})
    assert time.process_time() - before < 1.0  # measured: 0.12 s; the rest is for a busy machine
    assert len(loaded.config.model_list) == 1000


def test_the_result_is_frozen(read):
    config = read("model_list:").config
    with pytest.raises(AttributeError):
        config.general_settings.master_key = None
    with pytest.raises(AttributeError):
        config.model_list = ()


def test_errors_are_config_errors(tmp_path):
    with pytest.raises(ConfigError, match="No such file"):
        load(tmp_path / "missing.yaml", {})


def test_default_params_are_raw_json(read):
    params = (
        read(
            "model_list: [{model_name: a, litellm_params: {model: a, max_tokens: 5, stop: [x], user: null}}]"
        )
        .config.model_list[0]
        .litellm_params.default_params
    )
    assert {name: msgspec.json.decode(raw) for name, raw in params.items()} == {
        "max_tokens": 5,
        "stop": ["x"],
    }
