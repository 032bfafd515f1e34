"""Routers: the gateway's router and rules, for programs; in threads, under asyncio and under trio."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pytest

from loadtest.answers import Answer, RawRequest, chat, chat_stream, error, stalled
from sluice import Router, exceptions
from tests.sdk.modes import Mode
from tests.sdk.upstream import Upstream

HELLO = [{"role": "user", "content": "Hello!"}]


def entry(upstream: Upstream, name: str, key: str, **more: Any) -> dict[str, Any]:
    params = {"model": f"openai/{name}-1", "api_base": upstream.base, "api_key": key, **more}
    return {"model_name": name, "litellm_params": params, "model_info": {"id": key}}


def ask(mode: Mode, router: Router, model: str = "gpt", **more: Any) -> Any:
    return mode.of(lambda name: getattr(router, name), "completion", model, HELLO, **more)


def keys(upstream: Upstream) -> list[str]:
    return [
        (request.header(b"authorization") or b"").decode().removeprefix("Bearer ")
        for request in upstream.requests
    ]


def failing(*bad: str, status: int = 500) -> Callable[[RawRequest], Answer]:
    def choose(request: RawRequest) -> Answer:
        key = (request.header(b"authorization") or b"").decode().removeprefix("Bearer ")
        return error(status) if key in bad else chat_stream() if b'"stream":true' in request.body else chat()

    return choose


def test_calls_go_to_deployments_by_their_weights(mode: Mode, upstream: Upstream) -> None:
    router = Router([entry(upstream, "gpt", "a", weight=3), entry(upstream, "gpt", "b", weight=1)])
    for _ in range(8):
        answer = ask(mode, router)
    assert Counter(keys(upstream)) == {"a": 6, "b": 2}
    assert answer._hidden_params["model_id"] in {"a", "b"}
    assert msgspec.json.decode(upstream.requests[0].body)["model"] == "gpt-1"
    assert router.get_model_names() == ["gpt"]


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_what_fails_is_turned_from_and_rests(mode: Mode, upstream: Upstream, stream: bool) -> None:
    upstream.script(failing("a", status=401))
    router = Router([entry(upstream, "gpt", "a"), entry(upstream, "gpt", "b")])
    for _ in range(6):
        assert ask(mode, router, stream=stream)
    assert Counter(keys(upstream))["a"] == 1


def test_the_same_is_asked_again_where_there_is_no_other(mode: Mode, upstream: Upstream) -> None:
    upstream.script(error(500), error(503), chat())
    assert ask(mode, Router([entry(upstream, "gpt", "a")], num_retries=2, cooldown_time=0))
    assert keys(upstream) == ["a"] * 3


def test_its_last_error_is_raised(mode: Mode, upstream: Upstream) -> None:
    upstream.script(failing("a", "b", status=429))
    router = Router([entry(upstream, "gpt", "a"), entry(upstream, "gpt", "b")], num_retries=1)
    with pytest.raises(exceptions.RateLimitError) as caught:
        ask(mode, router)
    assert (len(upstream.requests), caught.value.num_retries) == (2, 1)


def test_fallbacks_to_other_groups(mode: Mode, upstream: Upstream) -> None:
    upstream.script(failing("a", "b"))
    groups = [entry(upstream, "gpt", "a"), entry(upstream, "second", "b"), entry(upstream, "third", "c")]
    router = Router(groups, fallbacks=[{"gpt": ["second", "third"]}], num_retries=0)
    assert ask(mode, router)
    assert keys(upstream) == ["a", "b", "c"]
    assert ask(mode, router, "second", fallbacks=["third"])
    assert keys(upstream)[3:] in (["b", "c"], ["c"])


def test_a_longer_group_where_the_prompt_is_too_long(mode: Mode, upstream: Upstream) -> None:
    body = b'{"error":{"message":"too long","code":"context_length_exceeded"}}'
    upstream.script(Answer(400, body=body), chat())
    groups = [entry(upstream, "gpt", "a"), entry(upstream, "long", "b")]
    assert ask(mode, Router(groups, context_window_fallbacks=[{"gpt": ["long"]}]))
    assert keys(upstream) == ["a", "b"]


def test_what_a_language_has_no_words_for_goes_to_another(mode: Mode, upstream: Upstream) -> None:
    groq = {
        "model_name": "gpt",
        "litellm_params": {"model": "groq/x", "api_base": upstream.base, "api_key": "a", "weight": 100},
    }
    assert ask(mode, Router([groq, entry(upstream, "gpt", "b")]), logit_bias={"1": 1})
    assert keys(upstream) == ["b"]


def test_a_stream_holds_its_place_until_it_ends(upstream: Upstream) -> None:
    upstream.script(stalled(900, chat_stream(64)))
    router = Router(
        [entry(upstream, "gpt", "a", max_parallel_requests=1), entry(upstream, "gpt", "b", order=2)]
    )
    with router.completion("gpt", HELLO, stream=True) as stream:
        next(stream)
        router.completion("gpt", HELLO)
    router.completion("gpt", HELLO)
    assert keys(upstream) == ["a", "b", "a"]


def test_patterns_and_aliases(mode: Mode, upstream: Upstream) -> None:
    params = {"model": "openai/*", "api_base": upstream.base, "api_key": "a"}
    router = Router([{"model_name": "my/*", "litellm_params": params}], model_group_alias={"x": "my/gpt"})
    ask(mode, router, "my/gpt-9")
    assert msgspec.json.decode(upstream.requests[0].body)["model"] == "gpt-9"
    with pytest.raises(exceptions.NotFoundError, match="nobody"):
        ask(mode, router, "nobody")


def test_a_deployment_that_answers_itself(mode: Mode, upstream: Upstream) -> None:
    router = Router([entry(upstream, "gpt", "a", mock_response="It is so")])
    assert ask(mode, router).choices[0].message.content == "It is so"
    assert upstream.requests == []


def test_other_functions(mode: Mode, upstream: Upstream) -> None:
    upstream.script(Answer(body=b'{"object":"list","data":[{"index":0,"embedding":[1.0]}]}'))
    router = Router([entry(upstream, "embed", "a")])
    answer = mode.of(lambda name: getattr(router, name), "embedding", "embed", ["x"])
    assert answer.data[0].embedding == [1.0]


def test_from_the_gateways_own_file(mode: Mode, upstream: Upstream, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(
        "model_list:\n- model_name: gpt\n  litellm_params:\n    model: openai/gpt-1\n"
        f"    api_base: {upstream.base}\n    api_key: os.environ/MY_KEY\n"
    )
    (tmp_path / ".env").write_text("MY_KEY=sk-file\n")
    assert ask(mode, Router.from_config(path))
    assert keys(upstream) == ["sk-file"]


def test_entries_may_name_variables(upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "sk-mine")
    Router([entry(upstream, "gpt", "os.environ/MY_KEY")]).completion("gpt", HELLO)
    assert keys(upstream) == ["sk-mine"]


@pytest.mark.parametrize(
    ("entries", "settings", "said"),
    [
        ([{"model_name": "a", "litellm_params": {}}], {}, "model"),
        ([{"model_name": "a", "litellm_params": {"model": "m", "api_key": "os.environ/NOT_SET"}}], {}, "NOT_SET"),
        ([{"model_name": "a", "litellm_params": {"model": "gpt-4o", "api_key": "k", "rpm": "x"}}], {}, "rpm"),
        ([], {"routing_strategy": "nonsense"}, "routing_strategy"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_list_is_said(entries: Any, settings: Any, said: str) -> None:
    with pytest.raises(exceptions.BadRequestError, match=said):
        Router(entries, **settings)


def test_no_package_of_the_gateways_is_needed(upstream: Upstream) -> None:
    code = (
        "import sys; sys.modules.update(dict.fromkeys(('yaml', 'trio', 'hypercorn', 'brotli', 'cryptography')))\n"
        "import sluice\n"
        f"where = dict(api_base={upstream.base!r}, api_key='k')\n"
        "router = sluice.Router([dict(model_name='m', litellm_params=dict(model='openai/m', **where))])\n"
        "assert router.completion('m', []).choices\n"
        "assert list(sluice.completion('openai/m', [], stream=True, **where))\n"
        "assert sluice.completion('anthropic/m', [dict(role='user', content='x')], **where).choices\n"
        "import asyncio; assert asyncio.run(router.acompletion('m', [])).choices\n"
        "try: sluice.Router.from_config('x.yaml')\n"
        "except ImportError as error: assert 'pip install pyyaml' in str(error)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_threads_share_a_router(upstream: Upstream) -> None:
    router = Router([entry(upstream, "gpt", "a"), entry(upstream, "gpt", "b")])
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: router.completion("gpt", HELLO), range(40)))
    assert len(answers) == 40
    assert Counter(keys(upstream)) == {"a": 20, "b": 20}
