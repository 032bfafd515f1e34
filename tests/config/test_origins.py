from __future__ import annotations

import pytest


def origins(read, text: str) -> list[tuple[str, str | None]]:
    environ = {"OPENAI_API_KEY_1": "sk-1", "OPENAI_API_KEY_2": "sk-2", "SHARED": "sk-3", "MODEL": "m"}
    entries = read(text, environ).config.model_list
    return [(entry.origin.where, entry.origin.variable) for entry in entries]


def test_an_entry_is_known_by_its_line_and_its_keys_variable(read):
    text = """\
        model_list:
          - model_name: a
            litellm_params: {model: os.environ/MODEL, api_key: os.environ/OPENAI_API_KEY_1}

          - model_name: a
            litellm_params:
              model: a
              api_key: os.environ/OPENAI_API_KEY_2
          - {model_name: a, litellm_params: {model: a, api_key: sk-written}}
          - {model_name: a, litellm_params: {model: a}}
        """
    assert origins(read, text) == [
        ("config.yaml:2", "OPENAI_API_KEY_1"),
        ("config.yaml:5", "OPENAI_API_KEY_2"),
        ("config.yaml:9", None),
        ("config.yaml:10", None),
    ]


CREDENTIAL = "credential_list: [{credential_name: c, credential_values: {api_key: os.environ/SHARED}}]"
DEFAULT = """\
router_settings: {default_litellm_params: {api_key: os.environ/SHARED}}
credential_list: [{credential_name: c, credential_values: {rpm: 5}}]
"""
MERGED = """\
x-params: &params {api_key: os.environ/SHARED}
credential_list: [{credential_name: c, credential_values: {<<: *params}}]
"""


@pytest.mark.parametrize("shared", [CREDENTIAL, DEFAULT, MERGED])
def test_a_shared_key_has_its_variable_too(read, shared):
    entry = "model_list: [{model_name: a, litellm_params: {model: a, litellm_credential_name: c}}]"
    assert origins(read, f"{entry}\n{shared}\n") == [("config.yaml:1", "SHARED")]


def test_anchors_and_merge_keys(read):
    text = """\
        model_list:
          - model_name: a
            litellm_params: &one {model: a, api_key: os.environ/OPENAI_API_KEY_1}
          - model_name: b
            litellm_params: *one
          - model_name: c
            litellm_params: {<<: *one, model: c}
          - model_name: d
            litellm_params: {<<: [*one], api_key: os.environ/OPENAI_API_KEY_2}
        """
    assert [variable for _, variable in origins(read, text)] == [
        "OPENAI_API_KEY_1",
        "OPENAI_API_KEY_1",
        "OPENAI_API_KEY_1",
        "OPENAI_API_KEY_2",
    ]


def test_included_files_have_lines_of_their_own(read, write):
    write("model_list:\n- model_name: a\n  litellm_params: {model: a}\n", "more/keys.yaml")
    text = "include: more/keys.yaml\nmodel_list: [{model_name: b, litellm_params: {model: b}}]\n"
    assert origins(read, text) == [("config.yaml:2", None), ("keys.yaml:2", None)]
