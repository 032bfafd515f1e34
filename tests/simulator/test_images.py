from __future__ import annotations

import base64
import struct
import zlib

import openai
import pytest

from proxy.simulator.images import SIDE_PIXELS, png


def test_the_png_is_whole() -> None:
    data = png(b"seed")
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    chunks, at = {}, 8
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        assert struct.unpack_from(">I", data, at + 8 + length) == (zlib.crc32(kind + body),)
        chunks[kind], at = body, at + 12 + length
    assert struct.unpack(">IIBB", chunks[b"IHDR"][:10]) == (SIDE_PIXELS, SIDE_PIXELS, 8, 2)
    assert len(zlib.decompress(chunks[b"IDAT"])) == SIDE_PIXELS * (1 + 3 * SIDE_PIXELS)
    assert png(b"seed") == data != png(b"other")


def test_generations(client: openai.OpenAI) -> None:
    answer = client.images.generate(model="gpt-image-1", prompt="A red cat", n=2)
    images = [base64.b64decode(image.b64_json or "") for image in answer.data or []]
    assert [image[:4] for image in images] == [b"\x89PNG"] * 2
    assert images[0] != images[1]
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens


def test_dall_e_answers_with_a_url_unless_told_otherwise(client: openai.OpenAI) -> None:
    by_url = client.images.generate(model="dall-e-3", prompt="A cat")
    assert (by_url.data or [])[0].url == f"data:image/png;base64,{base64.b64encode(png(b'A cat')).decode()}"
    inline = client.images.generate(model="dall-e-3", prompt="A cat", response_format="b64_json")
    assert (inline.data or [])[0].b64_json


@pytest.mark.filterwarnings("ignore:(The Assistants API is )?deprecated:DeprecationWarning")
def test_edits_and_variations(client: openai.OpenAI) -> None:
    edited = client.images.edit(model="gpt-image-1", image=("a.png", png(b"a")), prompt="Bluer", n=2)
    assert len(edited.data or []) == 2
    several = client.images.edit(model="gpt-image-1", image=[("a.png", b"1"), ("b.png", b"2")], prompt="Mix")
    assert (several.data or [])[0].b64_json
    varied = client.images.create_variation(image=("a.png", png(b"a")))
    assert (varied.data or [])[0].url


def test_a_stream_of_partial_images(client: openai.OpenAI) -> None:
    stream = client.images.generate(model="gpt-image-1", prompt="A cat", stream=True, partial_images=2)
    assert [event.type for event in stream] == 2 * ["image_generation.partial_image"] + [
        "image_generation.completed"
    ]


def test_what_the_api_refuses(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="prompt"):
        client.images.generate(model="gpt-image-1", prompt="")
    with pytest.raises(openai.BadRequestError, match="'n'"):
        client.images.generate(model="gpt-image-1", prompt="A cat", n=11)
