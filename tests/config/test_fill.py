from __future__ import annotations

import pytest

from proxy.types import Secret


def test_litellm_settings_speak_where_router_settings_do_not(read):
    router = read(
        """\
        litellm_settings: {num_retries: 5, allowed_fails: 6, cooldown_time: 7}
        router_settings: {num_retries: 1}
        """
    ).config.router_settings
    assert (router.num_retries, router.allowed_fails, router.cooldown_time) == (1, 6, 7)


def test_credentials_and_defaults_fill_in_what_is_not_written(read):
    config = read(
        """\
        credential_list:
          - credential_name: east
            credential_values: {api_key: sk-east, base_url: http://east, max_tokens: 2}
        router_settings:
          default_litellm_params:
            {api_key: sk-default, timeout: 9, supports_system_message: false, max_tokens: 1, seed: 1}
        model_list:
          - {model_name: a, litellm_params: {model: a}}
          - {model_name: b, litellm_params: {model: b, litellm_credential_name: east}}
          - model_name: c
            litellm_params:
              {model: c, litellm_credential_name: east, api_key: sk-own, supports_system_message: true, max_tokens: 3}
        """
    ).config
    a, b, c = (entry.litellm_params for entry in config.model_list)
    assert (a.api_key, b.api_key, c.api_key) == (Secret("sk-default"), Secret("sk-east"), Secret("sk-own"))
    assert (a.api_base, b.api_base, c.api_base) == (None, "http://east", "http://east")
    assert (a.timeout, b.timeout, c.timeout) == (9, 9, 9)
    assert (a.supports_system_message, c.supports_system_message) == (False, True)
    assert [bytes(p.default_params["max_tokens"]) for p in (a, b, c)] == [b"1", b"2", b"3"]
    assert bytes(c.default_params["seed"]) == b"1"


def test_a_credential_that_is_not_there(refuse):
    (error,) = refuse(
        """\
        credential_list: [{credential_name: east}]
        model_list:
          - model_name: a
            litellm_params:
              model: a
              litellm_credential_name: eest
        """
    )
    assert error.startswith(
        "config.yaml:6: model_list[0].litellm_params.litellm_credential_name: no entry of"
    )
    assert error.endswith("; did you mean `east`?")


def test_a_wrong_value_is_told_once_where_it_stands(refuse):
    assert refuse(
        """\
        credential_list:
          - credential_name: east
            credential_values: {api_base: nowhere}
        model_list:
          - {model_name: a, litellm_params: {model: a, litellm_credential_name: east}}
          - {model_name: b, litellm_params: {model: b, litellm_credential_name: east}}
        """
    ) == ["config.yaml:3: credential_list[0].credential_values.api_base: expected an http(s) URL, found text"]


@pytest.mark.parametrize(
    "text",
    [
        "router_settings: 5\ncredential_list: [6]\nmodel_list: [7, {litellm_params: 8}]",
        "router_settings: {default_litellm_params: 5}\nmodel_list: {}",
        "litellm_settings: 5\ngeneral_settings: 6\ncredential_list: 7",
        "credential_list: [{credential_name: a, credential_values: 5}]",
    ],
)
def test_shapes_that_make_no_sense_are_errors_and_no_crash(refuse, text):
    assert all(
        "expected" in line or "missing" in line for line in refuse(text, {"LITELLM_MASTER_KEY": "sk-x"})
    )


def test_a_policy_of_failures_outranks_their_number(read):
    def allowed(written: str) -> int:
        return read(f"router_settings: {{{written}}}").config.router_settings.allowed_fails

    assert allowed("allowed_fails: 7") == 7
    assert allowed("allowed_fails: 7, allowed_fails_policy: {BadRequestErrorAllowedFails: 1000}") == 7
    both = "TimeoutErrorAllowedFails: 9, InternalServerErrorAllowedFails: 5"
    assert allowed(f"allowed_fails: 7, allowed_fails_policy: {{{both}}}") == 5
    loaded = read("router_settings: {allowed_fails_policy: {RateLimitErrorAllowedFails: 100}}")
    assert [notice.key for notice in loaded.warnings] == [
        "router_settings.allowed_fails_policy.RateLimitErrorAllowedFails"
    ]
