from __future__ import annotations

from proxy.config.check import render, validate


def test_a_good_file(write):
    path = write(
        """\
        model_list:
          - {model_name: a, litellm_params: {model: a, organization: [o1, o2], tags: [x]}}
          - {model_name: a, litellm_params: {model: b}}
          - {model_name: b, litellm_params: {model: b}}
        """
    )
    report = validate(path, {})
    assert report.ok
    assert (report.models, report.deployments) == (2, 4)
    lines = render(report).splitlines()
    assert lines[0].startswith(f"warning: {path}:2: model_list[0].litellm_params.tags: ")
    assert lines[1] == f"{path}: OK, 2 models, 4 deployments, 1 warning"


def test_a_bad_file_has_its_warnings_too(write):
    path = write("model_list:\n  - {model_name: a, litellm_params: {modl: a, tags: [x]}}\n")
    report = validate(path, {})
    assert not report.ok
    assert [notice.key for notice in report.errors] == [
        "model_list[0].litellm_params.modl",
        "model_list[0].litellm_params.model",
    ]
    assert len(report.warnings) == 1
    assert render(report).splitlines()[-1] == f"{path}: 2 errors, 1 warning"


def test_no_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert render(validate(None, {})) == "no config file: OK, 0 models, 0 deployments, 0 warnings"
