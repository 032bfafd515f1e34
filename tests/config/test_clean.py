from __future__ import annotations

import pytest


def entry(read, params: str, info: str = "{}"):
    loaded = read(
        f"model_list: [{{model_name: a, litellm_params: {{model: a, {params}}}, model_info: {info}}}]"
    )
    return loaded.config.model_list[0], [str(notice).split(": ", 1)[1] for notice in loaded.warnings]


@pytest.mark.parametrize(
    ("written", "name", "meant"),
    [
        ("base_url: http://h/v1", "api_base", "http://h/v1"),
        ("base_url: null", "api_base", None),
        ("organization: org", "organization", ("org",)),
        ("organization: [org-1, org-2]", "organization", ("org-1", "org-2")),
        ('ssl_verify: "False"', "ssl_verify", False),
        ("ssl_verify: true", "ssl_verify", True),
        ("ssl_verify: /ca.pem", "ssl_verify", "/ca.pem"),
        ("rpm: ", "rpm", None),
        ("weight: 2", "weight", 2),
        ("weight: 0.5", "weight", 0.5),
    ],
)
def test_spellings(read, written, name, meant):
    found, warnings = entry(read, written)
    assert getattr(found.litellm_params, name) == meant
    assert warnings == []


def test_both_names_of_a_key(read):
    found, warnings = entry(read, "base_url: http://other, api_base: http://this")
    assert found.litellm_params.api_base == "http://this"
    assert warnings == ["model_list[0].litellm_params.base_url: is not used: `api_base` is written too"]


def test_a_bad_value_is_named_as_it_is_written(refuse):
    (error,) = refuse("model_list: [{model_name: a, litellm_params: {model: a, base_url: h}}]")
    assert (
        error == "config.yaml:1: model_list[0].litellm_params.base_url: expected an http(s) URL, found text"
    )


def test_model_info_ids_may_be_numbers(read):
    found, _ = entry(read, "rpm: 1", "{id: 17}")
    assert found.model_info.id == "17"


def test_aliases_of_both_kinds(read):
    aliases = read(
        "router_settings: {model_group_alias: {a: g, b: {model: g, hidden: true}}}"
    ).config.router_settings.model_group_alias
    assert {name: (alias.model, alias.hidden) for name, alias in aliases.items()} == {
        "a": ("g", False),
        "b": ("g", True),
    }


def test_openai_parameters_are_checked_and_kept_as_json(read, refuse):
    found, warnings = entry(read, 'temperature: 0, response_format: {type: json_object}, max_tokens: "5"')
    raws = {name: bytes(raw) for name, raw in found.litellm_params.default_params.items()}
    assert raws == {"temperature": b"0", "response_format": b'{"type":"json_object"}', "max_tokens": b"5"}
    assert warnings == []
    (error,) = refuse("model_list: [{model_name: a, litellm_params: {model: a, temperature: hot}}]")
    assert error.endswith("litellm_params.temperature: expected a number, found text")


def test_values_that_json_does_not_have(refuse):
    (error,) = refuse("model_list: [{model_name: a, litellm_params: {model: a, logit_bias: {[1]: 2}}}]")
    assert error.startswith("config.yaml:1: ")


def test_litellms_other_keys_are_warned_about(read):
    _, warnings = entry(
        read,
        "tags: [x], aws_region_name: y, input_cost_per_second: 1, stream: true",
        "{input_cost_per_second: 1, access_groups: [a], max_tokens: 5, supports_vision: true, my_note: x}",
    )
    not_yet = "is LiteLLM's; Sluice does not honour it yet"
    assert warnings == [
        f"model_list[0].litellm_params.tags: {not_yet}",
        f"model_list[0].litellm_params.aws_region_name: {not_yet}",
        f"model_list[0].litellm_params.input_cost_per_second: {not_yet} (and 1 more like it)",
        f"model_list[0].litellm_params.stream: {not_yet}",
        f"model_list[0].model_info.access_groups: {not_yet}",
        "model_list[0].model_info.my_note: is kept out: a note of your own",
    ]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("modellist: []", "modellist: unknown key; did you mean `model_list`?"),
        ("router_settings: {retries: 1}", "router_settings.retries: unknown key"),
        (
            "general_settings: {num_retries: 1}",
            "general_settings.num_retries: unknown key; it belongs under `router_settings`",
        ),
        (
            "sluice_settings: {max_conections: 1}",
            "sluice_settings.max_conections: unknown key; did you mean `max_connec",
        ),
        (
            "litellm_settings: {drop_parms: 1}",
            "litellm_settings.drop_parms: unknown key; did you mean `drop_params`?",
        ),
        ("model_list: [{model_name: a, litellm_params: {model: a}, x: 1}]", "model_list[0].x: unknown key"),
        (
            "model_list: [{model_name: a, litellm_params: {model: a, temprature: 1}}]",
            "model_list[0].litellm_params.temprature: unknown key; did you mean `temperature`?",
        ),
        (
            "model_list: [{model_name: a, litellm_params: {model: a, default_params: {}}}]",
            "model_list[0].litellm_params.default_params: unknown key",
        ),
        (
            "model_list: [{model_name: a, litellm_params: {model: a}, model_info: {modes: chat}}]",
            "model_list[0].model_info.modes: unknown key; did you mean `mode`?",
        ),
        (
            "credential_list: [{credential_name: a, credential_values: {api_kee: b}}]",
            "credential_list[0].credential_values.api_kee: unknown key; did you mean `api_key`?",
        ),
        (
            "router_settings: {default_litellm_params: {modell: b}}",
            "router_settings.default_litellm_params.modell: unknown key",
        ),
        ("{1: 2}", "1: unknown key"),
    ],
)
def test_unknown_keys(refuse, text, error):
    assert refuse(text)[0].startswith(f"config.yaml:1: {error}")


def test_pass_through_endpoints(read):
    loaded = read(
        """\
        general_settings:
          pass_through_endpoints:
            - {path: /rerank, target: https://h/rerank, methods: [get, POST], cost_per_request: 1}
        """
    )
    (endpoint,) = loaded.config.general_settings.pass_through_endpoints
    assert endpoint.methods == ("GET", "POST")
    assert (endpoint.auth, endpoint.include_subpath, endpoint.forward_headers) == (True, False, False)
    assert [notice.key for notice in loaded.warnings] == [
        "general_settings.pass_through_endpoints[0].cost_per_request"
    ]


def test_the_unset_master_key_is_told_apart(read):
    (notice,) = read("general_settings: {dangerously_permit_weak_or_unset_master_key: true}").warnings
    assert notice.text == "is not honoured: without a master_key only this machine is served"
