"""POST /moderations: https://platform.openai.com/docs/api-reference/moderations/create"""

from __future__ import annotations

import msgspec

from proxy.simulator.answer import Answer, Json, reply
from proxy.simulator.ids import new_id
from proxy.simulator.request import Request
from proxy.simulator.route import Route
from proxy.simulator.text import Part, content_text

FLAGGED_WORDS: dict[str, tuple[str, ...]] = {
    "harassment": ("idiot",),
    "harassment/threatening": (),
    "hate": ("hate you",),
    "hate/threatening": (),
    "illicit": ("make a bomb",),
    "illicit/violent": ("make a bomb",),
    "self-harm": ("hurt myself",),
    "self-harm/instructions": (),
    "self-harm/intent": ("hurt myself",),
    "sexual": (),
    "sexual/minors": (),
    "violence": ("kill", "murder"),
    "violence/graphic": (),
}
"""Every category of the API, and what flags it here."""
FLAGGED_SCORE = 0.98
CLEAN_SCORE = 0.0001


class ModerationBody(msgspec.Struct):
    input: str | list[str | Part]
    model: str = "omni-moderation-latest"


def create(request: Request) -> Answer:
    body = request.body_as(ModerationBody)
    results = [_result(text) for text in _texts(body.input)]
    return reply({"id": new_id("modr-"), "model": body.model, "results": results})


def _texts(value: str | list[str | Part]) -> list[str]:
    """A list of strings is so many inputs; a list of parts is one."""
    if isinstance(value, str):
        return [value]
    strings = [item for item in value if isinstance(item, str)]
    return strings or [content_text([part for part in value if isinstance(part, Part)])]


def _result(text: str) -> Json:
    text = text.lower()
    categories = {name: any(word in text for word in words) for name, words in FLAGGED_WORDS.items()}
    return {
        "flagged": any(categories.values()),
        "categories": categories,
        "category_scores": {name: FLAGGED_SCORE if hit else CLEAN_SCORE for name, hit in categories.items()},
        "category_applied_input_types": {name: ["text"] for name in categories},
    }


ROUTES = (Route("POST", "/v1/moderations", create),)
