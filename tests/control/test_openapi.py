"""The description holds together, and what it shows works."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec
import pytest

from proxy.control.operations import FORM, OPERATIONS, Operation
from proxy.control.page_answers import PAGE_ANSWERS

Node = dict


@pytest.fixture
async def spec(ask) -> Node:
    return msgspec.json.decode((await ask("/openapi.json")).body)


def operations(spec: Node) -> Iterator[tuple[str, str, Node]]:
    for path, methods in spec["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def nodes(value: object) -> Iterator[Node]:
    if isinstance(value, dict):
        yield value
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for child in children:
        yield from nodes(child)


def resolve(spec: Node, reference: str) -> Node:
    found = spec
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found


async def test_head_of_the_document(spec):
    assert spec["openapi"] == "3.1.0"
    assert spec["info"]["version"] == "1.2.3"
    assert [server["url"] for server in spec["servers"]] == ["/"]


async def test_every_reference_leads_somewhere_and_every_component_is_used(spec):
    used = {node["$ref"] for node in nodes(spec) if "$ref" in node}
    for reference in used:
        resolve(spec, reference)
    for kind in ("parameters", "headers", "responses"):
        assert {f"#/components/{kind}/{name}" for name in spec["components"][kind]} <= used


async def test_operation_ids_are_unique(spec):
    ids = [operation["operationId"] for _, _, operation in operations(spec)]
    assert len(ids) == len(set(ids))


async def test_paths_declare_exactly_their_parameters(spec):
    for path, method, operation in operations(spec):
        shown = [resolve(spec, p["$ref"]) if "$ref" in p else p for p in operation["parameters"]]
        named = [p["name"] for p in shown if p["in"] == "path"]
        assert named == re.findall(r"\{(\w+)\}", path), (method, path)
        assert len({(p["in"], p["name"]) for p in shown}) == len(shown)
        assert operation["responses"], path


async def test_tags_are_declared_and_used(spec):
    used = {tag for _, _, operation in operations(spec) for tag in operation["tags"]}
    assert [tag["name"] for tag in spec["tags"] if tag["name"] not in used] == []
    assert used <= {tag["name"] for tag in spec["tags"]}
    assert all(tag["description"] for tag in spec["tags"])


async def test_every_page_is_described_with_or_without_a_key(spec, house):
    for page in house.pages():
        operation = spec["paths"][page.path][page.methods[0].lower()]
        assert operation["summary"] == page.summary
        assert (operation.get("security") == []) is page.public
        assert ("4XX" in operation["responses"]) is not page.public
    assert set(PAGE_ANSWERS) == {page.path for page in house.pages()}


async def test_native_routes_are_there_with_and_without_v1(spec):
    for row in OPERATIONS:
        for path in (f"/v1{row.path}", row.path, *(prefix + row.path for prefix in row.model_prefixes)):
            assert row.method in spec["paths"][path]
    assert "/engines/{model}/chat/completions" in spec["paths"]
    assert "/openai/deployments/{model}/embeddings" in spec["paths"]


async def test_passthrough_takes_every_method(spec):
    for path in ("/openai/{path}", "/openai_passthrough/{path}", "/v1/{path}"):
        assert set(spec["paths"][path]) == {"get", "post", "put", "patch", "delete"}
        for operation in spec["paths"][path].values():
            assert {"$ref": "#/components/parameters/TargetModel"} in operation["parameters"]


async def test_a_key_is_asked_in_either_header(spec):
    schemes = spec["components"]["securitySchemes"]
    assert schemes["bearer"]["scheme"] == "bearer"
    assert schemes["x-litellm-api-key"]["name"] == "x-litellm-api-key"
    assert spec["security"] == [{"bearer": []}, {"x-litellm-api-key": []}]


async def test_a_model_in_the_path_is_not_in_the_body(spec):
    operation = spec["paths"]["/engines/{model}/embeddings"]["post"]
    assert operation["parameters"][0]["example"] == "text-embedding-3-small"
    body = operation["requestBody"]["content"]["application/json"]
    assert body["example"] == {"input": "Hello"}
    assert "model" not in body["schema"]["properties"]
    assert body["schema"]["required"] == ["input"]


async def test_every_field_of_a_form_is_filled_in(spec):
    """Swagger UI would send the word `string` for a field that shows no example."""
    forms = [node[FORM]["schema"] for node in nodes(spec) if node.get(FORM)]
    assert forms
    for form in forms:
        for name, field in form["properties"].items():
            assert field.get("format") == "binary" or "examples" in field, name


def named(row: Operation) -> str:
    return f"{row.method} {row.path}"


@pytest.mark.parametrize("row", [row for row in OPERATIONS if row.request], ids=named)
def test_examples_fit_their_schema(row):
    files = {"image": "", "file": ""} if row.request_type == FORM else {}
    msgspec.convert({**files, **row.example}, row.request)
    assert set(row.example) <= set(row.request.__annotations__)


@pytest.mark.parametrize("row", [row for row in OPERATIONS if row.stream_example], ids=named)
def test_stream_examples_are_whole_events(row):
    assert row.stream_example.endswith("\n\n")
    for line in row.stream_example.splitlines():
        field, _, data = line.partition(": ")
        assert field in ("", "event", "data")
        if field == "data" and data != "[DONE]":
            msgspec.json.decode(data)
