"""Samples that mean something, where a type does not say what; and why some fields make no difference."""

from __future__ import annotations

from typing import Any

PNG, GIF = "data:image/png;base64,iVBORw0KGgo=", "data:image/gif;base64,R0lGODlh"
PDF = "data:application/pdf;base64,JVBERi0="
TOOL = {"type": "function", "function": {"name": "f"}}
HI: dict[str, Any] = {"role": "user", "content": "Hi"}
CALLED: dict[str, Any] = {"role": "assistant", "function_call": {"name": "text", "arguments": "{}"}}
SAMPLES: dict[tuple[str, str], list[Any]] = {
    ("Choice", "index"): [0],
    ("CompletionChoice", "index"): [0],
    ("ImageURL", "url"): [PNG, GIF],
    ("FileFile", "file_data"): [PDF, PDF + "AAAA"],
    ("File", "file"): [{"file_data": PDF}, {"file_data": PDF + "AAAA"}],
    ("ThinkingConfigEnabledParam", "budget_tokens"): [1024, 9000],
    ("FunctionCall", "arguments"): ['{"a":1}', '{"a":2}'],
    ("Function", "arguments"): ['{"a":1}', '{"a":2}'],
    ("ToolChoiceAllowedParam", "tools"): [
        [{"type": "function", "name": "f"}],
        [{"type": "function", "name": "g"}],
    ],
    ("ChatCompletionAllowedToolsParam", "tools"): [[TOOL], []],
    ("ChatCompletionFunctionMessageParam", "name"): ["text"],
    ("ToolParam", "allowed_callers"): [["direct"], ["code_execution_20250825"]],
    ("CompletionCreateParamsNonStreaming", "modalities"): [["text"], ["audio"]],
    ("OutputConfigParam", "effort"): ["low", "high"],
    ("CompletionCreateParamsNonStreaming", "stream_options"): [{"include_usage": True}],
    ("Content", "text"): ["more", "other"],
    ("*", "model"): ["claude-sonnet-4-5"],
    ("CompletionCreateParamsNonStreaming", "tools"): [
        [TOOL],
        [{"type": "function", "function": {"name": "g"}}],
    ],
    ("CompletionCreateParamsNonStreaming", "messages"): [[HI], [{"role": "user", "content": "Ho"}]],
    ("MessageCreateParamsNonStreaming", "messages"): [[HI], [{"role": "user", "content": "Ho"}]],
}
BESIDE: dict[tuple[str, str], tuple[list[Any], list[Any]]] = {
    ("CompletionCreateParamsNonStreaming", "messages"): ([HI, CALLED], []),
    ("MessageCreateParamsNonStreaming", "messages"): ([HI], []),
    ("ResponseCreateParamsNonStreaming", "input"): ([], [{"role": "assistant", "content": "So."}]),
}
UNSAID: dict[tuple[str, str], str] = {
    ("*, to Anthropic", "*.prompt_cache_*"): "hints for the provider's caches: they change no answer",
    ("*, to Anthropic", "PromptCache*"): "hints for the provider's caches: they change no answer",
    ("*, to Anthropic", "*.metadata"): "labels of a stored completion: nothing is stored",
    (
        "*, to Anthropic",
        "*.prediction",
    ): "what the answer may be like, to have it sooner: it changes no answer",
    ("*, to Anthropic", "ChatCompletionPredictionContentParam.*"): "see `prediction`",
    ("*, to Anthropic", "*.include_obfuscation"): "padding of a stream's events: there is none",
    ("*, to Anthropic", "JSONSchema.name"): "Anthropic's formats have no name",
    ("*, to Anthropic", "JSONSchema.strict"): "decides which of Anthropic's two ways is taken",
    ("Messages request*", "*cache_control"): "OpenAI's caches find out themselves what they keep",
    (
        "Messages request*",
        "CacheControlEphemeralParam.*",
    ): "OpenAI's caches find out themselves what they keep",
    (
        "Messages request*",
        "TextBlock*.citations",
    ): "where a text of before is from: chat says it of answers only",
    ("Messages request*", "Citation*"): "where a text of before is from: chat says it of answers only",
    ("Messages request*", "*.toolset_name"): "of Anthropic's own toolsets, which are refused",
    ("Messages request*", "ThinkingConfig*.display"): "chat has no thoughts that are not shown",
    ("Messages request*", "ToolParam.defer_loading"): "the tool is there at once",
    ("Messages request*", "ToolParam.eager_input_streaming"): "chat streams arguments in any case",
    ("responses request*", "Reasoning.context"): "which thoughts are looked at is the server's to decide",
    ("responses request*", "Reasoning.*summary"): "chat's thoughts are told as they are",
    ("responses request*", "*.id"): "items have no names in a chat",
    ("responses request*", "*.status"): "what is sent back is complete",
    ("responses request*", "FunctionCallOutput.name"): "its call has it",
    (
        "responses request*",
        "*ContentParam.prompt_cache_breakpoint",
    ): "results of tools are one text in a chat",
    ("responses request*", "*.phase"): "chat has no phases",
    ("responses request*", "*.include"): "more of what only tools of /responses say",
    ("responses request*", "*.context_management"): "all of the conversation is sent",
    ("responses request*", "ContextManagement.*"): "all of the conversation is sent",
    ("responses request*", "*.stream_options"): "padding of a stream's events: there is none",
    ("responses request*", "StreamOptions.*"): "padding of a stream's events: there is none",
    ("responses request*", "*.annotations"): "where a text of before is from: chat says it of answers only",
    ("responses request*", "Annotation*"): "where a text of before is from: chat says it of answers only",
    ("responses request*", "*ogprob*"): "how sure a text of before was: chat says it of answers only",
    (
        "responses request*",
        "ResponseReasoningItemParam.encrypted_content",
    ): "sealed by another provider, for itself",
    ("Anthropic's stream*", "RawContentBlock*.index"): "chat numbers calls only",
    ("Anthropic's stream*", "Message.stop_*"): "not there before the end, and said there",
    ("Anthropic's stream*", "Message.content"): "empty at the start",
    ("Anthropic's stream*", "Usage.output_tokens"): "the end says it again, and more",
    ("*, for a client of Anthropic", "*ogprob*"): "no request of Anthropic's asks for them",
    ("*, for a client of Anthropic", "*udio*"): "no request of Anthropic's asks for it",
    (
        "*, for a client of Anthropic",
        "AnnotationURLCitation.*_index",
    ): "Anthropic's citations stand where they belong",
    ("*, for a client of responses", "*udio*"): "no request that is translated asks for it",
    ("*, for a client of responses", "ChoiceLogprobs.refusal"): "refusals of /responses have none",
    ("*, for a client of responses", "*.id"): "the gateway gives an id of its own, which is nobody else's",
    ("*", "CompletionUsage.total_tokens"): "the sum of both",
    ("*", "*.obfuscation"): "padding",
    ("*", "ChoiceDelta.role"): "it is the assistant's in any case",
    ("*", "ChoiceDeltaToolCall.index"): "calls come in their order",
    ("*", "ChoiceDeltaToolCall.type"): "it is a function in any case",
}
"""By pair and by type and field, each a pattern."""
NEEDED: dict[str, set[str]] = {
    "FunctionCallOutput": {"call_id"},
    "ItemReference": {"type"},
    "FileFile": {"file_data"},
    "EasyInputMessageParam": {"type"},
    "Message": {"type"},
    "ChatCompletionMessage": {"content"},
    "ChoiceDelta": {"content"},
    "ChoiceLogprobs": {"content"},
    "CompletionTokensDetails": {"reasoning_tokens"},
    "PromptTokensDetails": {"cached_tokens"},
    "CitationsConfigParam": {"enabled"},
    "MetadataParam": {"user_id"},
    "OutputConfigParam": {"effort"},
    "ChoiceDeltaToolCall": {"function"},
    "ChoiceDeltaToolCallFunction": {"name"},
    "Logprobs": {"tokens", "token_logprobs"},
}
"""Fields that are optional by the type, and without which the others say nothing."""
