from __future__ import annotations

from collections.abc import Callable

import pytest

from proxy.gateway.reading.call import Call


def test_a_call_is_never_changed(a_call: Callable[..., Call]) -> None:
    call = a_call()
    with pytest.raises(AttributeError):
        call.model = "other"  # type: ignore[misc]
