"""The answers of /responses and their streams' events: https://platform.openai.com/docs/api-reference/responses/object

Items and events differ by their `type`, of which there are some sixty, and more each month: they have the fields
that came.
"""

from __future__ import annotations

from typing import Any

from sluice.answers.chat import Answer, Usage
from sluice.answers.fields import Fields, Item, Typed


class ResponseContent(Item):
    """`output_text`, `refusal` ..."""

    __slots__ = ()
    type: str
    text: str | None
    annotations: list[Item] | None
    logprobs: list[Item] | None


class ResponseAction(Item):
    """What a tool does: `search`, `click` ..."""

    __slots__ = ()
    type: str
    query: str | None
    queries: list[str] | None
    sources: list[Item] | None
    url: str | None
    timeout_ms: int | None
    user: str | None
    working_directory: str | None
    max_output_length: int | None


class ResponseOutputItem(Item, below={"content": ResponseContent, "summary": Item, "action": ResponseAction}):
    """`message`, `reasoning`, `function_call` ... What is declared is what one or another of them may lack."""

    __slots__ = ()
    type: str
    id: str | None
    status: str | None
    role: str | None
    content: list[ResponseContent] | None
    phase: str | None
    name: str | None
    namespace: str | None
    call_id: str | None
    caller: Item | None
    created_by: str | None
    action: ResponseAction | None
    actions: list[Item] | None
    acknowledged_safety_checks: list[Item] | None
    approval_request_id: str | None
    encrypted_content: str | None
    environment: Item | None
    code: str | None
    error: Any
    max_output_length: int | None
    output: Any
    outputs: list[Item] | None
    reason: str | None
    result: str | None
    results: list[Item] | None
    revised_prompt: str | None
    background: str | None
    output_format: str | None
    quality: str | None
    size: str | None
    svg_usage: Fields | None


class ResponseReasoning(Item):
    __slots__ = ()
    context: str | None
    effort: str | None
    generate_summary: str | None
    mode: str | None
    summary: str | None


class ResponseText(Item):
    __slots__ = ()
    format: Item | None
    verbosity: str | None


class ResponsesAPIResponse(
    Answer,
    below={
        "output": ResponseOutputItem,
        "usage": Usage,
        "reasoning": ResponseReasoning,
        "text": ResponseText,
    },
):
    """The answer of `responses` and `aresponses`."""

    __slots__ = ()
    id: str
    object: str
    created_at: float
    """Seconds since 1970."""
    model: str
    status: str | None
    """`completed`, `incomplete`, `failed`, `in_progress`, `queued`, `cancelled`."""
    output: list[ResponseOutputItem]
    error: Fields | None
    incomplete_details: Fields | None
    instructions: str | list[Fields] | None
    metadata: Fields | None
    parallel_tool_calls: bool | None
    previous_response_id: str | None
    reasoning: ResponseReasoning | None
    service_tier: str | None
    temperature: float | None
    text: ResponseText | None
    tool_choice: str | Fields | None
    tools: list[Fields] | None
    top_p: float | None
    truncation: str | None
    usage: Usage | None
    user: str | None
    access_programs: Fields | None
    background: bool | None
    completed_at: float | None
    """Seconds since 1970."""
    conversation: Fields | None
    image: Fields | None
    input_transformations: list[Fields] | None
    max_output_tokens: int | None
    max_tool_calls: int | None
    moderation: Fields | None
    prompt: Fields | None
    prompt_cache_diagnostics: Fields | None
    prompt_cache_key: str | None
    prompt_cache_options: Fields | None
    prompt_cache_retention: str | None
    safety_identifier: str | None
    tool_usage: Fields | None
    top_logprobs: int | None

    @property
    def output_text(self) -> str:
        """All text of its messages; empty where there is none."""
        contents = (item.content or () for item in self.output or () if item.type == "message")
        return "".join(part.text or "" for parts in contents for part in parts if part.type == "output_text")


class ResponseEvent(
    Item, below={"response": ResponsesAPIResponse, "item": ResponseOutputItem, "part": ResponseContent}
):
    """One event of `responses(..., stream=True)`: `response.output_text.delta`, `response.completed` ..."""

    __slots__ = ()
    type: str
    sequence_number: int | None


class Page(Answer, Typed):
    """A list of objects, as OpenAI's own lists are."""

    __slots__ = ()
    object: str
    data: list[Fields]
    has_more: bool | None
    first_id: str | None
    last_id: str | None
