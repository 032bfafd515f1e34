"""What requests cost, in records and headers, through a real gateway over an upstream that says what it used."""

from __future__ import annotations

import gzip
from dataclasses import dataclass, replace

import msgspec
import pytest

from loadtest.answers import JSON_TYPE, Answer, Framing

PRICES = {"own-model": {"input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6}}
CONFIG = """
model_list:
  - model_name: gpt-4o
    litellm_params: {model: openai/gpt-4o, api_base: UPSTREAM, api_key: sk-u}
  - model_name: cheap
    litellm_params: {model: openai/gpt-4o, api_base: UPSTREAM, api_key: sk-u, input_cost_per_token: 1.25e-6}
    model_info: {output_cost_per_token: 0}
  - model_name: filed
    litellm_params: {model: openai/own-model, api_base: UPSTREAM, api_key: sk-u}
  - model_name: behind
    litellm_params: {model: openai/deployed, api_base: UPSTREAM, api_key: sk-u, base_model: gpt-4o}
  - model_name: mine
    litellm_params: {model: openai/served-here, api_base: UPSTREAM, api_key: sk-u}
  - model_name: pictures
    litellm_params: {model: openai/painter, api_base: UPSTREAM, api_key: sk-u, output_cost_per_image: 0.04}
  - model_name: spoken
    litellm_params: {model: openai/tts-1, api_base: UPSTREAM, api_key: sk-u}
  - model_name: "any/*"
    litellm_params: {model: "openai/*", api_base: UPSTREAM, api_key: sk-u, use_in_pass_through: true}
router_settings: {disable_cooldowns: true, num_retries: 1, retry_after: 0}
sluice_settings: {price_file: PRICE_FILE}
"""
TOKENS = (
    b'"usage":{"prompt_tokens":1000,"completion_tokens":100,"total_tokens":1100,'
    b'"prompt_tokens_details":{"cached_tokens":400}}'
)
EDITION = "in litellm 1.109.1 (2026-11-12)"


def _said(*fields: bytes, status: int = 200) -> Answer:
    head = b'{"id":"chatcmpl-1","object":"chat.completion","model":"gpt-4o-2024-08-06"'
    return Answer(status=status, headers=(JSON_TYPE,), body=b",".join((head, *fields)) + b"}")


@dataclass(frozen=True)
class Case:
    model: str
    cost: dict[str, object] | None
    dollars: bytes | None
    answers: tuple[Answer, ...] = (_said(TOKENS),)
    path: str = "/v1/chat/completions"
    estimated: bool = False
    method: str = "POST"


def _cost(source: str, **kinds: int) -> dict[str, object]:
    every = {kind: kinds.get(kind, 0) for kind in ("input", "cached", "cache_write", "output", "other")}
    return {"total": sum(kinds.values()), **every, "source": source}


GPT_4O = {"input": 600 * 2500, "cached": 400 * 1250, "output": 100 * 10_000}
CASES = {
    "nothing said": Case(
        "gpt-4o",
        _cost(f"gpt-4o {EDITION}", input=15 * 2500, output=14 * 10_000),
        b"0.000177500",
        (_said(b'"choices":[]'),),
        estimated=True,
    ),
    "of the shipped table": Case("gpt-4o", _cost(f"gpt-4o {EDITION}", **GPT_4O), b"0.003000000"),
    "beside the deployment": Case(
        "cheap",
        _cost(f"config over gpt-4o {EDITION}", input=600 * 1250, cached=400 * 625),
        b"0.001000000",
    ),
    "of the price file": Case(
        "filed",
        _cost("own-model in PRICE_FILE", input=600 * 1000, cached=400 * 1000, output=100 * 2000),
        b"0.001200000",
    ),
    "of the base model": Case("behind", _cost(f"gpt-4o {EDITION}", **GPT_4O), b"0.003000000"),
    "behind a pattern": Case("any/gpt-4o", _cost(f"gpt-4o {EDITION}", **GPT_4O), b"0.003000000"),
    "not known": Case("mine", None, None),
    "not known, again": Case("any/nobody-knows", None, None),
    "by the tier that served it": Case(
        "gpt-4o",
        _cost(f"gpt-4o {EDITION} priority", input=600 * 4250, cached=400 * 2125, output=100 * 17_000),
        b"0.005100000",
        (_said(TOKENS, b'"service_tier":"priority"'),),
    ),
    "pictures": Case(
        "pictures", _cost("config", other=2 * 40_000_000), b"0.080000000",
        (_said(b'"data":[]'),), "/v1/images/generations",
    ),
    "speech": Case(
        "spoken", _cost(f"tts-1 {EDITION}", other=5 * 15_000), b"0.000075000",
        (Answer(headers=((b"content-type", b"audio/mpeg"),), body=b"ID3"),), "/v1/audio/speech",
    ),
    "passed through": Case(
        "any/gpt-4o", _cost(f"gpt-4o {EDITION}", **GPT_4O), b"0.003000000", path="/openai/v1/chat/completions"
    ),
    "an error": Case("gpt-4o", None, None, (_said(b'"error":{"message":"no"}', status=400),)),
    "an attempt that failed is paid for": Case(
        "gpt-4o",
        _cost(f"gpt-4o {EDITION}", **{kind: 2 * nanos for kind, nanos in GPT_4O.items()}),
        b"0.006000000",
        (_said(TOKENS, b'"choices":[{"finish_reason":"error","error":{"code":500,"message":"x"}}]'), _said(TOKENS)),
    ),
}  # fmt: skip


def _in_pieces(answer: Answer, count: int = 3, **more: object) -> Answer:
    """As OpenAI sends it: in chunks, which come one after the other."""
    body = answer.body
    assert isinstance(body, bytes)
    size = -(-len(body) // count)
    pieces = tuple(body[at : at + size] for at in range(0, len(body), size))
    return replace(answer, body=pieces, framing=Framing.CHUNKED, gap_s=0.02, **more)  # type: ignore[arg-type]


def _coded(answer: Answer) -> Answer:
    assert isinstance(answer.body, bytes)
    return replace(
        answer, body=gzip.compress(answer.body), headers=(JSON_TYPE, (b"content-encoding", b"gzip"))
    )


GPT_4O_COST = _cost(f"gpt-4o {EDITION}", **GPT_4O)
LONG = _said(TOKENS, b'"choices":[{"message":{"content":"%b"}}]' % (b"a" * 100_000))
CASES |= {
    "in chunks": Case("gpt-4o", GPT_4O_COST, b"0.003000000", (_in_pieces(_said(TOKENS)),)),
    "in chunks, compressed": Case("gpt-4o", GPT_4O_COST, b"0.003000000", (_in_pieces(_coded(_said(TOKENS))),)),
    "in pieces of a known length": Case(
        "gpt-4o", GPT_4O_COST, b"0.003000000", (replace(_said(TOKENS), piece_bytes=200, gap_s=0.02),)
    ),
    "in chunks, through": Case(
        "any/gpt-4o", GPT_4O_COST, b"0.003000000", (_in_pieces(_said(TOKENS)),), "/openai/v1/chat/completions"
    ),
    "a response": Case("gpt-4o", GPT_4O_COST, b"0.003000000", (_in_pieces(_said(TOKENS)),), "/v1/responses"),
    "longer than is waited for": Case("gpt-4o", GPT_4O_COST, None, (_in_pieces(LONG),)),
}  # fmt: skip
RESULTS = b"\n".join(
    b'{"id":"batch_req_%d","custom_id":"%d","response":{"status_code":200,"body":{"model":"gpt-4o-2024-08-06",%b}},'
    b'"error":null}' % (number, number, TOKENS)
    for number in range(3)
)
FETCHED = Answer(headers=((b"content-type", b"application/octet-stream"),), body=RESULTS)
HALF = {"input": 3 * 600 * 1250, "cached": 3 * 400 * 625, "output": 3 * 100 * 5000}
CASES |= {
    "a batch's results": Case(
        "any/x", _cost(f"gpt-4o-2024-08-06 {EDITION} batch", **HALF), b"0.004500000", (FETCHED,),
        "/openai/v1/files/file-results/content", method="GET",
    ),
    "a batch's results, again": Case(
        "any/x", None, None, (FETCHED,), "/openai/v1/files/file-results/content", method="GET"
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def seen(start, connect, started_upstream, tmp_path_factory) -> dict:
    """By case, the answer's headers and the request's record; and all that was logged."""
    file = tmp_path_factory.mktemp("prices") / "prices.json"
    file.write_bytes(msgspec.json.encode(PRICES))
    answers = {}
    with start(CONFIG.replace("PRICE_FILE", str(file))) as gateway:
        for name, case in CASES.items():
            started_upstream.forget()
            started_upstream.say(*case.answers)
            body = b'{"model":"%b","n":2,"input":"spoke","messages":[{"content":"x"}]}' % case.model.encode()
            with connect(gateway) as client:
                answers[name] = client.request(case.method, case.path, body if case.method == "POST" else b"")
        assert gateway.stop() == 0
        output = gateway.output.replace(str(file), "PRICE_FILE")
    lines = [line for line in output.splitlines() if '"event":"request"' in line]
    records = dict(zip(CASES, map(msgspec.json.decode, lines), strict=True))
    return {"answers": answers, "records": records, "output": output}


def _without_saved(cost: dict | None) -> dict | None:
    """What the provider's cache saved is no part of what was paid."""
    return None if cost is None else {kind: nanos for kind, nanos in cost.items() if kind != "saved"}


@pytest.mark.parametrize("name", CASES)
def test_the_record_and_the_header_say_it(name, seen):
    case, record, answer = CASES[name], seen["records"][name], seen["answers"][name]
    assert _without_saved(record["cost"]) == case.cost
    assert record["estimated"] is case.estimated
    assert answer.header(b"x-litellm-response-cost") == case.dollars


def test_the_headers_parts(seen):
    answer = seen["answers"]["of the shipped table"]
    assert answer.header(b"x-litellm-response-cost-input") == b"0.002000000"
    assert answer.header(b"x-litellm-response-cost-output") == b"0.001000000"
    assert answer.header(b"x-litellm-response-cost-cache-read") == b"0.000500000"
    assert answer.header(b"x-litellm-response-cost-cache-creation") is None


@pytest.mark.parametrize(
    ("name", "nanos"),
    [("of the shipped table", 400 * 1250), ("beside the deployment", 400 * 625), ("nothing said", 0)],
)
def test_what_the_providers_cache_saved(seen, name, nanos):
    assert seen["records"][name]["cost"]["saved"] == nanos


def test_a_model_without_a_price_is_told_of_once(seen):
    told = [line for line in seen["output"].splitlines() if "no price is known" in line]
    assert len(told) == 2
    assert "of served-here (" in told[0]
    assert "of any/nobody-knows (" in told[1]
