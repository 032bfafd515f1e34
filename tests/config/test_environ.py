from __future__ import annotations

import pytest

from proxy.config.env_file import parse_env
from proxy.config.environ import read_env_file
from proxy.config.notices import Findings


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("A=b", "b"),
        ("export A=b", "b"),
        ("  A = b  ", "b"),
        ("A=", ""),
        ("A='b c' # why", "b c"),
        ('A="b # c"', "b # c"),
        (r'A="b\n\"c\""', 'b\n"c"'),
        (r"A='b\n'", r"b\n"),
        ("A=b # comment", "b"),
        ("A=# comment", ""),
        ("A=b#c", "b#c"),
        ("A=b=c", "b=c"),
        ("A=$HOME", "$HOME"),
        ("\ufeffA=b", "b"),
    ],
)
def test_lines(line, value):
    odd = []
    assert parse_env(line.removeprefix("\ufeff"), odd.append) == {"A": value}
    assert odd == []


def test_comments_and_blank_lines_are_skipped_and_nonsense_is_named(tmp_path):
    path = tmp_path / ".env"
    path.write_text("# a\n\nA=1\nnonsense\n9=1\n")
    findings = Findings(str(path))
    assert read_env_file(path, findings) == {"A": "1"}
    assert findings.errors == []
    assert [notice.where for notice in findings.warnings()] == [f"{path}:4", f"{path}:5"]
    assert "nonsense" not in str(findings.warnings()[0])


def test_dot_env_stands_beside_the_file_under_the_process(read, write):
    write("\ufeffKEY=sk-file\nOTHER=sk-other\n", ".env")
    loaded = read(
        "model_list: [{model_name: a, litellm_params: {model: a, api_key: os.environ/OTHER}}]",
        {"KEY": "sk-process"},
    )
    assert loaded.environ["KEY"] == "sk-process"
    assert loaded.config.model_list[0].litellm_params.api_key.reveal() == "sk-other"


def test_an_env_file_that_is_no_text(refuse, tmp_path):
    (tmp_path / ".env").write_bytes(b"A=\xff")
    assert refuse("model_list:") == [".env: cannot be read: UnicodeDecodeError"]


def test_references_inside_other_text_only_in_headers(read, refuse):
    config = read(
        """\
        general_settings:
          pass_through_endpoints:
            - {path: /x, target: "http://h", headers: {a: "os.environ/A:os.environ/B", b: Basic os.environ/B}}
        model_list: [{model_name: say os.environ/A, litellm_params: {model: a}}]
        """,
        {"A": "1", "B": "2"},
    ).config
    headers = config.general_settings.pass_through_endpoints[0].headers
    assert {name: value.reveal() for name, value in headers.items()} == {
        "a": "1:2",
        "b": "Basic 2",
    }
    assert config.model_list[0].model_name == "say os.environ/A"
    assert (
        "variable A:x is not set" in refuse("general_settings: {master_key: 'os.environ/A:x'}", {"A": "1"})[0]
    )


ENTRY = "model_list: [{model_name: a, litellm_params: {model: a, %s}}]"


@pytest.mark.parametrize(
    ("written", "key", "text"),
    [
        ("api_key: os.environ/NOPE", ("api_key",), "the environment variable NOPE is not set"),
        ("rpm: os.environ/NOPE", ("rpm",), "the environment variable NOPE is not set"),
        ("temperature: os.environ/NOPE", ("temperature",), "the environment variable NOPE is not set"),
        (
            "extra_body: {a: [os.environ/NOPE]}",
            ("extra_body", "a", 0),
            "the environment variable NOPE is not set",
        ),
        ("headers: {x: A os.environ/NOPE os.environ/NO}", ("headers", "x"), "variables NOPE, NO are not set"),
        (
            "api_key: os.environ/EMPTY",
            ("api_key",),
            "variable EMPTY is set, but empty: give it a value; for a server",
        ),
        (
            "api_key: os.environ/HELD",
            ("api_key",),
            "variable HELD holds what was not expanded: `${OTHER}` is a shell's",
        ),
        ("base_url: os.environ/EMPTY", ("base_url",), "variable EMPTY is set, but empty: give it a value"),
        (
            "api_key: '${KEY}'",
            ("api_key",),
            "`${KEY}` is a shell's way to say it, and nobody has filled it in",
        ),
        ("api_key: '${env:KEY}'", ("api_key",), "`${KEY}` is a shell's way"),
        ("api_key: $KEY", ("api_key",), "`${KEY}` is a shell's way"),
        ("api_base: 'https://${HOST:-h}/v1'", ("api_base",), "`${HOST}` is a shell's way"),
        ("api_key: 'os.environ[\"KEY\"]'", ("api_key",), '`os.environ["KEY"]` is Python\'s way'),
        ('api_key: \'os.getenv("KEY", "sk-1")\'', ("api_key",), '`os.environ["KEY"]` is Python\'s way'),
        ("api_key: os.environ.KEY", ("api_key",), "write `os.environ/KEY`"),
        ("api_key: '{{ key }}'", ("api_key",), "a template's way"),
        (
            "api_key: <your key>",
            ("api_key",),
            "nobody has filled it in: write the value",
        ),
        (
            "headers: {Authorization: 'Bearer ${KEY}'}",
            ("headers", "Authorization"),
            "`${KEY}` is a shell's way",
        ),
    ],
)
def test_an_entry_whose_variable_is_not_set_says_so(read, written, key, text):
    entry = read(ENTRY % written, {"EMPTY": " ", "HELD": "${OTHER}"}).config.model_list[0]
    assert entry.flaw is not None
    assert entry.flaw.key == ("litellm_params", *key)
    assert text in entry.flaw.text
    assert "sk-1" not in entry.flaw.text


def test_an_entry_whose_model_is_not_known(read):
    entry = read("model_list: [{model_name: a, litellm_params: {model: os.environ/NOPE}}]").config.model_list[
        0
    ]
    assert entry.flaw is not None
    assert entry.flaw.key == ("litellm_params", "model")


def test_an_entry_whose_name_is_not_known(read):
    entry = read("model_list: [{model_name: os.environ/NOPE, litellm_params: {model: a}}]").config.model_list[
        0
    ]
    assert entry.flaw is not None
    assert entry.flaw.key == ("model_name",)


def test_dollars_elsewhere_are_dollars(read):
    entry = read(ENTRY % "api_key: sk-$x, mock_response: '${PRICE} and $X', stop: [$END]").config.model_list[
        0
    ]
    assert entry.flaw is None
    assert entry.litellm_params.mock_response == "${PRICE} and $X"


def test_a_credentials_variable_is_its_entries(read):
    entries = read(
        """\
        credential_list: [{credential_name: c, credential_values: {api_key: os.environ/NOPE, rpm: 5}}]
        model_list:
          - {model_name: a, litellm_params: {model: a, litellm_credential_name: c}}
          - {model_name: a, litellm_params: {model: a, litellm_credential_name: c, api_key: sk-own}}
          - {model_name: a, litellm_params: {model: a}}
        """
    ).config.model_list
    assert [entry.flaw is not None for entry in entries] == [True, False, False]
    assert entries[0].flaw.text.startswith("api_key: the environment variable NOPE")


def test_variables_of_what_has_no_effect_are_not_asked_for(read):
    loaded = read(
        """\
        model_list:
          - {model_name: a, litellm_params: {model: a, watsonx_space: os.environ/NO, tags: [os.environ/NO]}}
        general_settings: {database_url: os.environ/NO, alerting: {a: os.environ/NO}}
        litellm_settings: {cache_params: {password: os.environ/NO}}
        guardrails: [{api_key: os.environ/NO}]
        x-mine: os.environ/NO
        environment_variables: {NEW: os.environ/NO}
        """
    )
    assert loaded.config.model_list[0].flaw is None
    told = [str(notice) for notice in loaded.warnings if "is not set" in notice.text]
    assert len(told) == 1
    assert "environment_variables.NEW: the environment variable NO is not set" in told[0]


def test_other_settings_hold_their_defaults_but_for_what_keeps_others_out(read, refuse):
    loaded = read(
        """\
        router_settings: {num_retries: os.environ/NOPE}
        model_list: [{model_name: a, litellm_params: {model: a}, model_info: {id: os.environ/NO}}]
        """
    )
    assert loaded.config.router_settings.num_retries == 2
    assert loaded.config.model_list[0].model_info.id is None
    assert [notice.key for notice in loaded.warnings] == [
        "router_settings.num_retries",
        "model_list[0].model_info.id",
    ]
    (error,) = refuse("general_settings: {master_key: os.environ/NOPE}")
    assert "master_key: the environment variable NOPE is not set" in error
    (error,) = refuse("router_settings: {default_litellm_params: {api_key: os.environ/NOPE}}")
    assert "api_key: the environment variable NOPE is not set" in error


def test_blanks_around_a_reference_are_no_part_of_the_name(read):
    text = 'model_list: [{model_name: a, litellm_params: {model: m, api_key: " os.environ/KEY "}}]\n'
    assert read(text, {"KEY": "sk-x"}).config.model_list[0].litellm_params.api_key.reveal() == "sk-x"
