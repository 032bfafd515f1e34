"""The description of the gateway's API in OpenAPI 3.1, made from the tables of operations and pages.

Source: https://spec.openapis.org/oas/v3.1.1.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

import msgspec

from proxy.control import schemas
from proxy.control.json_schemas import JsonSchemas, Node, with_examples
from proxy.control.operations import FORM, JSON, OPERATIONS, Operation
from proxy.control.page_answers import OTHER, PAGE_ANSWERS, PageAnswer
from proxy.types import Page

INTRO = """\
One address for the OpenAI API over many upstream keys: point an OpenAI SDK's `base_url` here, with one of its keys.

* What is listed with its fields is routed by the `model` of the body.
* **Everything else of the OpenAI API** is passed on as it came: any other `/v1/...`, and all of `/openai/...` and
  `/openai_passthrough/...`, with `/v1` in the path or without.
* Answers, errors included, come back as the upstream sent them; errors of the gateway itself have the same shape.
"""
ALIASES = "The same without /v1"
MODEL_IN_PATH = "Model in the path"
PASSTHROUGH = "Passthrough"
TAGS: tuple[tuple[str, str], ...] = (
    ("Chat", "`stream: true` answers with server-sent events, ended by `data: [DONE]`."),
    ("Completions", "The older API: one prompt, one text."),
    ("Embeddings", "Vectors to compare texts by."),
    ("Responses", "A stored response is found again at the upstream that made it."),
    ("Images", "Drawn, edited, varied."),
    ("Audio", "Speech from text, and text from speech."),
    ("Moderations", "Checks on content."),
    ("Models", "What this gateway serves."),
    (PASSTHROUGH, "Any method and path of the OpenAI API, byte for byte."),
    (MODEL_IN_PATH, "Azure-style and engine paths: the model of the path is the one used."),
    (ALIASES, "For clients whose `base_url` has no `/v1`."),
    (
        "Spend",
        "What was used and what it cost, from the state file; days are those of UTC. In LiteLLM's shapes.",
    ),
    ("Keys and teams", "Virtual keys and whose they are, by LiteLLM's endpoints."),
    ("Admin", "The operator's word on single deployments. Only the master key may."),
    ("Health", "The liveness and readiness pages need no key."),
    ("Documentation", "This page, and what it is made of."),
)
PASSTHROUGH_PREFIXES: dict[str, str] = {
    "/openai/{path}": "Any OpenAI path, load-balanced over the configured keys",
    "/openai_passthrough/{path}": "Any OpenAI path, never taken for a native route",
    "/v1/{path}": "Any other OpenAI path or method",
}
PASSTHROUGH_EXAMPLES: dict[str, tuple[str, Node]] = {
    "get": ("files", {}),
    "post": ("conversations", {"metadata": {"topic": "demo"}}),
    "put": ("", {}),
    "patch": ("", {}),
    "delete": ("", {}),
}
"""Method -> a path and a body to try it with."""

_PARAMETERS: Node = {
    "TargetModel": {
        "name": "X-LiteLLM-Target-Model",
        "in": "header",
        "schema": {"type": "string"},
        "description": "Route as this model; for requests whose body names none. Not sent upstream.",
    },
    "SessionId": {
        "name": "x-litellm-session-id",
        "in": "header",
        "schema": {"type": "string"},
        "description": "An id of the client's own that groups requests.",
    },
}
_HEADERS: Node = {
    "x-litellm-call-id": {
        "schema": {"type": "string"},
        "description": "This request's id in the access record.",
    },
    "x-litellm-model-id": {"schema": {"type": "string"}, "description": "The deployment that answered."},
    "x-litellm-attempted-retries": {
        "schema": {"type": "integer"},
        "description": "Attempts before the one that answered.",
    },
    "x-litellm-overhead-duration-ms": {
        "schema": {"type": "number"},
        "description": "Time spent in the gateway before the request went upstream, in milliseconds.",
    },
}
_SECURITY_SCHEMES: Node = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A key of this gateway."},
    "x-litellm-api-key": {
        "type": "apiKey",
        "in": "header",
        "name": "x-litellm-api-key",
        "description": "The same key, for clients whose Authorization header is taken; it comes first.",
    },
}
SERVER: Node = {"url": "/", "description": "This gateway"}
_ERRORS: Node = {
    "4XX": {"$ref": "#/components/responses/ClientError"},
    "5XX": {"$ref": "#/components/responses/ServerError"},
}


def document(pages: Sequence[Page], version: str) -> bytes:
    """The whole description as JSON; `pages` are the gateway's own."""
    schema_of = JsonSchemas(_types())
    paths: dict[str, Node] = {}
    for path, method, operation in (*_native(schema_of), *_passthrough(), *_own(pages, schema_of)):
        paths.setdefault(path, {})[method] = operation
    return msgspec.json.encode(
        {
            "openapi": "3.1.0",
            "info": {"title": "Sluice", "version": version, "description": INTRO},
            "servers": [SERVER],
            "security": [{name: []} for name in _SECURITY_SCHEMES],
            "tags": [{"name": name, "description": text} for name, text in TAGS],
            "paths": paths,
            "components": {
                "schemas": schema_of.components,
                "parameters": _PARAMETERS,
                "headers": _HEADERS,
                "responses": _error_responses(schema_of),
                "securitySchemes": _SECURITY_SCHEMES,
            },
        }
    )


def _types() -> list[object]:
    used: list[object] = [schemas.Error]
    for operation in OPERATIONS:
        used += [operation.request, operation.answer]
    used += [page.answer for page in PAGE_ANSWERS.values()]
    return [shown for shown in dict.fromkeys(used) if shown is not None]


_Described: TypeAlias = tuple[str, str, Node]
"""path, method, operation"""


def _native(schema_of: JsonSchemas) -> Iterable[_Described]:
    for row in OPERATIONS:
        yield _native_at(f"/v1{row.path}", row.tag, row, schema_of)
        yield _native_at(row.path, ALIASES, row, schema_of)
        for prefix in row.model_prefixes:
            yield _native_at(f"{prefix}{row.path}", MODEL_IN_PATH, row, schema_of)


def _native_at(path: str, tag: str, row: Operation, schema_of: JsonSchemas) -> _Described:
    operation: Node = {
        "operationId": _operation_id(row.method, path),
        "tags": [tag],
        "summary": row.summary,
        "parameters": [*_path_parameters(path, row.example), {"$ref": "#/components/parameters/SessionId"}],
        "responses": {"200": _success(_answer_content(row, schema_of)), **_ERRORS},
    }
    if row.request is not None:
        body = _body(row, schema_of, without="model" if "{model}" in path else "")
        operation["requestBody"] = {"required": True, "content": {row.request_type: body}}
    return path, row.method, operation


def _body(row: Operation, schema_of: JsonSchemas, without: str) -> Node:
    """`without`: the field that the path holds already."""
    example = {name: value for name, value in row.example.items() if name != without}
    if row.request_type == FORM:
        return {"schema": with_examples(schema_of.in_full(row.request, without=without), example)}
    schema = schema_of.in_full(row.request, without=without) if without else schema_of(row.request)
    return {"schema": schema, "example": example}


def _answer_content(row: Operation, schema_of: JsonSchemas) -> Node:
    content: Node = {row.answer_type: {"schema": schema_of(row.answer)}}
    if row.stream_example:
        content["text/event-stream"] = {"schema": {"type": "string"}, "example": row.stream_example}
    return content


def _success(content: Node) -> Node:
    headers = {name: {"$ref": f"#/components/headers/{name}"} for name in _HEADERS}
    return {"description": "The upstream's answer.", "headers": headers, "content": content}


def _passthrough() -> Iterable[_Described]:
    for path, summary in PASSTHROUGH_PREFIXES.items():
        for method, (rest, body) in PASSTHROUGH_EXAMPLES.items():
            yield path, method, _passthrough_at(path, method, summary, rest, body)


def _passthrough_at(path: str, method: str, summary: str, rest: str, body: Node) -> Node:
    parameter: Node = {
        "name": "path",
        "in": "path",
        "required": True,
        "schema": {"type": "string"},
        "description": "The rest of the path; it may hold slashes. The query is passed on too.",
    }
    if rest:
        parameter["example"] = rest
    references = [{"$ref": f"#/components/parameters/{name}"} for name in _PARAMETERS]
    operation: Node = {
        "operationId": _operation_id(method, path),
        "tags": [PASSTHROUGH],
        "summary": summary,
        "parameters": [parameter, *references],
        "responses": {"2XX": _success({"*/*": {}}), **_ERRORS},
    }
    if method in ("post", "put", "patch"):
        content: Node = {JSON: {"schema": {"type": "object"}, "example": body}, FORM: {}, "*/*": {}}
        operation["requestBody"] = {"content": content}
    return operation


def _own(pages: Sequence[Page], schema_of: JsonSchemas) -> Iterable[_Described]:
    for page in pages:
        method = page.methods[0].lower()
        yield page.path, method, _page(page, method, PAGE_ANSWERS.get(page.path, OTHER), schema_of)


def _page(page: Page, method: str, shown: PageAnswer, schema_of: JsonSchemas) -> Node:
    answer: Node = {
        "description": page.summary,
        "content": {shown.media_type: {"schema": schema_of(shown.answer)}},
    }
    others = {status: {"description": text} for status, text in shown.other_statuses.items()}
    operation: Node = {
        "operationId": _operation_id(method, page.path),
        "tags": [shown.tag],
        "summary": page.summary,
        "parameters": [*_path_parameters(page.path), *_query_parameters(shown.query)],
        "responses": {"200": answer, **others} if page.public else {"200": answer, **others, **_ERRORS},
    }
    if shown.body is not None:
        content: Node = {JSON: {"schema": {"type": "object"}, "example": shown.body}}
        operation["requestBody"] = {"content": content}
    if page.public:
        operation["security"] = []
    return operation


def _path_parameters(path: str, examples: Mapping[str, object] = {}) -> list[Node]:
    return [_path_parameter(name, examples.get(name)) for name in re.findall(r"\{(\w+)\}", path)]


def _path_parameter(name: str, example: object) -> Node:
    parameter: Node = {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
    return parameter if example is None else {**parameter, "example": example}


def _query_parameters(query: Mapping[str, str]) -> list[Node]:
    return [
        {"name": name, "in": "query", "schema": {"type": "string"}, "description": text}
        for name, text in query.items()
    ]


def _operation_id(method: str, path: str) -> str:
    return f"{method}_" + (re.sub(r"\W+", "_", path).strip("_") or "root")


def _error_responses(schema_of: JsonSchemas) -> Node:
    content = {JSON: {"schema": schema_of(schemas.Error)}}
    return {
        "ClientError": {"description": "The request is wrong: see `error.message`.", "content": content},
        "ServerError": {"description": "The upstream or the gateway could not answer.", "content": content},
    }
