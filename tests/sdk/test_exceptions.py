"""Errors by LiteLLM's names that are openai's, too."""

from __future__ import annotations

import pickle
import subprocess
import sys

import openai
import pytest

from sluice import exceptions
from sluice.exceptions import SluiceError

RUN_S = 60
RAISED = """
assert "openai" not in sys.modules or {first!r} == "openai"
import openai
try:
    raise exceptions.RateLimitError("slower", llm_provider="openai", model="gpt-4o")
except openai.RateLimitError as error:
    assert isinstance(error, exceptions.RateLimitError)
    assert type(error) is exceptions.RateLimitError
try:
    raise exceptions.ContextWindowExceededError("shorter", "gpt-4o", "openai")
except openai.BadRequestError as error:
    assert error.response.status_code == 400
try:
    raise exceptions.Timeout("sooner", "gpt-4o", "openai")
except openai.APITimeoutError:
    pass
try:
    raise exceptions.RateLimitError("slower")
except exceptions.RateLimitError as error:
    print(isinstance(error, openai.OpenAIError))
"""


@pytest.mark.parametrize("first", ["openai", "sluice"])
def test_they_are_openais_whichever_was_imported_first(first: str) -> None:
    imports = {
        "openai": "import sys, openai\nfrom sluice import exceptions",
        "sluice": "import sys\nfrom sluice import exceptions",
    }
    code = imports[first] + RAISED.format(first=first)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=RUN_S)
    assert (done.stdout, done.stderr) == ("True\n", "")


def test_without_openai_they_are_raised_and_caught_and_openai_is_not_imported() -> None:
    code = """
import sys
from sluice import exceptions
for kind in vars(exceptions).values():
    if isinstance(kind, type) and issubclass(kind, exceptions.SluiceError):
        try:
            raise kind("said")
        except kind as error:
            assert str(error) == "said", kind
assert not {"openai", "httpx"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=RUN_S)


def test_a_half_imported_openai_is_waited_for() -> None:
    code = """
import sys, types
from sluice import exceptions
sys.modules["openai"] = types.ModuleType("openai")
exceptions.RateLimitError("while another thread imports it")
del sys.modules["openai"]
import openai
assert isinstance(exceptions.RateLimitError("after"), openai.RateLimitError)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=RUN_S)


def test_a_callers_class_of_both_in_the_other_order_breaks_nothing() -> None:
    code = """
from sluice import exceptions
import openai
class Own(openai.RateLimitError, exceptions.RateLimitError):
    def __init__(self): pass
exceptions.RateLimitError("made")
assert isinstance(Own(), openai.RateLimitError)
assert isinstance(exceptions.NotFoundError("made"), openai.NotFoundError)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=RUN_S)


TREE = {
    "BadRequestError": (openai.BadRequestError, 400),
    "ContextWindowExceededError": (openai.BadRequestError, 400),
    "ContentPolicyViolationError": (openai.BadRequestError, 400),
    "UnsupportedParamsError": (openai.BadRequestError, 400),
    "AuthenticationError": (openai.AuthenticationError, 401),
    "PermissionDeniedError": (openai.PermissionDeniedError, 403),
    "NotFoundError": (openai.NotFoundError, 404),
    "Timeout": (openai.APITimeoutError, 408),
    "UnprocessableEntityError": (openai.UnprocessableEntityError, 422),
    "RateLimitError": (openai.RateLimitError, 429),
    "InternalServerError": (openai.InternalServerError, 500),
    "BadGatewayError": (openai.APIStatusError, 502),
    "ServiceUnavailableError": (openai.APIStatusError, 503),
    "APIConnectionError": (openai.APIConnectionError, 500),
    "APIError": (openai.APIError, 500),
    "APIResponseValidationError": (openai.APIResponseValidationError, 500),
}


@pytest.mark.parametrize("name", TREE)
def test_each_is_openais_with_a_status_and_a_response(name: str) -> None:
    kind: type[SluiceError] = getattr(exceptions, name)
    parent, status = TREE[name]
    error = kind("said", llm_provider="groq", model="llama")
    assert isinstance(error, parent)
    assert (error.status_code, error.response.status_code) == (status, status)
    assert (error.message, error.llm_provider, error.model) == ("said", "groq", "llama")
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), again.model) == (kind, "said", "llama")


def test_siblings_are_not_caught_for_each_other() -> None:
    others = (exceptions.APIError, exceptions.Timeout, exceptions.APIConnectionError)
    assert not isinstance(exceptions.RateLimitError("slower"), others)


def test_positions_are_litellms() -> None:
    assert exceptions.RateLimitError("m", "openai", "gpt-4o").model == "gpt-4o"
    assert exceptions.NotFoundError("m", "gpt-4o", "openai").model == "gpt-4o"
    odd = exceptions.APIError(418, "teapot", "openai", "gpt-4o")
    assert (odd.status_code, odd.message, odd.llm_provider) == (418, "teapot", "openai")


def test_the_body_gives_code_param_and_type() -> None:
    error = exceptions.BadRequestError("m", body={"code": "c", "param": "p", "type": "t"})
    assert (error.code, error.param, error.type) == ("c", "p", "t")
    assert exceptions.BadRequestError("m").code is None


def test_a_budget_that_is_spent_says_how_much() -> None:
    error = exceptions.BudgetExceededError(1.5, 1.0)
    assert (error.current_cost, error.max_budget) == (1.5, 1.0)
    assert "Current cost: 1.5, Max budget: 1.0" in str(error)
    assert pickle.loads(pickle.dumps(error)).max_budget == 1.0
