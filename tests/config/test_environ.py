from __future__ import annotations

import pytest

from proxy.config.environ import parse_env
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
    findings = Findings(".env")
    assert parse_env(line.removeprefix("\ufeff"), ".env", findings) == {"A": value}
    assert findings.errors == []


def test_comments_and_blank_lines_are_skipped_and_nonsense_is_named():
    findings = Findings(".env")
    assert parse_env("# a\n\nA=1\nnonsense\n9=1\n", ".env", findings) == {"A": "1"}
    assert [notice.where for notice in findings.errors] == [".env:4", ".env:5"]
    assert "nonsense" not in str(findings.errors[0])


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


def test_a_missing_variable_in_a_header(refuse):
    (error,) = refuse(
        """\
        model_list:
          - model_name: a
            litellm_params:
              model: a
              headers:
                x: A os.environ/NOPE
        """
    )
    assert error.startswith(
        "config.yaml:6: model_list[0].litellm_params.headers.x: the environment variable NOPE"
    )


def test_a_missing_variable_is_the_only_error_of_its_key(refuse):
    (error,) = refuse("model_list: [{model_name: a, litellm_params: {model: a, rpm: os.environ/NOPE}}]")
    assert "the environment variable NOPE is not set" in error
