from __future__ import annotations

import yaml

from proxy.config.nodes import locate
from proxy.config.notices import Findings, Notice
from proxy.config.paths import dotted

TEXT = """\
a:
  - b: 1
    c:
      d e: 2
  - {b: 3}
"""


def test_positions():
    root = yaml.SafeLoader(TEXT).get_single_node()
    assert [locate(root, path).rpartition(":")[2] for path in [
        (), ("a",), ("a", 0), ("a", 0, "c"), ("a", 0, "c", "d e"), ("a", 1, "b"),
    ]] == ["1", "1", "2", "3", "4", "5"]  # fmt: skip


def test_positions_of_what_is_not_there_are_those_of_its_parent():
    root = yaml.SafeLoader(TEXT).get_single_node()
    assert [
        locate(root, path).rpartition(":")[2] for path in [("z",), ("a", 9), ("a", 0, "c", "x", "y")]
    ] == [
        "1",
        "1",
        "3",
    ]


def test_paths_in_words():
    assert dotted(("model_list", 0, "litellm_params", "rpm")) == "model_list[0].litellm_params.rpm"
    assert dotted(()) == ""


def test_a_line_of_text():
    assert str(Notice("f:1", "a.b", "is wrong")) == "f:1: a.b: is wrong"
    assert str(Notice("f", "", "is wrong")) == "f: is wrong"


def test_the_same_warning_of_many_entries_is_one_with_a_count():
    findings = Findings("f")
    for index in range(3):
        findings.warn(("model_list", index, "tags"), "is not there")
    findings.warn(("model_list", 0, "tags"), "is odd")
    assert [str(notice) for notice in findings.warnings()] == [
        "f: model_list[0].tags: is not there (and 2 more like it)",
        "f: model_list[0].tags: is odd",
    ]


def test_errors_come_in_the_order_of_the_file():
    findings = Findings("f")
    for where in ("f:10", "f:9", "e:11", "f"):
        findings.error_at(where, "wrong")
    assert [notice.where for notice in findings.errors_in_order()] == ["e:11", "f", "f:9", "f:10"]
