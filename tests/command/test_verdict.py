"""All there is to say about a configuration, in one pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from textwrap import dedent

import pytest

from proxy.command.options import Options
from proxy.command.verdict import Place, Verdict, judge

KEY = "sk-a-master-key-that-is-long"
Judge = Callable[..., Verdict]


@pytest.fixture
def judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Judge:
    monkeypatch.chdir(tmp_path)

    def _judged(
        text: str, environ: Mapping[str, str] | None = None, place: Place | None = None, **more: object
    ) -> Verdict:
        Path("config.yaml").write_text(dedent(text))
        return judge(Options(config=Path("config.yaml"), **more), environ or {}, place)  # type: ignore[arg-type]

    return _judged


def test_a_good_file(judged: Judge) -> None:
    verdict = judged(
        """\
        model_list:
          - {model_name: a, litellm_params: {model: a, organization: [o1, o2], tags: [x], api_key: k}}
          - {model_name: a, litellm_params: {model: b, api_key: k}}
          - {model_name: b, litellm_params: {model: b, api_key: k}}
          - {model_name: c, litellm_params: {model: sagemaker/c}}
        """
    )
    assert verdict.good is not None
    tags, unserved, summary = str(verdict).splitlines()
    key = "model_list[0].litellm_params.tags"
    assert tags == f"warning: config.yaml:2: {key}: is LiteLLM's; Sluice does not honour it yet"
    assert unserved == (
        "warning: config.yaml:5: model_list[3].litellm_params.model: the provider `sagemaker` is not served yet; for a"
        " server that speaks OpenAI's API write `openai/...` and its `api_base`. Not served; the other entries are"
    )
    assert summary == "config.yaml: OK, 2 models, 4 deployments, 1 more that cannot be served, 2 warnings"
    first, *others = verdict.warning_lines()
    assert first == "sluice: 2 warnings about config.yaml; --strict makes errors of them"
    assert len(others) == 2


def test_a_price_of_what_is_not_counted_is_told(judged: Judge) -> None:
    verdict = judged(
        """\
        model_list:
          - model_name: a
            litellm_params: {model: a, api_key: k, input_cost_per_token: 1e-6, guardrail_cost_per_unit: 1}
            model_info: {cache_read_input_token_cost: 1e-7, tiered_pricing: []}
        """
    )
    told, _ = str(verdict).splitlines()
    key = "model_list[0].litellm_params.guardrail_cost_per_unit"
    assert told == f"warning: config.yaml:3: {key}: is a price of what is not counted here"


@pytest.mark.parametrize("dollars", ["much", "-1", "2.5"])
def test_a_price_that_is_none_is_an_error(judged: Judge, dollars: str) -> None:
    verdict = judged(
        f"""\
        model_list:
          - model_name: a
            litellm_params: {{model: a, api_key: k, input_cost_per_audio_token: {dollars}}}
        """
    )
    assert verdict.good is None
    assert "model_list[0]" in str(verdict)


def test_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    verdict = judge(Options(), {})
    assert str(verdict) == "no config file: OK, 0 models, 0 deployments, 0 warnings"
    assert verdict.warning_lines() == []


EVERYTHING = """\
model_list:
  - model_name: a
    litellm_params:
      model: openai/a
      api_key: os.environ/KEY_1
      rpm: ten
  - {model_name: b, litellm_params: {model: sagemaker/b, api_key: os.environ/KEY_2}}
  - {model_name: c, litellm_params: {model: openai/c, api_key: os.environ/KEY_3}}
  - model_name: d
    litellm_params: {model: openai/d, weigth: 3, api_base: "localhost:8000/v1", api_key: k}
  - {model_name: e, litellm_params: {model: sagemaker/e, timeout: -1}}
  - {model_name: f, litellm_params: {model: openai/f, api_base: 'http://h:x', api_key: k}}
general_settings:
  master_key: os.environ/KEY_4
  database_url: os.environ/URL
router_settings: {num_retries: -1}
"""


def test_one_pass_tells_all(judged: Judge) -> None:
    verdict = judged(EVERYTHING, {"KEY_1": "k"})
    assert [(notice.where, notice.key) for notice in verdict.errors] == [
        ("config.yaml:6", "model_list[0].litellm_params.rpm"),
        ("config.yaml:7", "model_list[1].litellm_params.model"),
        ("config.yaml:8", "model_list[2].litellm_params.api_key"),
        ("config.yaml:10", "model_list[3].litellm_params.weigth"),
        ("config.yaml:10", "model_list[3].litellm_params.api_base"),
        ("config.yaml:11", "model_list[4].litellm_params.model"),
        ("config.yaml:12", "model_list[5].litellm_params.api_base"),
        ("config.yaml:14", "general_settings.master_key"),
        ("config.yaml:16", "router_settings.num_retries"),
    ]
    text = "\n".join(map(str, verdict.errors))
    assert "KEY_2" not in text
    assert "URL is not set" not in text
    assert "did you mean `http://localhost:8000/v1`?" in text


def test_a_missing_variable_stops_only_its_own_entry(judged: Judge) -> None:
    text = """\
        model_list:
          - {model_name: a, litellm_params: {model: a, api_key: os.environ/KEY_1}}
          - {model_name: b, litellm_params: {model: b, api_key: os.environ/KEY_2}}
        """
    verdict = judged(text, {"KEY_1": "k"})
    assert verdict.good is not None
    (warning,) = verdict.warnings
    assert str(warning) == (
        "config.yaml:3: model_list[1].litellm_params.api_key: the environment variable KEY_2 is not set: set it, or"
        " write the value here. Not served; the other entries are"
    )
    assert [notice.key for notice in judged(text).errors] == [
        "model_list[0].litellm_params.api_key",
        "model_list[1].litellm_params.api_key",
    ]
    assert judged(text, {"KEY_1": "k"}, strict=True).errors == (warning,)
    assert judged(f"{dedent(text)}sluice_settings: {{strict: true}}\n", {"KEY_1": "k"}).good is None


@pytest.mark.parametrize(
    "target",
    ["https://x/?q=1", "http://x:bad", "http://[::1/x", "http://x/../y", "http://u:p@x", "http://x/#f"],
)
def test_a_target_that_is_none_is_told_with_its_place(judged: Judge, target: str) -> None:
    text = f"""\
        general_settings:
          pass_through_endpoints:
            - {{path: /fine, target: "http://fine"}}
            - path: /x
              target: "{target}"
        """
    verdict = judged(text)
    assert [(notice.where, notice.key) for notice in verdict.errors] == [
        ("config.yaml:5", "general_settings.pass_through_endpoints[1].target")
    ]
    assert target not in str(verdict)


def test_a_target_whose_variable_is_not_set_does_not_stop_the_others(judged: Judge) -> None:
    verdict = judged(
        """\
        general_settings:
          pass_through_endpoints:
            - {path: /a, target: "http://a", headers: {Authorization: Bearer os.environ/NOPE, x-number: 5}}
            - {path: /b, target: "http://b ", headers: {x-number: 5}}
        """
    )
    assert verdict.good is not None
    (endpoint,) = verdict.good.config.general_settings.pass_through_endpoints
    assert (endpoint.path, endpoint.target, endpoint.headers["x-number"].reveal()) == ("/b", "http://b", "5")
    (warning,) = verdict.warnings
    assert warning.key == "general_settings.pass_through_endpoints[0].headers.Authorization"
    assert warning.text.endswith("Its path is not served")


def test_of_two_targets_of_one_path_the_first_is_used(judged: Judge) -> None:
    verdict = judged(
        """\
        general_settings:
          pass_through_endpoints:
            - {path: /a, target: "http://first"}
            - {path: /a, target: "http://second"}
        """
    )
    assert verdict.good is not None
    (endpoint,) = verdict.good.config.general_settings.pass_through_endpoints
    assert endpoint.target == "http://first"
    (warning,) = verdict.warnings
    assert str(warning) == (
        "config.yaml:4: general_settings.pass_through_endpoints[1].path:"
        " is the path of pass_through_endpoints[0] too: that one is used"
    )


def test_what_cannot_be_built_is_an_error_with_its_place(
    judged: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A check that is not there yet must not be the end of a gateway."""
    from proxy.worker import plant  # noqa: PLC0415

    destination = plant.destination_of

    def fails(deployment, *more):  # type: ignore[no-untyped-def]
        if deployment.model == "odd":
            raise ZeroDivisionError("sk-a-secret")
        return destination(deployment, *more)

    monkeypatch.setattr(plant, "destination_of", fails)
    verdict = judged(
        """\
        model_list:
          - {model_name: a, litellm_params: {model: a, api_key: k}}
          - {model_name: a, litellm_params: {model: odd, api_key: k}}
        """
    )
    (error,) = verdict.errors
    assert str(error).startswith(
        "config.yaml:3: model_list[1]: cannot be used (ZeroDivisionError in test_verdict.py:"
    )
    assert "sk-a-secret" not in str(error)


def test_what_trips_the_checks_themselves_is_an_error_too(
    judged: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise RecursionError("sk-a-secret")

    monkeypatch.setattr("proxy.config.consistency.check", fails)
    (error,) = judged("model_list: [{model_name: a, litellm_params: {model: a, api_key: k}}]").errors
    assert str(error).startswith("config.yaml: cannot be used (RecursionError in test_verdict.py:")


def test_addresses_and_keys_are_looked_at_too(judged: Judge) -> None:
    model = "model_list: [{model_name: a, litellm_params: {model: a, api_key: k%s}}]"
    (error,) = judged(model % "", host="0.0.0.0").errors
    assert "serves loopback only, and 0.0.0.0 is not loopback" in str(error)
    settings = f"general_settings: {{master_key: {KEY}}}"
    assert judged(f"{model % ''}\n{settings}", host="0.0.0.0").good is not None
    itself = model % ', api_base: "http://127.0.0.1:4000"'
    assert "is this gateway itself" in str(judged(itself).errors[0])
    assert judged(itself, port=4001).good is not None
    assert "is this gateway itself" in str(judged(itself, place=Place("127.0.0.1", 4000)).errors[0])
    (error,) = judged("litellm_settings: {}", place=Place("127.0.0.1", 4000)).errors
    assert "no models are left to serve" in str(error)


def test_the_command_lines_model_and_times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    options = Options(
        model="openai/gpt-4o",
        alias="mine",
        temperature=0.5,
        max_tokens=9,
        request_timeout=7,
        keepalive_timeout=8,
    )
    good = judge(options, {"OPENAI_API_KEY": "k"}).good
    assert good is not None
    (entry,) = good.config.model_list
    assert entry.model_name == "mine"
    assert {name: bytes(raw) for name, raw in entry.litellm_params.default_params.items()} == {
        "temperature": b"0.5",
        "max_tokens": b"9",
    }
    assert good.config.litellm_settings.request_timeout == 7
    assert good.config.sluice_settings.keep_alive_timeout_s == 8


def test_the_gateways_own_key_is_not_sent_to_openai(judged: Judge) -> None:
    text = f"""\
        model_list:
          - {{model_name: a, litellm_params: {{model: a, api_key: k}}}}
          - {{model_name: b, litellm_params: {{model: b}}}}
        general_settings: {{master_key: {KEY}}}
        """
    verdict = judged(text, {"OPENAI_API_KEY": KEY})
    assert verdict.good is not None
    assert "OPENAI_API_KEY" not in verdict.good.environ
    first, second = verdict.warnings
    assert first.key == "model_list[1].litellm_params.api_key"
    assert second.text.startswith("OPENAI_API_KEY is this gateway's own master key")
    assert judged(text, {"OPENAI_API_KEY": "sk-another"}).warnings == ()


def test_what_is_wrong_with_an_entry_of_another_vendor_does_not_matter(judged: Judge) -> None:
    verdict = judged(
        """\
        model_list:
          - {model_name: a, litellm_params: {model: a, api_key: k}}
          - {model_name: b, litellm_params: {model: sagemaker/b, api_base: mine, weigth: 1, api_version: 2, rpm: x}}
        """
    )
    assert verdict.good is not None
    assert [notice.key for notice in verdict.warnings] == ["model_list[1].litellm_params.model"]
    assert verdict.unservable == 1


def test_what_is_wrong_with_an_entry_is_told_once(judged: Judge) -> None:
    verdict = judged("model_list: [{model_name: a, litellm_params: {modell: a}}]")
    assert [notice.key for notice in verdict.errors] == [
        "model_list[0].litellm_params.modell",
        "model_list[0].litellm_params.model",
    ]


def test_all_that_is_wrong_with_one_entry_is_told_in_one_pass(judged: Judge) -> None:
    """A slip, an address and a variable are three things to mend, and one start should say so."""
    verdict = judged(
        """\
        model_list:
          - model_name: a
            litellm_params: {model: openai/a, api_key: "${KEY}", api_base: "localhost:8000/v1", weigth: 2}
          - {model_name: b, litellm_params: {model: openai/b, api_key: "", api_base: "http://x:bad"}}
        """
    )
    told = sorted(str(notice).split(": ")[1] for notice in (*verdict.errors, *verdict.warnings))
    first = "model_list[0].litellm_params."
    assert told == [
        f"{first}api_base",
        f"{first}api_key",
        f"{first}weigth",
        "model_list[1].litellm_params.api_base",
    ]
