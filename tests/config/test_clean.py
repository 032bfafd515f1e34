from __future__ import annotations

import certifi
import msgspec
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
        (f"ssl_verify: {certifi.where()}", "ssl_verify", certifi.where()),
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


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("[{a: [b, c]}]", ({"a": ("b", "c")},)),
        ("[{a: b}]", ({"a": ("b",)},)),
        ("{a: [b], c: d}", ({"a": ("b",), "c": ("d",)},)),
        ("[]", ()),
    ],
)
def test_fallbacks_with_and_without_their_brackets(read, written, meant):
    for section in ("router_settings", "litellm_settings"):
        found = read(f"{section}: {{fallbacks: {written}, default_fallbacks: a}}").config
        assert getattr(found, section).fallbacks == meant
        assert getattr(found, section).default_fallbacks == ("a",)


def test_what_a_template_left_empty_counts_as_not_written(read):
    found, warnings = entry(read, 'api_base: "", organization: "", api_key: ""', '{id: ""}')
    params = found.litellm_params
    assert (params.api_base, params.organization, found.model_info.id) == (None, (), None)
    assert params.api_key is not None
    assert len(warnings) == 3


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
        "tags: [x], watsonx_space: y, stream: true",
        "{access_groups: [a], max_tokens: 5, supports_vision: true, my_note: x}",
    )
    not_yet = "is LiteLLM's; Sluice does not honour it yet"
    assert warnings == [
        f"model_list[0].litellm_params.tags: {not_yet}",
        f"model_list[0].litellm_params.watsonx_space: {not_yet}",
        f"model_list[0].litellm_params.stream: {not_yet}",
        f"model_list[0].model_info.access_groups: {not_yet}",
        "model_list[0].model_info.my_note: is kept out: a note of your own",
    ]


def test_prices_are_collected_by_litellms_names(read):
    model, warnings = entry(
        read,
        "input_cost_per_token: 1e-6, cache_read_input_token_cost: 1e-7, input_cost_per_second: null",
        "{output_cost_per_token: 2e-6, tiered_pricing: [], search_context_cost_per_query: 0.01, base_model: azure/m}",
    )
    assert warnings == []
    assert model.litellm_params.prices == {"cache_read_input_token_cost": "1e-7"}
    assert model.model_info.prices == {"tiered_pricing": [], "search_context_cost_per_query": 0.01}
    assert (model.litellm_params.input_cost_per_token, model.model_info.base_model) == (1e-6, "azure/m")


@pytest.mark.parametrize(
    ("text", "key", "meant"),
    [
        ("modellist: []", "modellist", "model_list"),
        ("litellm_setings: {}", "litellm_setings", "litellm_settings"),
        ("model_list: [{model_nam: a}]", "model_list[0].model_nam", "model_name"),
        ("sluice_settings: {max_conections: 1}", "sluice_settings.max_conections", "max_connections"),
        ("sluice_settings: {strictt: true}", "sluice_settings.strictt", "strict"),
        ("router_settings: {num_retires: 1}", "router_settings.num_retires", "num_retries"),
        ("litellm_settings: {falbacks: []}", "litellm_settings.falbacks", "fallbacks"),
        ("general_settings: {masterkey: k}", "general_settings.masterkey", "master_key"),
        (
            "credential_list: [{credential_name: a, credential_values: {api_kee: b}}]",
            "credential_list[0].credential_values.api_kee",
            "api_key",
        ),
        (
            "router_settings: {default_litellm_params: {weigth: 1}}",
            "router_settings.default_litellm_params.weigth",
            "weight",
        ),
        (
            "model_list: [{model_name: a, litellm_params: {model: a, rmp: 1}}]",
            "model_list[0].litellm_params.rmp",
            "rpm",
        ),
        (
            "model_list: [{model_name: a, litellm_params: {model: a, max_token: 1}}]",
            "model_list[0].litellm_params.max_token",
            "max_tokens",
        ),
    ],
)
def test_a_slip_on_a_key_that_changes_routing_or_money_is_an_error(refuse, text, key, meant):
    assert refuse(text)[0] == f"config.yaml:1: {key}: unknown key; did you mean `{meant}`?"


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        ("my_section: {}", "my_section: unknown key: nothing is done with it"),
        ("{1: 2}", "1: unknown key: nothing is done with it"),
        (
            "router_settings: {retries: 1}",
            "router_settings.retries: unknown key: nothing is done with it; did you mean `num_retries`?",
        ),
        (
            "general_settings: {num_retries: 1}",
            "general_settings.num_retries: nothing is done with it here; it belongs under `router_settings`",
        ),
        (
            "litellm_settings: {json_log: true}",
            "litellm_settings.json_log: unknown key: nothing is done with it; did you mean `json_logs`?",
        ),
        (
            "general_settings: {databse_url: x}",
            "general_settings.databse_url: unknown key: nothing is done with it; did you mean `database_url`?",
        ),
        (
            "model_list: [{model_name: a, litellm_params: {model: a}, x: 1}]",
            "model_list[0].x: unknown key: nothing is done with it",
        ),
        (
            "model_list: [{model_name: a, litellm_params: {model: a}, model_info: {modes: chat}}]",
            "model_list[0].model_info.modes: unknown key; did you mean `mode`?",
        ),
    ],
)
def test_other_unknown_keys_are_warned_about(read, text, warning):
    (notice,) = read(text).warnings
    assert str(notice).endswith(f"config.yaml:1: {warning}")


def test_unknown_parameters_are_the_upstreams(read):
    found, warnings = entry(
        read,
        "num_ctx: 8192, chat_template_kwargs: {thinking: false}, context_window: 9, temprature: 1, thinking: null,"
        " extra_body: {guided_choice: [a], num_ctx: 4096}",
    )
    sent = {name: msgspec.json.decode(raw) for name, raw in found.litellm_params.default_params.items()}
    assert sent == {
        "num_ctx": 4096,
        "chat_template_kwargs": {"thinking": False},
        "context_window": 9,
        "temprature": 1,
        "guided_choice": ["a"],
    }
    sent_on = "is no key of Sluice's: it is sent to the upstream as a parameter"
    assert warnings == [
        f"model_list[0].litellm_params.context_window: {sent_on}",
        f"model_list[0].litellm_params.temprature: {sent_on}; did you mean `temperature`?",
    ]


def test_a_name_of_another_section_is_no_slip(read):
    """`mode` is one letter from `model`."""
    found, warnings = entry(read, "mode: chat")
    assert found.litellm_params.model == "a"
    assert len(warnings) == 1


@pytest.mark.parametrize(
    ("section", "written"),
    [
        (
            "litellm_settings",
            "{drop_params: true, set_verbose: false, turn_off_message_logging: true}",
        ),
        ("router_settings", "{enable_pre_call_checks: true, telemetry: false, debug_level: INFO}"),
        (
            "general_settings",
            "{set_verbose: true, disable_spend_logs: true, user_header_name: x}",
        ),
        ("x-shared", "{anything: at all}"),
    ],
)
def test_what_nobody_misses_is_taken_without_a_word(read, section, written):
    assert read(f"{section}: {written}").warnings == ()


def test_second_names(read):
    found, warnings = entry(read, "max_retries: 3, request_timeout: 60, drop_params: true")
    assert (found.litellm_params.num_retries, found.litellm_params.timeout) == (3, 60)
    assert warnings == []
    found, warnings = entry(read, "max_retries: 3, num_retries: 1")
    assert found.litellm_params.num_retries == 1
    assert len(warnings) == 1
    for written in (
        "sluice_settings: {keepalive_seconds: 7}",
        "litellm_settings: {sse_keepalive_ping_interval_seconds: 7}",
        "litellm_settings: {keepalive_seconds: 7}",
        "litellm_settings: {keepalive_seconds: 9}\nsluice_settings: {sse_keepalive_s: 7}",
    ):
        assert read(written).config.sluice_settings.sse_keepalive_s == 7
    assert read("router_settings: {max_retries: 5}").config.router_settings.num_retries == 5


def test_limits_beside_the_parameters_count(read):
    text = "model_list: [{model_name: a, rpm: 6, tpm: 7, litellm_params: {model: a, tpm: 8}}]"
    params = read(text).config.model_list[0].litellm_params
    assert (params.rpm, params.tpm) == (6, 8)


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
