from __future__ import annotations

import pytest


def test_ids_are_unique(refuse):
    (error,) = refuse(
        """\
        model_list:
          - {model_name: a, litellm_params: {model: a}, model_info: {id: x}}
          - {model_name: b, litellm_params: {model: b}, model_info: {id: x}}
        """
    )
    assert (
        error
        == "config.yaml:3: model_list[1].model_info.id: the id of model_list[0] too: give each entry its own"
    )


@pytest.mark.parametrize(("group", "warned"), [("gpt-4", True), ("gpt-*", False), ("gpt-5", False)])
def test_aliases_of_groups_that_are_not_there(read, group, warned):
    loaded = read(
        f"""\
        model_list: [{{model_name: "{group}", litellm_params: {{model: a}}}}]
        router_settings: {{model_group_alias: {{a: gpt-5}}}}
        """
    )
    keys = [notice.key for notice in loaded.warnings]
    assert keys == (["router_settings.model_group_alias.a"] if warned else [])


GROUPS = "model_list: [{model_name: gpt-4o, litellm_params: {model: a}}, {model_name: o/*, litellm_params: {model: b}}]"


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("fallbacks: [{gpt-4o: [o/1, gpt-4]}]", ["`gpt-4`; did you mean `gpt-4o`?"]),
        (
            "fallbacks: [{gpt-40: [gpt-4o]}, {'*': [nobody]}]",
            ["`gpt-40`; did you mean `gpt-4o`?", "`nobody`"],
        ),
        ("context_window_fallbacks: [{gpt-4o: [nobody]}]", ["`nobody`"]),
        ("content_policy_fallbacks: [{gpt-4o: [nobody]}]", ["`nobody`"]),
        ("default_fallbacks: [nobody, gpt-4o]", ["`nobody`"]),
        ("fallbacks: [{alias: [gpt-4o]}]\n  model_group_alias: {alias: gpt-4o}", []),
    ],
)
def test_fallbacks_to_groups_that_are_not_there(read, written, told):
    warnings = read(f"{GROUPS}\nrouter_settings:\n  {written}\n").warnings
    assert [notice.text for notice in warnings] == [
        f"no entry of `model_list` serves {each}" for each in told
    ]


def test_certificates_are_looked_at_before_any_request(refuse, write):
    junk = write("no certificate", "junk.pem")
    errors = refuse(
        f"""\
        model_list:
          - {{model_name: a, litellm_params: {{model: a, ssl_verify: {junk}}}}}
        litellm_settings: {{ssl_verify: /nope.pem}}
        """
    )
    assert errors == [
        "config.yaml:2: model_list[0].litellm_params.ssl_verify: junk.pem: holds no certificates in PEM",
        "config.yaml:3: litellm_settings.ssl_verify: /nope.pem: No such file or directory",
    ]


@pytest.mark.parametrize(
    ("key", "word"),
    [("sk-1234", "documentation"), ("''", "empty"), ("sk-zzzz", "shorter"), ("sk-0123456789abcdef", None)],
)
def test_weak_master_keys(read, key, word):
    warnings = read(f"general_settings: {{master_key: {key}}}").warnings
    assert [word in notice.text for notice in warnings] == ([True] if word else [])
    assert "sk-zzzz" not in "".join(map(str, warnings))


def test_a_strategy_that_is_not_there_yet(read):
    loaded = read("router_settings: {routing_strategy: lar1}")
    assert [notice.text for notice in loaded.warnings] == ["is not there yet: `simple-shuffle` is used"]


def test_litellms_special_header_names(read):
    loaded = read(
        """\
        general_settings:
          pass_through_endpoints:
            - {path: /x, target: "http://h", headers: {LANGFUSE_PUBLIC_KEY: a, x: b}}
        """
    )
    assert [notice.key for notice in loaded.warnings] == [
        "general_settings.pass_through_endpoints[0].headers.LANGFUSE_PUBLIC_KEY"
    ]


def test_a_credential_cannot_be_let_through(refuse):
    errors = refuse(
        """\
        general_settings: {litellm_key_header_name: X-My-Key}
        sluice_settings: {passed_headers: [cookie, x-my-key, Authorization, cf-access-client-*]}
        """
    )
    assert [error.split(": ")[1] for error in errors] == [
        f"sluice_settings.passed_headers[{place}]" for place in (1, 2, 3)
    ]
    assert all("never leaves the gateway" in error for error in errors)


@pytest.mark.parametrize("name", ["a b", "'*'", "a*b", "''"])
def test_what_is_no_header(refuse, name):
    (error,) = refuse(f"sluice_settings: {{withheld_headers: [{name}]}}")
    assert "a beginning of names with a * behind it" in error


MASTER = "general_settings: {master_key: sk-a-master-key-of-this-test}"


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ("[{key: sk-virtual-key-one-of-two}, {key: sk-virtual-key-one-of-two}]", "is keys[0] too"),
        ("[{key: sk-a-master-key-of-this-test}]", "is the master key too"),
        ("[{key: ''}]", "is empty"),
        ("[{key: sk-virtual-key-one-of-two, expires: '2026-02-30'}]", "day is out of range"),
        ("[{key: sk-virtual-key-one-of-two, expires: soon}]", "a date"),
        ("[{key: sk-virtual-key-one-of-two, budget_duration: 1y}]", "a length of time"),
        ("[{key: sk-virtual-key-one-of-two, max_budget: -1}]", "max_budget"),
    ],
)
def test_keys_that_cannot_be_told_apart_or_read(refuse, keys, told):
    errors = refuse(
        f"{MASTER}\nsluice_settings: {{keys: {keys}}}\nmodel_list: [{{model_name: a, litellm_params: {{model: a}}}}]"
    )
    assert any(told in error for error in errors)
    assert "sk-virtual" not in str(errors)


def test_keys_without_a_master_key_would_be_asked_of_nobody(refuse):
    (error,) = refuse("sluice_settings: {keys: [{key: sk-virtual-key-one-of-two}]}")
    assert "needs a master key beside it" in error


def test_a_zone_that_is_not_there(refuse):
    (error,) = refuse("litellm_settings: {timezone: Berlin}")
    assert "write one as `Europe/Berlin`" in error
