"""Answers that are lists of what was made: vectors, pictures, verdicts.

https://platform.openai.com/docs/api-reference: embeddings, images, moderations.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sluice.answers.chat import Answer, Usage
from sluice.answers.fields import Fields, Typed


class Embedding(Typed):
    __slots__ = ()
    index: int
    object: str
    embedding: list[float]
    """With `encoding_format="base64"` the text as it came: little-endian float32."""


class EmbeddingResponse(Answer, below={"data": Embedding, "usage": Usage}):
    __slots__ = ()
    object: str
    model: str
    data: list[Embedding]
    usage: Usage | None


class ImageObject(Typed):
    __slots__ = ()
    url: str | None
    b64_json: str | None
    revised_prompt: str | None


class ImageResponse(Answer, below={"data": ImageObject, "usage": Usage}):
    __slots__ = ()
    created: int
    """Seconds since 1970."""
    data: list[ImageObject]
    usage: Usage | None
    size: str | None
    quality: str | None
    background: str | None
    output_format: str | None
    safety_identifier: str | None
    svg_usage: Fields | None


class Named(Fields):
    """Fields by names such as `harassment/threatening`, which as an attribute is `harassment_threatening`."""

    __slots__ = ()
    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    else:

        def __getattr__(self, name: str) -> Any:
            for each in self:
                if each.replace("/", "_").replace("-", "_") == name:
                    return self[each]
            return super().__getattr__(name)


class Moderation(
    Typed, below={"categories": Named, "category_scores": Named, "category_applied_input_types": Named}
):
    __slots__ = ()
    flagged: bool
    categories: Named
    category_scores: Named
    category_applied_input_types: Named | None


class OpenAIModerationResponse(Answer, below={"results": Moderation}):
    __slots__ = ()
    id: str
    model: str
    results: list[Moderation]
