from __future__ import annotations

import pytest

from proxy.routing.features import NOTHING_SPECIAL, features_of

ASKED = b'{"messages":[{"role":"user","content":"hi"}]%b}'


@pytest.mark.parametrize(
    ("body", "needs"),
    [
        (ASKED % b"", set()),
        (ASKED % b',"tools":[]', set()),
        (ASKED % b',"tools":[{"type":"function"}]', {"tools"}),
        (ASKED % b',"functions":[{"name":"f"}]', {"tools"}),
        (ASKED % b',"response_format":{"type":"json_object"}', set()),
        (ASKED % b',"response_format":{"type":"json_schema"}', {"schema"}),
        (b'{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{}}]}]}', {"vision"}),
        (b'{"messages":[{"role":"user","content":[{"type":"input_audio"}]}]}', {"audio"}),
        (b'{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"{"}]}', {"prefill"}),
    ],
)
def test_what_a_request_needs(body: bytes, needs: set[str]) -> None:
    assert features_of(body).needs == needs


@pytest.mark.parametrize("body", [None, b"", b"[", b'{"messages":7}', b"\xff"])
def test_nothing_is_known_of_what_is_no_chat_request(body: bytes | None) -> None:
    assert features_of(body) == NOTHING_SPECIAL


def test_the_prompt_is_measured_by_its_text() -> None:
    assert features_of(b'{"messages":[{"role":"user","content":"%b"}]}' % (b"x" * 400)).input_tokens == 100
