from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("model_list: 5", "model_list: expected a list, found a number"),
        ("model_list: {}", "model_list: expected a list, found a mapping"),
        ("model_list: [5]", "model_list[0]: expected a mapping, found a number"),
        (
            "model_list: [{litellm_params: {model: a}}]",
            "model_list[0].model_name: is missing: write `model_name:` with",
        ),
        (
            "model_list: [{model_name: a}]",
            "model_list[0].litellm_params: is missing: write `litellm_params:` with a map",
        ),
        (
            "model_list: [{model_name: '', litellm_params: {model: a}}]",
            "model_list[0].model_name: expected text that is",
        ),
        ("router_settings: []", "router_settings: expected a mapping, found a list"),
        (
            "router_settings: {cooldown_time: .nan}",
            "router_settings.cooldown_time: expected a number of at least 0",
        ),
        (
            "router_settings: {timeout: .inf}",
            "router_settings.timeout: expected a number of more than 0 and at most",
        ),
        (
            "router_settings: {timeout: 600000}",
            "router_settings.timeout: expected a number of more than 0 and at most",
        ),
        (
            "router_settings: {routing_strategy: x}",
            "router_settings.routing_strategy: `x` is not one of cost-based-",
        ),
        (
            "router_settings: {model_group_alias: {a: {}}}",
            "router_settings.model_group_alias.a.model: is missing",
        ),
        (
            "router_settings: {model_group_alias: {a: 5}}",
            "router_settings.model_group_alias.a: expected a mapping",
        ),
        (
            "router_settings: {disable_cooldowns: maybe}",
            "router_settings.disable_cooldowns: expected true or false",
        ),
        (
            "general_settings: {litellm_key_header_name: a b}",
            "general_settings.litellm_key_header_name: expected a header",
        ),
        (
            "general_settings: {max_request_size_mb: 0}",
            "general_settings.max_request_size_mb: expected a number of more",
        ),
        (
            "general_settings: {pass_through_endpoints: [{path: x, target: 'http://h'}]}",
            "general_settings.pass_through_endpoints[0].path: expected a path that starts with /, found text",
        ),
        (
            "general_settings: {pass_through_endpoints: [{path: /x, target: 'http://h', methods: [FOO]}]}",
            "general_settings.pass_through_endpoints[0].methods[0]: `FOO` is not one of DELETE, GET",
        ),
        (
            "general_settings: {pass_through_endpoints: [{path: /x, target: 'http://h', headers: {'a b': c}}]}",
            "general_settings.pass_through_endpoints[0].headers.a b: expected a header name, without blanks",
        ),
        (
            'general_settings: {pass_through_endpoints: [{path: /x, target: "http://h", headers: {a: "b\\nc"}}]}',
            "general_settings.pass_through_endpoints[0].headers.a: holds a line break, a control character",
        ),
        ("credential_list: [{credential_values: {}}]", "credential_list[0].credential_name: is missing"),
        ("environment_variables: {A: [1]}", "environment_variables.A: expected text, found a list"),
    ],
)
def test_each_kind_of_wrong_value(refuse, text, error):
    assert refuse(text)[0].startswith(f"config.yaml:1: {error}")
