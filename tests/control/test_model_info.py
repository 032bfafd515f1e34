"""What is configured and how it stands, without a key."""

from __future__ import annotations

import msgspec
import pytest

from proxy.types import Secret, Streaming, StreamMode
from tests.deployments import made


@pytest.fixture
def two(house, status):
    for name in ("a", "b"):
        house.deployments[name] = made(
            name,
            group="gpt-4o",
            provider="openai",
            model="gpt-4o-2024-11-20",
            api_base="https://someone:hidden@api.openai.com/v1",
            api_key=Secret("sk-very-secret"),
            headers=((b"x-auth", b"sk-in-a-header"),),
            weight=3,
            rpm=500,
            streaming=Streaming(StreamMode.PROBE),
            max_input_tokens=128_000,
            mode="chat",
            input_per_token=0.0000025,
            object_scope="scope",
        )
    house.statuses = [
        status(id="a"),
        status(id="b", state="open", reason="rate_limited", until_s=20.0),
        status(id="gone"),
    ]
    return house


@pytest.mark.parametrize("path", ["/model/info", "/v1/model/info"])
async def test_litellms_shape_and_the_state(ask, two, path):
    reply = await ask(path)
    shown = msgspec.json.decode(reply.body)
    assert shown["worker"] == 3
    first, second = shown["data"]
    assert first["model_name"] == "gpt-4o"
    params, info = first["litellm_params"], first["model_info"]
    assert (params["model"], params["api_base"]) == ("openai/gpt-4o-2024-11-20", "https://api.openai.com/v1")
    assert (params["weight"], params["rpm"], params["tpm"], params["stream_mode"]) == (3, 500, None, "probe")
    assert (info["id"], info["mode"], info["max_input_tokens"]) == ("a", "chat", 128_000)
    assert (info["state"], info["reason"], info["until"], info["until_s"]) == ("closed", "", None, 0.0)
    benched = second["model_info"]
    assert (benched["state"], benched["reason"], benched["until_s"]) == ("open", "rate_limited", 20.0)
    assert benched["until"].endswith("Z")


async def test_one_by_its_id(ask, two):
    shown = msgspec.json.decode((await ask("/model/info", "litellm_model_id=b")).body)
    assert [one["model_info"]["id"] for one in shown["data"]] == ["b"]


async def test_no_secret_is_shown(ask, two):
    body = (await ask("/model/info")).body
    assert not any(secret in body for secret in (b"sk-", b"hidden", b"someone"))


async def test_a_key_is_shown_what_it_may_use(ask, house, status):
    for name in ("a", "b"):
        house.statuses.append(status(id=name, group=name))
    found = msgspec.json.decode((await ask("/health", may_use=lambda name: name == "a")).body)
    assert [one["model_group"] for one in found["healthy_endpoints"]] == ["a"]
