"""POST /embeddings: https://platform.openai.com/docs/api-reference/embeddings/create"""

from __future__ import annotations

import array
import base64
import hashlib
import math
import struct
import sys

import msgspec

from proxy.errors import GatewayError
from proxy.simulator.answer import Answer, Json, reply
from proxy.simulator.completions import Prompt, texts_of
from proxy.simulator.request import Request
from proxy.simulator.route import Route
from proxy.simulator.text import count_tokens

DIMENSIONS = {"text-embedding-3-large": 3072}
DEFAULT_DIMENSIONS = 1536
MAX_INPUTS = 2048


class EmbeddingsBody(msgspec.Struct):
    model: str
    input: Prompt
    dimensions: int | None = None
    encoding_format: str | None = None


def create(request: Request) -> Answer:
    body = request.body_as(EmbeddingsBody)
    texts = texts_of(body.input)
    dimensions = _dimensions(body)
    if not 0 < len(texts) <= MAX_INPUTS:
        raise GatewayError(400, f"'input' must hold 1 to {MAX_INPUTS} texts.", param="input")
    vectors = [unit_vector(text, dimensions) for text in texts]
    tokens = sum(map(count_tokens, texts))
    data = [_item(index, vector, body.encoding_format) for index, vector in enumerate(vectors)]
    return reply(
        {
            "object": "list",
            "data": data,
            "model": body.model,
            "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        }
    )


def unit_vector(text: str, dimensions: int) -> list[float]:
    """The same text has the same direction, wherever and whenever it is asked."""
    digest = hashlib.shake_256(text.encode()).digest(2 * dimensions)
    raw = struct.unpack(f"<{dimensions}h", digest)
    length = math.hypot(*raw)
    return [value / length for value in raw]


def _dimensions(body: EmbeddingsBody) -> int:
    most = DIMENSIONS.get(body.model, DEFAULT_DIMENSIONS)
    wanted = most if body.dimensions is None else body.dimensions
    if not 1 <= wanted <= most:
        message = f"Invalid value for 'dimensions' = {wanted}. Must be from 1 to {most}."
        raise GatewayError(400, message, param="dimensions")
    return wanted


def _item(index: int, vector: list[float], encoding_format: str | None) -> Json:
    embedding = _base64(vector) if encoding_format == "base64" else vector
    return {"object": "embedding", "index": index, "embedding": embedding}


def _base64(vector: list[float]) -> str:
    """Little-endian 32-bit floats, as the SDKs ask for by default."""
    floats = array.array("f", vector)
    if sys.byteorder == "big":
        floats.byteswap()
    return base64.b64encode(floats.tobytes()).decode()


ROUTES = (Route("POST", "/v1/embeddings", create),)
