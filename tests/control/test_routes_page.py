from __future__ import annotations

import msgspec


async def test_routes_are_listed_in_litellms_shape(ask):
    reply = await ask("/routes")
    assert reply.status == 200
    assert msgspec.json.decode(reply.body) == {
        "routes": [
            {"path": "/v1/chat/completions", "methods": ["POST"], "name": "chat", "endpoint": "pipeline"},
        ]
    }
