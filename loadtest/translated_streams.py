"""What an event costs the gateway when its stream is translated, against one that is relayed, in processor time.

`python -m loadtest.translated_streams` starts a gateway and an upstream that says an event a millisecond, and takes
turns between the kinds of stream. The bar: `MOST_TIMES`.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import trio

from loadtest.answers import DONE, SSE_TYPE, Answer, Framing, RawRequest, event
from loadtest.anthropic_answers import as_event
from loadtest.aws_frames import chunk
from loadtest.claude_at_clouds import AWS_STREAM
from loadtest.gateway_process import GatewayProcess, running_gateway
from loadtest.mock_upstream import MockUpstream, mock_upstream

EVENTS, GAP_S, STREAMS, ROUNDS = 1000, 0.001, 8, 5
MOST_TIMES = 2.0
"""A look at each event, and its words in another shape: not more than the relay itself."""
KEY = "sk-translated"
CONFIG = """
model_list:
  - model_name: gpt
    litellm_params: {model: openai/gpt, api_base: UPSTREAM/v1, api_key: k}
  - model_name: claude
    litellm_params: {model: anthropic/claude-sonnet-4-5, api_base: UPSTREAM, api_key: k}
  - model_name: bedrock
    litellm_params: {model: bedrock/anthropic.claude-sonnet-4-5, api_base: UPSTREAM, api_key: k}
"""
KINDS = {
    "relayed": ("/v1/chat/completions", "gpt"),
    "Claude's, for OpenAI's client": ("/v1/chat/completions", "claude"),
    "OpenAI's, for Anthropic's client": ("/v1/messages", "gpt"),
    "Claude's, for a client of /responses": ("/v1/responses", "claude"),
    "Bedrock's, for OpenAI's client": ("/v1/chat/completions", "bedrock"),
}
_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


def main() -> int:
    parser = argparse.ArgumentParser(prog="translated_streams", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    rounds = parser.parse_args().rounds
    spent: dict[str, list[float]] = {kind: [] for kind in KINDS}
    with _upstream() as url, tempfile.TemporaryDirectory() as folder:
        config = CONFIG.replace("UPSTREAM", url)
        with running_gateway(Path(folder), config=config, key=KEY) as gateway:
            _stream(gateway, "relayed")  # warm
            for _ in range(rounds):
                for kind in KINDS:
                    before = _cpu_s(gateway.process.pid)
                    _stream(gateway, kind)
                    spent[kind].append((_cpu_s(gateway.process.pid) - before) / (EVENTS * STREAMS) * 1e6)
    return _tell(spent)


def _tell(spent: dict[str, list[float]]) -> int:
    relayed = statistics.median(spent["relayed"])
    worst = 0.0
    for kind, each in spent.items():
        median = statistics.median(each)
        worst = max(worst, median / relayed)
        print(
            f"{kind}: {median:.1f} us per event ({min(each):.1f} to {max(each):.1f}), {median / relayed:.2f} times"
        )
    return 0 if worst <= MOST_TIMES else 1


def _answer(request: RawRequest) -> Answer:
    if b"/completions" in request.target:
        pieces = (*(event(number) for number in range(EVENTS)), DONE)
    else:
        message = {
            "id": "m",
            "type": "message",
            "role": "assistant",
            "model": "c",
            "content": [],
            "usage": {"input_tokens": 1},
        }
        block = {"type": "text", "text": ""}
        delta = as_event(
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": " word"}}
        )
        pieces = (
            as_event({"type": "message_start", "message": message})
            + as_event({"type": "content_block_start", "index": 0, "content_block": block}),
            *([delta] * EVENTS),
            as_event({"type": "content_block_stop", "index": 0})
            + as_event(
                {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 9}}
            )
            + as_event({"type": "message_stop"}),
        )
    if b"/model/" in request.target:
        return Answer(
            headers=(AWS_STREAM,), body=tuple(map(_framed, pieces)), framing=Framing.CHUNKED, gap_s=GAP_S
        )
    return Answer(headers=(SSE_TYPE,), body=pieces, framing=Framing.CHUNKED, gap_s=GAP_S)


def _framed(events: bytes) -> bytes:
    lines = [line[6:] for line in events.splitlines() if line.startswith(b"data: ")]
    return b"".join(chunk(json.loads(line)) for line in lines)


@contextmanager
def _upstream() -> Iterator[str]:
    made: list[MockUpstream] = []
    token: list[trio.lowlevel.TrioToken] = []
    scope, ready = trio.CancelScope(), threading.Event()

    async def run() -> None:
        with scope:
            async with mock_upstream() as mock:
                mock.script(_answer)
                made.append(mock)
                token.append(trio.lowlevel.current_trio_token())
                ready.set()
                await trio.sleep_forever()

    thread = threading.Thread(target=trio.run, args=(run,))
    thread.start()
    ready.wait()
    try:
        yield made[0].url
    finally:
        token[0].run_sync_soon(scope.cancel)
        thread.join()


def _stream(gateway: GatewayProcess, kind: str) -> None:
    readers = [threading.Thread(target=_read, args=(gateway.port, kind)) for _ in range(STREAMS)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()


def _read(port: int, kind: str) -> None:
    path, model = KINDS[kind]
    body = {"model": model, "stream": True, "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}
    if path.endswith("responses"):
        body = {"model": model, "stream": True, "input": "Hi"}
    text = json.dumps(body)
    head = f"POST {path} HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer {KEY}\r\nContent-Length: {len(text)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.sendall((head + text).encode())
        last = b""
        while not last.endswith(b"0\r\n\r\n"):
            piece = sock.recv(65536)
            if not piece:
                raise RuntimeError(f"{kind}: broke off: {last!r}")
            last = (last + piece)[-64:]


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * _TICK_S


if __name__ == "__main__":
    sys.exit(main())
