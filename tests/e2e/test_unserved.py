"""Entries that cannot be served, beside one that can."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest

from loadtest.answers import Answer
from loadtest.gateway_process import running_gateway
from tests.e2e.conftest import GATEWAY_KEY, RawAnswer, RawClient, Upstream

CONFIG = """
model_list:
  - {model_name: whole, litellm_params: {model: openai/whole, api_base: "%(base)s/v1", api_key: os.environ/KEY_1}}
  - {model_name: elsewhere, litellm_params: {model: sagemaker/elsewhere, api_key: os.environ/KEY_9}}
  - {model_name: keyless, litellm_params: {model: openai/keyless, api_key: os.environ/KEY_2}}
  - {model_name: mixed, litellm_params: {model: openai/keyless, api_key: os.environ/KEY_2}}
  - {model_name: mixed, litellm_params: {model: openai/mixed, api_base: "%(base)s/v1", api_key: os.environ/KEY_1}}
  - {model_name: falls, litellm_params: {model: sagemaker/falls}}
  - {model_name: "elsewhere/*", litellm_params: {model: "sagemaker/*"}}
  - {model_name: "a*b*", litellm_params: {model: openai/a, api_base: "%(base)s/v1", api_key: os.environ/KEY_1}}
  - {model_name: "*", litellm_params: {model: "openai/*", api_base: "%(base)s/v1", api_key: os.environ/KEY_1}}
  - model_name: often
    litellm_params:
      {model: openai/often, api_base: "%(base)s/v1", api_key: os.environ/KEY_1, num_retries: 4, num_ctx: 8192,
       extra_body: {guided_choice: [a]}, drop_params: true}
router_settings:
  fallbacks: [{falls: [keyless, whole]}]
  model_group_alias: {another: keyless}
  num_retries: 0
  disable_cooldowns: true
sluice_settings: {queue_timeout_s: 60, retry_budget_min: 100}
"""


@pytest.fixture(scope="module")
def client(started_upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RawClient]:
    text = CONFIG % {"base": started_upstream.origin}
    folder = tmp_path_factory.mktemp("unserved")
    with running_gateway(folder, config=text, key=GATEWAY_KEY, environ={"KEY_1": "sk-one"}) as gateway:
        assert "sluice: 3 warnings about" in gateway.output
        assert (
            "config.yaml:5: model_list[2].litellm_params.api_key: the environment variable KEY_2"
            in gateway.output
        )
        assert "KEY_9" not in gateway.output
        found = RawClient(gateway.port, GATEWAY_KEY)
        yield found
        found.close()
        assert "Traceback" not in gateway.output


def ask(client: RawClient, model: str) -> RawAnswer:
    return client.request("POST", "/v1/chat/completions", b'{"model":"%b","messages":[]}' % model.encode())


@pytest.mark.parametrize("model", ["elsewhere", "keyless", "another", "elsewhere/x"])
def test_their_models_answer_503_at_once_and_ask_nobody(
    client: RawClient, upstream: Upstream, model: str
) -> None:
    answer = ask(client, model)
    assert answer.status == 503
    assert answer.error["code"] == "provider_not_served"
    assert answer.error["param"] == "model"
    assert answer.header(b"x-should-retry") == b"false"
    assert "KEY_2" not in str(answer.error)
    assert upstream.requests == []


def test_the_others_are_served(client: RawClient, upstream: Upstream) -> None:
    assert [ask(client, model).status for model in ("whole", "mixed", "mixed", "anything")] == [200] * 4
    assert len(upstream.requests) == 4


def test_they_have_fallbacks(client: RawClient, upstream: Upstream) -> None:
    answer = ask(client, "falls")
    assert answer.status == 200
    assert answer.header(b"x-litellm-model-group") == b"whole"
    assert answer.header(b"x-litellm-attempted-fallbacks") == b"1"


def test_the_pages_say_why(client: RawClient, upstream: Upstream) -> None:
    listed = msgspec.json.decode(client.request("GET", "/v1/models").body)
    assert [card["id"] for card in listed["data"]] == ["whole", "mixed", "often"]
    for path in ("/health", "/health?probe=true"):
        health = msgspec.json.decode(client.request("GET", path).body)
        shown = {each["model_group"]: each for each in health["unhealthy_endpoints"]}
        assert shown.keys() == {"elsewhere", "keyless", "mixed", "falls", "elsewhere/*", "a*b*"}
        assert shown["keyless"]["state"] == "unservable"
        assert shown["keyless"]["reason"].startswith("the environment variable KEY_2 is not set")
        assert shown["keyless"]["origin"] == "config.yaml:5"
        assert shown["elsewhere"]["reason"].startswith("the provider `sagemaker` is not served yet")
    info = msgspec.json.decode(client.request("GET", "/model/info").body)["data"]
    (shown,) = (each for each in info if each["model_name"] == "elsewhere")
    assert shown["litellm_params"]["model"] == "sagemaker/elsewhere"
    assert shown["model_info"]["state"] == "unservable"


def test_an_entrys_own_retries_and_parameters(client: RawClient, upstream: Upstream) -> None:
    failure = Answer(status=500, body=(b'{"error":{"message":"x"}}',))
    upstream.say(*[failure] * 4)
    assert ask(client, "often").status == 200
    assert len(upstream.requests) == 5
    sent = msgspec.json.decode(upstream.last.body)
    assert sent == {"model": "often", "messages": [], "num_ctx": 8192, "guided_choice": ["a"]}
    upstream.forget()
    upstream.say(failure)
    assert ask(client, "whole").status == 500
    assert len(upstream.requests) == 1
