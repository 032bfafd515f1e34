from __future__ import annotations

import msgspec
import pytest

from proxy.errors import GatewayError
from proxy.simulator.assistants import Assistant
from proxy.simulator.request import Request, patched
from proxy.simulator.store import Store


class Inner(msgspec.Struct):
    size: int


class Body(msgspec.Struct):
    model: str
    inner: Inner | None = None


def _request(body: bytes, content_type: str = "application/json") -> Request:
    return Request(query={}, content_type=content_type, body=body, store=Store(), params={})


def test_fields_nobody_uses_are_passed_over() -> None:
    assert _request(b'{"model": "m", "new_feature": {}}').body_as(Body) == Body("m")


@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        (b"", "model", "missing_required_parameter"),
        (b'{"model": "m", "inner": {}}', "inner.size", "missing_required_parameter"),
        (b'{"model": 1}', None, "invalid_type"),
        (b"{]", None, None),
        (b'{"model": "\xff"}', None, None),
    ],
)
def test_a_400_names_what_is_wrong(body: bytes, param: str | None, code: str | None) -> None:
    with pytest.raises(GatewayError) as caught:
        _request(body).body_as(Body)
    assert (caught.value.status, caught.value.param, caught.value.code) == (400, param, code)


def test_form_fields_are_converted() -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="size"\r\n\r\n12\r\n--b--\r\n'
    assert _request(body, "multipart/form-data; boundary=b").form_as(Inner) == Inner(12)
    with pytest.raises(GatewayError, match="int"):
        _request(body.replace(b"12", b"big"), "multipart/form-data; boundary=b").form_as(Inner)


def test_a_patch_changes_only_what_it_may() -> None:
    assistant = Assistant(id="asst_1", model="m", name="old")
    changed = patched(assistant, {"name": "new", "id": "asst_2"}, frozenset({"name"}))
    assert (changed.id, changed.name, assistant.name) == ("asst_1", "new", "old")
    with pytest.raises(GatewayError, match="name"):
        patched(assistant, {"name": 1}, frozenset({"name"}))
