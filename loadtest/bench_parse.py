"""What parsing costs, in microseconds a call: `python -m loadtest.bench_parse`. Best of 7 runs."""

from __future__ import annotations

import timeit
from collections.abc import Callable

from proxy.gateway.reading.peek import peek_json
from proxy.providers.splice import replace_model
from proxy.wire.framing import ChunkedFraming, LengthFraming
from proxy.wire.head_parser import HeadParser
from proxy.wire.response_rules import parse_response_head

RUNS = 7
CALLS = 20_000
DROP = frozenset((b"set-cookie",))

SDK_HEAD = b"""\
POST /v1/chat/completions HTTP/1.1\r
Host: gateway.example.com\r
Accept-Encoding: gzip, deflate\r
Connection: keep-alive\r
Accept: application/json\r
Content-Type: application/json\r
User-Agent: OpenAI/Python 1.109.1\r
X-Stainless-Lang: python\r
X-Stainless-Package-Version: 1.109.1\r
X-Stainless-OS: Linux\r
X-Stainless-Arch: x64\r
X-Stainless-Runtime: CPython\r
X-Stainless-Runtime-Version: 3.11.7\r
Authorization: Bearer sk-0123456789abcdef0123456789abcdef\r
X-Stainless-Async: false\r
x-stainless-retry-count: 0\r
x-stainless-read-timeout: 600\r
Content-Length: 300\r
\r
"""
OPENAI_HEAD = b"""\
HTTP/1.1 200 OK\r
Date: Thu, 20 Nov 2025 10:00:00 GMT\r
Content-Type: application/json\r
Content-Length: 521\r
Connection: keep-alive\r
access-control-expose-headers: X-Request-ID\r
openai-organization: org-0123456789abcdef01234567\r
openai-processing-ms: 432\r
openai-version: 2020-10-01\r
x-ratelimit-limit-requests: 10000\r
x-ratelimit-remaining-tokens: 199980\r
x-request-id: req_0123456789abcdef0123456789abcdef\r
strict-transport-security: max-age=31536000; includeSubDomains; preload\r
x-content-type-options: nosniff\r
Server: cloudflare\r
CF-RAY: 8a1b2c3d4e5f6789-FRA\r
\r
"""
COOKIE_HEAD = OPENAI_HEAD.replace(b"Server:", b"Set-Cookie: __cf_bm=0123456789; path=/; HttpOnly\r\nServer:")
EVENT = b"data: " + b"x" * 180 + b"\n\n"
CHUNK = b"%x\r\n%b\r\n" % (len(EVENT), EVENT)
BURST = CHUNK * 64
IMAGE = b'{"messages":[{"role":"user","content":"%b"}],"model":"gpt-4o"}' % (b"x" * 1_000_000)


def cost_us(call: Callable[[], object]) -> float:
    calls = min(CALLS, 1 + int(CALLS * 1e-6 / timeit.timeit(call, number=1)))
    return min(timeit.repeat(call, number=calls, repeat=RUNS)) / calls * 1e6


def parse_anew() -> object:
    return HeadParser(65536, 100).parse(SDK_HEAD)


def cases() -> dict[str, Callable[[], object]]:
    parser = HeadParser(65536, 100)
    parser.parse(SDK_HEAD)
    chunked, payload, length = ChunkedFraming(), list[bytes](), LengthFraming(10**18)

    def feed_and_copy() -> None:
        payload.clear()
        chunked.feed(CHUNK, payload)

    return {
        f"request head, {len(SDK_HEAD)} B, remembered": lambda: parser.parse(SDK_HEAD),
        f"request head, {len(SDK_HEAD)} B, first time": parse_anew,
        f"response head, {len(OPENAI_HEAD)} B": lambda: parse_response_head(OPENAI_HEAD, b"POST", DROP),
        f"response head, {len(COOKIE_HEAD)} B, a cookie dropped": lambda: parse_response_head(
            COOKIE_HEAD, b"POST", DROP
        ),
        "one chunk": lambda: chunked.feed(CHUNK),
        "one chunk, payload wanted": feed_and_copy,
        f"64 chunks, {len(BURST)} B": lambda: chunked.feed(BURST),
        "content-length body, one read": lambda: length.feed(BURST),
        f"fields of a body of {len(IMAGE)} B": lambda: peek_json(IMAGE),
        "its model renamed": lambda: replace_model(IMAGE, "gpt-4o", "other"),
    }


def run() -> None:
    for name, call in cases().items():
        print(f"{name:48} {cost_us(call):8.2f} us")


if __name__ == "__main__":
    run()
