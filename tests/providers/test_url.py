from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import Fault, GatewayError
from proxy.providers.url import Origin, normalise_base, origin, refuse_dot_segments, target


@pytest.mark.parametrize(
    ("given_base", "expected"),
    [
        ("https://api.openai.com", "https://api.openai.com/v1"),
        ("https://api.openai.com/", "https://api.openai.com/v1"),
        ("https://api.openai.com/v1", "https://api.openai.com/v1"),
        ("https://api.openai.com/v1/", "https://api.openai.com/v1"),
        ("http://0.0.0.0:4000", "http://0.0.0.0:4000/v1"),
        ("http://ollama_host:11434//", "http://ollama_host:11434/v1"),
        (
            "https://generativelanguage.googleapis.com/v1beta/openai/",
            "https://generativelanguage.googleapis.com/v1beta/openai",
        ),
        ("HTTPS://API.OpenAI.com:443/v1", "https://api.openai.com/v1"),
        ("http://[::1]:8000", "http://[::1]:8000/v1"),
        ("https://h/a%20b/", "https://h/a%20b"),
    ],
)
def test_a_base_gets_v1_only_when_it_has_no_path(given_base: str, expected: str) -> None:
    assert normalise_base(given_base) == expected
    assert normalise_base(expected) == expected


@pytest.mark.parametrize(
    "api_base",
    [
        "",
        "api.openai.com/v1",
        "ftp://h/v1",
        "https://",
        "https:///v1",
        "https://user:hunter2@h/v1",
        "https://hunter2@h/v1",
        "https://h/v1?",
        "https://h/v1?key=hunter2",
        "https://h/v1#x",
        "https://h:0/v1",
        "https://h:99999/v1",
        "https://h:http/v1",
        "https://user:hunter2/v1",
        "https://h /v1",
        "https://h/v1\n",
        "https://ho\tst/v1",
        "https://münchen.example/v1",
        "https://h\\@evil/v1",
        "https://[::1/v1",
        "https://[nonsense]/v1",
        "https://h/v1/../admin",
        "https://h/v1/%2e%2e/admin",
    ],
)
def test_what_is_no_base_is_refused_without_repeating_it(api_base: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        normalise_base(api_base)
    assert "hunter2" not in str(caught.value)


def test_origin_parts() -> None:
    assert origin("https://api.openai.com/v1") == Origin(
        scheme="https", host="api.openai.com", port=443, base_path=b"/v1", host_header=b"api.openai.com"
    )
    assert origin("http://[2001:DB8::1]:8000") == Origin(
        scheme="http", host="2001:db8::1", port=8000, base_path=b"", host_header=b"[2001:db8::1]:8000"
    )
    assert origin("http://h:443/").host_header == b"h:443"


@pytest.mark.parametrize(
    ("base_path", "path", "query", "expected"),
    [
        (b"/v1", b"/v1/chat/completions", None, b"/v1/chat/completions"),
        (b"/v1", b"/chat/completions", None, b"/v1/chat/completions"),
        (b"/v1beta/openai", b"/v1/chat/completions", None, b"/v1beta/openai/chat/completions"),
        (b"/v1", b"/v1/v1/x", None, b"/v1/v1/x"),
        (b"/api", b"/v1beta/x", None, b"/api/v1beta/x"),
        (b"/v1", b"/v1", None, b"/v1"),
        (b"/v1", b"/v1/", None, b"/v1/"),
        (b"/v1", b"/v1/files/", None, b"/v1/files/"),
        (b"/v1", b"/v1/files/a%2Fb%20c/content", None, b"/v1/files/a%2Fb%20c/content"),
        (b"/v1", b"/v1/files", b"", b"/v1/files?"),
        (
            b"/v1",
            b"/v1/files",
            b"include[]=a&include[]=b&q=%20+",
            b"/v1/files?include[]=a&include[]=b&q=%20+",
        ),
        (b"/v1", b"/v1/models/gpt-4.1", b"..=../..", b"/v1/models/gpt-4.1?..=../.."),
        (b"/v1", b"//files", None, b"/v1//files"),
        (b"/v1", b"/v1/...", None, b"/v1/..."),
        (b"/v1", b"/v1/.well-known/a..b", None, b"/v1/.well-known/a..b"),
    ],
)
def test_target(base_path: bytes, path: bytes, query: bytes | None, expected: bytes) -> None:
    assert target(base_path, path, query) == expected


CLIMBING = [
    b"/v1/..",
    b"/v1/../admin",
    b"/v1/./files",
    b"/..",
    b"/v1/%2e%2E/admin",
    b"/v1/.%2e/admin",
    b"/v1/a\\..\\b",
    b"/v1/..\\b",
    b"/v1/x%2f..%2fy",
    b"/v1/x%5C..%5Cy",
    b"/v1/..;/admin",
]


@pytest.mark.parametrize("path", CLIMBING)
def test_a_path_may_not_climb(path: bytes) -> None:
    with pytest.raises(GatewayError) as caught:
        target(b"/v1", path, None)
    assert (caught.value.status, caught.value.fault) == (400, Fault.CLIENT)
    with pytest.raises(GatewayError):
        refuse_dot_segments(path)


@given(st.lists(st.sampled_from(["..", ".", "a", "b.c", "%2e", "v1"]), max_size=6))
def test_what_passes_has_no_dot_segments(segments: list[str]) -> None:
    path = "/" + "/".join(segments)
    climbs = any(segment in {".", "..", "%2e"} for segment in segments)
    try:
        sent = target(b"/base", path.encode(), None)
    except GatewayError:
        assert climbs
    else:
        assert not climbs
        assert sent.startswith(b"/base")
        assert path.encode().endswith(sent.removeprefix(b"/base"))
