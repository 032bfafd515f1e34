"""Locust users that talk to a gateway as OpenAI SDK clients do.

    locust -f loadtest/locustfile.py --headless --host http://127.0.0.1:4000 --users 50 --spawn-rate 10 -t 30s

LOAD_MODEL (gpt-4o-mini) and LOAD_KEY (or LITELLM_MASTER_KEY) say what to ask for and with which key.
`--tags stream` or `--tags whole` choose one kind of request; without, there are three streams to one whole answer.
Streams report two times of their own, in milliseconds: TTFT, from sending the request to the first event, and
GAP, between two events. The exit code is 1 when a request failed or none was made.
"""

from __future__ import annotations

import os
import time

from locust import FastHttpUser, constant, events, tag, task
from locust.contrib.fasthttp import FAILURE_EXCEPTIONS, ResponseContextManager
from locust.env import Environment

MODEL = os.environ.get("LOAD_MODEL", "gpt-4o-mini")
KEY = os.environ.get("LOAD_KEY") or os.environ.get("LITELLM_MASTER_KEY", "")
PATH = "/v1/chat/completions"
HEADERS = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
EVENT_END = b"\n\n"
DONE = b"data: [DONE]"
TIMEOUT_S = 120.0


class ChatUser(FastHttpUser):  # type: ignore[misc,unused-ignore]
    """Asks again as soon as it is answered."""

    wait_time = constant(0)
    connection_timeout = 10.0
    network_timeout = TIMEOUT_S

    @tag("whole")  # type: ignore[untyped-decorator,unused-ignore]
    @task(1)  # type: ignore[untyped-decorator,unused-ignore]
    def whole(self) -> None:
        """One chat completion in one piece."""
        with self.client.post(
            PATH, json=body(stream=False), headers=HEADERS, name="whole", catch_response=True
        ) as answer:
            if answer.status_code == 200 and b'"choices"' not in (answer.content or b""):
                answer.failure("an answer without choices")

    @tag("stream")  # type: ignore[untyped-decorator,unused-ignore]
    @task(3)  # type: ignore[untyped-decorator,unused-ignore]
    def stream(self) -> None:
        """One chat completion event by event."""
        began = time.perf_counter()
        with self.client.post(
            PATH, json=body(stream=True), headers=HEADERS, name="stream", catch_response=True, stream=True
        ) as answer:
            if answer.status_code != 200:
                return
            problem = self._follow(answer, began)
            answer.request_meta["response_time"] = (time.perf_counter() - began) * 1000
            if problem:
                answer.failure(problem)

    def _follow(self, answer: ResponseContextManager, began: float) -> str | None:
        """Reads a stream to its end; what was wrong with it."""
        name, before, event = "TTFT", began, b""
        try:
            while event := answer.stream.readline(EVENT_END):
                now = time.perf_counter()
                self._report(name, now - before)
                if event.startswith(DONE):
                    answer.stream.read()
                    return None
                name, before = "GAP", now
        except FAILURE_EXCEPTIONS as problem:
            return f"the stream broke: {type(problem).__name__}"
        return "the stream ended without [DONE]"

    def _report(self, name: str, duration_s: float) -> None:
        self.environment.events.request.fire(
            request_type=name,
            name="stream",
            response_time=duration_s * 1000,
            response_length=0,
            exception=None,
        )


def body(*, stream: bool) -> dict[str, object]:
    question = {"role": "user", "content": "Say something about canals, in a few words."}
    asked: dict[str, object] = {"model": MODEL, "messages": [question], "max_tokens": 64}
    return {**asked, "stream": True} if stream else asked


@events.quitting.add_listener  # type: ignore[untyped-decorator,unused-ignore]
def judge(environment: Environment, **_: object) -> None:
    """1 when anything failed, and when nothing was asked at all."""
    total = environment.stats.total
    if total.num_failures or not total.num_requests:
        environment.process_exit_code = 1
