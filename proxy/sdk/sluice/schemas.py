"""`response_format=SomePydanticClass`: its schema, as strict structured outputs want it.

https://platform.openai.com/docs/guides/structured-outputs#supported-schemas
"""

from __future__ import annotations

from typing import Any

from sluice.exceptions import BadRequestError


def response_format(kind: type) -> dict[str, Any]:
    """Raises BadRequestError for a class that has no schema."""
    make = getattr(kind, "model_json_schema", None)
    if make is None:
        raise BadRequestError(f"`response_format`: {kind.__name__} is no pydantic class, and has no schema.")
    schema = strict(make())
    return {"type": "json_schema", "json_schema": {"name": kind.__name__, "schema": schema, "strict": True}}


def strict(schema: Any) -> Any:
    """Every object with all its properties required, and no others; a default has no place there."""
    if isinstance(schema, list):
        return [strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: strict(value) for name, value in schema.items() if name != "default" or value is not None}
    if made.get("type") == "object" and isinstance(made.get("properties"), dict):
        made["additionalProperties"] = False
        made["required"] = list(made["properties"])
    return made
