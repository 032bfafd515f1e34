from __future__ import annotations

import pytest

from proxy.config import compose as room
from proxy.config.errors import ConfigError
from proxy.config.load import load


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "config.yaml: empty: write at least `model_list:`, or start without a config file"),
        ("# nothing\n", "config.yaml: empty: write at least `model_list:`, or start without a config file"),
        ("- a\n", "config.yaml: not a mapping: write `model_list:` and the like at the left margin"),
        ("hello\n", "config.yaml: not a mapping: write `model_list:` and the like at the left margin"),
        ("model_list: !!int x\n", "config.yaml:1: a value contradicts its own tag"),
        ("x: &x {y: *x}\n", "config.yaml:1: x.y: an alias that holds itself: write it out"),
        ("model_list: !!python/object:os.system x\n", "config.yaml:1: not YAML: could not determine a constructor"),
    ],
)  # fmt: skip
def test_what_is_no_configuration(refuse, text, error):
    assert refuse(text)[0].startswith(error)


def test_bytes_that_are_no_text(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_bytes(b"a: \xff\xfe\n")
    with pytest.raises(ConfigError, match=r"config\.yaml:1: column 4: not UTF-8"):
        load(path, {})


def test_a_directory(tmp_path):
    with pytest.raises(ConfigError, match="Is a directory"):
        load(tmp_path, {})


def test_too_large_a_file(refuse, monkeypatch):
    monkeypatch.setattr(room, "LIMIT_BYTES", 8)
    assert "not a configuration" in refuse("model_list: []\n")[0]


def test_of_a_key_written_twice_the_last_holds(read):
    loaded = read(
        """\
        litellm_settings: {json_logs: true, request_timeout: 5}
        model_list: [{model_name: a, litellm_params: {model: a, rpm: 1, rpm: 2}}]
        litellm_settings: {request_timeout: 7}
        """
    )
    assert loaded.config.model_list[0].litellm_params.rpm == 2
    assert (loaded.config.litellm_settings.json_logs, loaded.config.litellm_settings.request_timeout) == (
        False,
        7,
    )
    first, second = (str(notice).replace(f"{loaded.path.parent}/", "") for notice in loaded.warnings)
    again = "is written again at config.yaml"
    assert first == f"config.yaml:1: litellm_settings: {again}:3: that one holds, and nothing of this"
    assert (
        second
        == f"config.yaml:2: model_list[0].litellm_params.rpm: {again}:2: that one holds, and nothing of this"
    )


@pytest.mark.parametrize(
    "text", ["a: " + "[" * 3000 + "]" * 3000, "a: " + "{a: " * 3000 + "}" * 3000, "[" * 500_000]
)
def test_too_deep_a_nesting_is_told_and_kills_nothing(refuse, text):
    assert refuse(text) == ["config.yaml:1: nested more than 64 deep: not a configuration"]


def test_aliases_that_multiply(refuse):
    lines = ["x-0: &x0 [1, 2, 3, 4, 5, 6, 7, 8, 9]"]
    lines += [f"x-{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 9)}]" for n in range(1, 9)]
    (error,) = refuse("\n".join(lines) + "\n")
    assert "more than 2000000 values, its aliases written out" in error


def test_anchors_and_merge_keys(read):
    config = read(
        """\
        model_list:
          - model_name: a
            litellm_params: &shared {model: a, rpm: 1}
          - model_name: b
            litellm_params: {<<: *shared, rpm: 2}
        """
    ).config
    assert [(e.litellm_params.model, e.litellm_params.rpm) for e in config.model_list] == [("a", 1), ("a", 2)]


def test_dates_are_text(read):
    entry = read(
        "model_list: [{model_name: 2024-05-13, litellm_params: {model: 2024-99-99}}]"
    ).config.model_list[0]
    assert (entry.model_name, entry.litellm_params.model) == ("2024-05-13", "2024-99-99")


def test_includes_are_relative_nested_and_appended(read, write):
    write(
        "include: [deep/more.yaml]\nmodel_list: [{model_name: b, litellm_params: {model: b}}]\n",
        "parts/one.yaml",
    )
    write("model_list: [{model_name: c, litellm_params: {model: c}}]\n", "parts/deep/more.yaml")
    config = read(
        """\
        include: [parts/one.yaml]
        model_list: [{model_name: a, litellm_params: {model: a}}]
        """
    ).config
    assert [entry.model_name for entry in config.model_list] == ["a", "b", "c"]


def test_included_mappings_merge_and_win_with_a_warning(read, write):
    write("router_settings: {num_retries: 7, timeout: 9}\nlitellm_settings: {json_logs: true}\n", "more.yaml")
    loaded = read(
        "include: more.yaml\nrouter_settings:\n  num_retries: 1\n  allowed_fails: 5\nlitellm_settings:\n"
    )
    router = loaded.config.router_settings
    assert (router.num_retries, router.timeout, router.allowed_fails) == (7, 9, 5)
    assert loaded.config.litellm_settings.json_logs
    assert [notice.key for notice in loaded.warnings] == ["router_settings.num_retries"]
    assert "config.yaml:3" in loaded.warnings[0].text


def test_a_file_included_twice_counts_once(read, write):
    write("include: [c.yaml]\n", "a.yaml")
    write("include: [c.yaml]\n", "b.yaml")
    write("model_list: [{model_name: c, litellm_params: {model: c}}]\n", "c.yaml")
    assert len(read("include: [a.yaml, b.yaml]\n").config.model_list) == 1


@pytest.mark.parametrize("name", ["x" * 300, '"a\\0b"'])
def test_including_what_no_file_is_called(refuse, name):
    assert refuse(f"include: {name}\nmodel_list:\n") == ["config.yaml:1: include: is no file's name"]


@pytest.mark.parametrize("nothing", ["", "null", "[]", "[null]"])
def test_including_nothing(read, nothing):
    assert read(f"include: {nothing}\nmodel_list:\n").warnings == ()


def test_missing_and_circular_includes(refuse, write):
    write("include: [config.yaml, gone.yaml]\n", "a.yaml")
    errors = refuse("model_list:\ninclude:\n  - a.yaml\n  - nowhere.yaml\n")
    assert errors == [
        "a.yaml:1: include: config.yaml includes itself: take it out",
        "a.yaml:1: include: gone.yaml: no such file",
        "config.yaml:4: include: nowhere.yaml: no such file",
    ]


def test_errors_name_the_included_file(refuse, write):
    write("\n\nmodel_list:\n  - {model_name: b, litellm_params: {model: b, rpm: x}}\n", "more.yaml")
    errors = refuse("include: [more.yaml]\nmodel_list: [{model_name: a, litellm_params: {model: a}}]\n")
    assert errors == [
        "more.yaml:4: model_list[1].litellm_params.rpm: expected a whole number of at least 0, found text"
    ]


def test_a_circle_of_aliases_in_both_files(refuse, write):
    write("x: &x {y: *x}\n", "more.yaml")
    assert refuse("include: [more.yaml]\nmodel_list:\n") == [
        "more.yaml:1: x.y: an alias that holds itself: write it out"
    ]


def test_problems_of_the_env_file_do_not_hide_those_of_the_config(refuse, write):
    write("nonsense\n", ".env")
    errors = refuse("modell_list: []\n")
    assert [error.split(": ")[0] for error in errors] == ["config.yaml:1"]
