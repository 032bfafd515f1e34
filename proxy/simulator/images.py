"""Images: https://platform.openai.com/docs/api-reference/images

Each answer is a small real PNG in a colour taken from the prompt; a `url` answer is a data URL, which opens.
"""

from __future__ import annotations

import base64
import hashlib
import struct
import zlib
from collections.abc import Iterator

import msgspec

from proxy.errors import GatewayError
from proxy.simulator.answer import Answer, Json, Stream, reply, sse_named
from proxy.simulator.ids import unix_now
from proxy.simulator.request import Request
from proxy.simulator.route import Route
from proxy.simulator.text import count_tokens

SIDE_PIXELS = 32
MAX_IMAGES = 10
TOKENS_PER_IMAGE = 272
"""What gpt-image-1 counts for its smallest image."""


class ImageFields(msgspec.Struct, kw_only=True):
    prompt: str = ""
    model: str | None = None
    n: int | None = None
    size: str | None = None
    quality: str | None = None
    response_format: str | None = None
    stream: bool | None = None
    partial_images: int | None = None


def generate(request: Request) -> Answer:
    fields = request.body_as(ImageFields)
    _need_prompt(fields)
    return _answer(fields, fields.prompt.encode(), "image_generation")


def edit(request: Request) -> Answer:
    fields = request.form_as(ImageFields)
    _need_prompt(fields)
    return _answer(fields, fields.prompt.encode() + request.form().file("image").data, "image_edit")


def vary(request: Request) -> Answer:
    fields = request.form_as(ImageFields)
    return _answer(fields, request.form().file("image").data, "image_variation")


def png(seed: bytes) -> bytes:
    """A square of one colour with a gradient. https://www.w3.org/TR/png-3/"""
    red, green, blue = hashlib.sha256(seed).digest()[:3]
    rows = (
        b"\0" + bytes((red, green, (blue + 4 * row + column) % 256)[channel]
                      for column in range(SIDE_PIXELS) for channel in range(3))
        for row in range(SIDE_PIXELS)
    )  # fmt: skip
    header = struct.pack(">IIBBBBB", SIDE_PIXELS, SIDE_PIXELS, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"".join(rows))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_png_chunk(kind, data) for kind, data in chunks)


def _png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _need_prompt(fields: ImageFields) -> None:
    if not fields.prompt:
        message = "Missing required parameter: 'prompt'."
        raise GatewayError(400, message, param="prompt", code="missing_required_parameter")


def _answer(fields: ImageFields, seed: bytes, event: str) -> Answer:
    count = fields.n or 1
    if not 1 <= count <= MAX_IMAGES:
        raise GatewayError(400, f"Invalid 'n': expected an integer from 1 to {MAX_IMAGES}.", param="n")
    if fields.stream:
        return Stream(_events(fields, seed, event))
    data = [_image(fields, seed + bytes(index)) for index in range(count)]
    return reply({**_described(fields, count), "created": unix_now(), "data": data})


def _image(fields: ImageFields, seed: bytes) -> Json:
    text = base64.b64encode(png(seed)).decode()
    wants_url = not (fields.model or "dall-e-2").startswith("gpt-") and fields.response_format != "b64_json"
    return {"url": f"data:image/png;base64,{text}"} if wants_url else {"b64_json": text}


def _described(fields: ImageFields, count: int) -> Json:
    prompt, output = count_tokens(fields.prompt), TOKENS_PER_IMAGE * count
    return {
        "background": "opaque",
        "output_format": "png",
        "quality": fields.quality or "low",
        "size": fields.size or "1024x1024",
        "usage": {
            "input_tokens": prompt,
            "input_tokens_details": {"image_tokens": 0, "text_tokens": prompt},
            "output_tokens": output,
            "total_tokens": prompt + output,
        },
    }


def _events(fields: ImageFields, seed: bytes, event: str) -> Iterator[bytes]:
    whole: Json = {
        **_described(fields, 1),
        "created_at": unix_now(),
        "b64_json": base64.b64encode(png(seed)).decode(),
    }
    for index in range(fields.partial_images or 0):
        name = f"{event}.partial_image"
        partial = {key: value for key, value in whole.items() if key != "usage"}
        yield sse_named(name, {"type": name, **partial, "partial_image_index": index})
    yield sse_named(f"{event}.completed", {"type": f"{event}.completed", **whole})


ROUTES = (
    Route("POST", "/v1/images/generations", generate),
    Route("POST", "/v1/images/edits", edit),
    Route("POST", "/v1/images/variations", vary),
)
