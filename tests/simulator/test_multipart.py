from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import GatewayError
from proxy.simulator.multipart import parse_form

TYPE = 'multipart/form-data; boundary="edge"'
NAMES = st.text(alphabet="abcdefgh[]_", min_size=1, max_size=8)


def _part(name: str, data: bytes, filename: str | None = None) -> bytes:
    extra = "" if filename is None else f'; filename="{filename}"'
    head = f'--edge\r\nContent-Disposition: form-data; name="{name}"{extra}\r\n\r\n'
    return head.encode() + data + b"\r\n"


@given(
    st.dictionaries(NAMES, st.text(alphabet="abc 123")),
    st.lists(st.tuples(NAMES, NAMES, st.binary().filter(lambda data: b"--edge" not in data))),
)
def test_what_was_put_in_comes_out(values: dict[str, str], files: list[tuple[str, str, bytes]]) -> None:
    parts = [_part(name, value.encode()) for name, value in values.items()]
    parts += [_part(field, data, filename) for field, filename, data in files]
    form = parse_form(TYPE, b"".join(parts) + b"--edge--\r\n")
    assert form.values == values
    assert [(part.field, part.filename, part.data) for part in form.files] == files


def test_a_file_is_found_by_its_field_with_or_without_brackets() -> None:
    form = parse_form(TYPE, _part("image[]", b"png", "a.png") + b"--edge--")
    assert form.file("image").data == b"png"
    with pytest.raises(GatewayError, match="Missing required parameter: 'mask'"):
        form.file("mask")


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"--edge--"),
        ("multipart/form-data", b"--edge--"),
        (TYPE, _part("a", b"1")),
        (TYPE, b"--edge\r\nContent-Type: text/plain\r\n\r\n1\r\n--edge--"),
    ],
)
def test_what_is_not_a_form_is_a_400(content_type: str, body: bytes) -> None:
    with pytest.raises(GatewayError) as caught:
        parse_form(content_type, body)
    assert caught.value.status == 400
