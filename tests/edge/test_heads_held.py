"""What clients send in their heads is not held: whoever they are, and whatever they say."""

from __future__ import annotations

from tests.edge.conftest import House, MakeHouse, get, post

BODY = b'{"model": "gpt-4o", "messages": []}'


async def test_long_heads_without_a_key(house: House, door: str) -> None:
    client = await house.client(door)
    for number in range(30):
        request = get(b"/livez", b"X-Long: %d" % number + b"x" * 60_000, key=b"")
        got = await client.ask(request)
        assert got.status == 200
        if door == "replayed":
            client = await house.client(door)
    assert house.gateway.doorway.parser.held_bytes < 10_000


async def test_heads_that_are_never_alike(make_house: MakeHouse, door: str) -> None:
    async with make_house(head_memory_mb=0.25) as house:
        held = []
        for number in range(60):
            lines = (b"X-Request-ID: %d" % number, b"traceparent: 00-%d" % number, b"X-Kept: yes")
            got = await house.ask(post(b"/v1/chat/completions", BODY, *lines), door)
            assert got.status == 200
            held.append(house.gateway.doorway.parser.held_bytes)
        assert b"\r\nx-request-id: 59\r\n" in house.mock.requests[-1].head.lower()
        assert held[20] == held[-1] <= 250_000
