"""What /responses makes and keeps: https://platform.openai.com/docs/api-reference/responses/object"""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType

from proxy.simulator.answer import Json, Metadata
from proxy.simulator.store import Stored


class Response(Stored, tag_field="object", tag="response", kw_only=True):
    created_at: int
    status: str
    model: str
    output: list[Json]
    usage: Json | None
    background: bool = False
    completed_at: int | None = None
    conversation: Json | UnsetType = UNSET
    error: Json | None = None
    incomplete_details: Json | None = None
    instructions: str | None = None
    max_output_tokens: int | None = None
    metadata: Metadata = msgspec.field(default_factory=dict)
    parallel_tool_calls: bool = True
    previous_response_id: str | None = None
    reasoning: Json
    service_tier: str = "default"
    store: bool = True
    temperature: float | None = 1.0
    text: Json
    tool_choice: object = "auto"
    tools: list[Json] = msgspec.field(default_factory=list)
    top_p: float | None = 1.0
    truncation: str = "disabled"
    user: str | None = None
