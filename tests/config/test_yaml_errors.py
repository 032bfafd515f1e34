from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("text", "where", "words", "excerpt", "caret"),
    [
        ("a:\n\tb: 1\n", "2: column 1", "a tab: YAML is indented by blanks only", " b: 1", 0),
        ("a: b\n\tc: d\n", "2: column 1", "a tab: YAML is indented by blanks only", " c: d", 0),
        ("a:\n- name: *\n", "2: column 9", 'write `"*"` in quotes', "- name: *", 8),
        ("a: *x\n", "1: column 4", "a value that begins with `*` needs quotes", "a: *x", 3),
        ("a: @x\n", "1: column 4", "write it in quotes", "a: @x", 3),
        ("a: b: c\n", "1: column 5", "a second `: ` in one line", "a: b: c", 4),
        ("a: 1\n  b: 2\n", "2: column 4", "deeper indentation than the line above", "  b: 2", 3),
        ("a: 'x\nb: 1\n", "1: column 4", "the quote that begins here is not closed", "a: 'x", 3),
        ("a: [1\nb: 2\n", "1: column 4", "the `[` that begins here is not closed", "a: [1", 3),
        ("a: {b: 1\nc: 2\n", "1: column 4", "the `{` that begins here is not closed", "a: {b: 1", 3),
        ("a: [\nb: *x]\n", "2: column 4", "a value that begins with `*` needs quotes", "b: *x]", 3),
        ("a: [1, :]\n", "1: column 8", "a value is missing", "a: [1, :]", 7),
        ("a: 1\n---\nb: 2\n", "2: column 1", "a second `---`: write one document", "---", 0),
        ("- a\nb: 1\n", "2: column 1", "neither another `- ` of the list", "b: 1", 0),
        ("a: b\n- c\n", "2: column 1", "indent it below its key", "- c", 0),
        ("a: - b\n", "1: column 4", "a list begins in a line of its own", "a: - b", 3),
        ('a: "\\d"\n', "1: column 5", "not an escape that YAML knows", 'a: "\\d"', 4),
    ],
)
def test_in_a_persons_words_with_the_place(refuse, text, where, words, excerpt, caret):
    told = refuse(text)
    assert told[0].startswith(f"config.yaml:{where}: ")
    assert words in told[0]
    assert told[1:] == [f"    {excerpt}", "    " + " " * caret + "^"]


def test_a_file_that_ends_within_a_bracket(refuse):
    (error,) = refuse("a: [\n")
    assert error == "config.yaml:2: column 1: the `[` or `{` before this is not closed, or a value is missing"


def test_a_template_that_nobody_filled_in(refuse):
    (error,) = refuse("a: {{ x }}\n")
    assert error.startswith("config.yaml:1: `{{...}}` is a template's")


@pytest.mark.parametrize(
    ("written", "where", "words"),
    [
        (
            "a: 1\nb: café\n".encode("latin-1"),
            "2: column 7",
            "not UTF-8 (Latin-1, perhaps): save the file as UTF-8",
        ),
        (b"a: 1\nb: x\x07\n", "2: column 5", "a control character: take it out"),
    ],
)
def test_bytes_that_are_no_text(refuse, write, monkeypatch, written, where, words):
    path = write("")
    path.write_bytes(written)
    monkeypatch.setattr(type(path), "write_text", lambda *_: None)
    assert refuse("") == [f"config.yaml:{where}: {words}"]


def test_a_long_line_is_shown_around_the_place(refuse):
    _, excerpt, caret = refuse("a: [" + "1, " * 200 + "b: c: d]\n")
    assert len(excerpt) <= 76
    assert excerpt[len(caret) - 1] in ":["


@pytest.mark.parametrize(
    "line",
    [
        "api_key: sk-do-not-show-me: x",
        "note: sk-do-not-show-me: x",
        "note: sixteen-letters-and-1-digit-sk-do-not-show-me: x",
        "url: https://user:sk-do-not-show-me@host/: x",
        'Authorization: "Bearer sk-do-not-show-me": x',
    ],
)
def test_no_secret_is_in_the_excerpt(refuse, line):
    told = "\n".join(refuse(f"a:\n  {line}\n"))
    assert "do-not-show-me" not in told
    assert "***" in told
