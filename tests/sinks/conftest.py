from __future__ import annotations

from collections.abc import Callable

import pytest

from proxy.accounting.record import Record
from proxy.types import Outcome, Usage


@pytest.fixture
def make_record() -> Callable[..., Record]:
    def make(**changes: object) -> Record:
        fields: dict[str, object] = {
            "call_id": "6d0c4f0e-6c5f-4b9e-9a55-3f1e8c1f2a01",
            "started_unix_s": 1_700_000_000.25,
            "method": "POST",
            "route": "/v1/chat/completions",
            "model_asked": "gpt-4o",
            "model_served": "gpt-4o-2024-08-06",
            "deployment_id": "key-1",
            "status": 200,
            "outcome": Outcome.OK,
            "attempts": 1,
            "first_byte_s": 0.25,
            "duration_s": 1.5,
            "usage": Usage(input_tokens=12, output_tokens=34),
        }
        return Record(**{**fields, **changes})  # type: ignore[arg-type]

    return make
