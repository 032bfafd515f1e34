"""The phases in which a client may leave. Each lasts far longer than any client stays."""

from __future__ import annotations

from dataclasses import dataclass, replace

from loadtest.answers import DONE, SSE_TYPE, Answer, Framing, chat, chat_stream, event, stalled

ROLE = event(0, size_bytes=0).replace(b'{"content":"0"}', b'{"role":"assistant","content":""}')
"""An event without content: `probe` goes on holding."""
GAP_S = 0.005
ENDLESS = 10_000
"""Pieces, at GAP_S apart: most of a minute."""
_SILENT_STREAM = Answer(headers=(SSE_TYPE,), body=(DONE,), framing=Framing.CHUNKED)
_EMPTY_STREAM = Answer(headers=(SSE_TYPE,), body=(ROLE,) * ENDLESS, framing=Framing.CHUNKED, gap_s=GAP_S)
_STREAM = chat_stream(ENDLESS, gap_s=GAP_S)


@dataclass(frozen=True)
class Phase:
    """`name` begins the model's name of each of its requests; the gateway's configuration knows some of them."""

    name: str
    answer: Answer | None
    """What the upstream says; None: no upstream is reached."""
    stream: bool = False
    mode: str = ""
    """The stream mode that is asked for."""
    begun: bool = False
    """The client leaves after it has read some of the body, not before."""

    @property
    def reaches_upstream(self) -> bool:
        return self.answer is not None


PHASES = (
    Phase("connecting", None),
    Phase("queued", None),
    Phase("waiting", replace(chat(), head_delay_s=60)),
    Phase("whole", replace(chat(size_bytes=1_000_000), piece_bytes=500, gap_s=GAP_S), begun=True),
    Phase("silent-stream", stalled(len(_SILENT_STREAM.head()), _SILENT_STREAM), stream=True),
    Phase("stream", _STREAM, stream=True, begun=True),
    Phase("probe", _EMPTY_STREAM, stream=True, mode="probe"),
    Phase("buffered", _STREAM, stream=True, mode="buffered"),
)
BY_NAME = {phase.name: phase for phase in PHASES}
HOLDER = "queued-holder"
"""Its request has the only slot of those that are queued."""
CONFIG = """
model_list:
  - model_name: "connecting-*"
    litellm_params: {{model: "openai/connecting-*", api_base: "http://127.0.0.1:{unanswered}/v1", api_key: sk-up}}
  - model_name: "queued-*"
    litellm_params: {{model: "openai/queued-*", api_base: "{mock}/v1", api_key: sk-up, max_parallel_requests: 1}}
  - model_name: "*"
    litellm_params: {{model: "openai/*", api_base: "{mock}/v1", api_key: sk-up}}
general_settings: {{master_key: {key}}}
sluice_settings: {{queue_timeout_s: 30, drain_timeout_s: 2, access_log: json}}
"""


def answer_for(model: str) -> Answer:
    """By the model's name. KeyError: it belongs to no phase that reaches an upstream."""
    if model == HOLDER:
        return stalled()
    answer = BY_NAME[model.rpartition("-")[0]].answer
    if answer is None:
        raise KeyError(model)
    return answer
