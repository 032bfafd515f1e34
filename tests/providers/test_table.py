from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec import Raw

from proxy.config.errors import ConfigError
from proxy.config.models import Flaw, LitellmParams, ModelEntry, ModelInfo, Origin
from proxy.config.schema import Config
from proxy.config.settings import GeneralSettings, LitellmSettings, PassThroughEndpoint, RouterSettings
from proxy.providers.dialect import dialect_of
from proxy.providers.reach import OPENAI_BASE
from proxy.providers.table import deployments, env_deployment, survey
from proxy.types import Deployment, Secret

KEY = Secret("sk-of-the-entry")
ENVIRON = {"OPENAI_API_KEY": "sk-of-the-environment"}


def config(
    *entries: LitellmParams, group: str = "g", info: ModelInfo | None = None, **sections: object
) -> Config:
    models = tuple(
        ModelEntry(model_name=group, litellm_params=params, model_info=info or ModelInfo())
        for params in entries
    )
    return Config(model_list=models, **sections)  # type: ignore[arg-type]


def only(params: LitellmParams, environ: dict[str, str] | None = None, **more: object) -> Deployment:
    (deployment,) = deployments(config(params, **more), ENVIRON if environ is None else environ)  # type: ignore[arg-type]
    return deployment


@pytest.mark.parametrize(
    ("model", "named", "expected"),
    [
        ("gpt-4o", None, ("openai", "gpt-4o")),
        ("openai/gpt-4o", None, ("openai", "gpt-4o")),
        ("openai/google/gemma", None, ("openai", "google/gemma")),
        ("openai/openai/x", None, ("openai", "openai/x")),
        (
            "text-completion-openai/gpt-3.5-turbo-instruct",
            None,
            ("text-completion-openai", "gpt-3.5-turbo-instruct"),
        ),
        ("*", None, ("openai", "*")),
        ("openai/*", None, ("openai", "*")),
        ("ft:gpt-4o:org::id", None, ("openai", "ft:gpt-4o:org::id")),
        ("google/gemma", "openai", ("openai", "google/gemma")),
        ("openai/gemma", "openai", ("openai", "gemma")),
        ("openai/davinci", "text-completion-openai", ("text-completion-openai", "openai/davinci")),
        ("davinci-002", "text-completion-openai", ("text-completion-openai", "davinci-002")),
    ],
)
def test_provider_and_model(model: str, named: str | None, expected: tuple[str, str]) -> None:
    found = only(LitellmParams(model=model, custom_llm_provider=named))
    assert (found.provider, found.model) == expected


@pytest.mark.parametrize(
    ("params", "texts"),
    [
        (LitellmParams(model="anthropic/claude"), ["ANTHROPIC_API_KEY or ANTHROPIC_AUTH_TOKEN"]),
        (LitellmParams(model="sagemaker/x/y", api_base="https://h"), ["`sagemaker`", "openai/..."]),
        (LitellmParams(model="claude", custom_llm_provider="anthropic"), ["ANTHROPIC_API_KEY"]),
        (LitellmParams(model="claude-sonnet-4-5"), ["ANTHROPIC_API_KEY"]),
        (LitellmParams(model="gemini-2.5-pro"), ["GEMINI_API_KEY or GOOGLE_API_KEY"]),
        (LitellmParams(model="llama3"), ["served by many", "`ollama/llama3`"]),
        (LitellmParams(model="grok/m"), ["no provider `grok`", "`groq/m`"]),
        (LitellmParams(model="nonsense/m"), ["`nonsense`", "openai/..."]),
        (LitellmParams(model="m", api_key=Secret("")), ["OPENAI_API_KEY", "os.environ/NAME"]),
    ],
)
def test_what_cannot_be_served_says_why_and_does_not_stop_the_others(
    params: LitellmParams, texts: list[str]
) -> None:
    found = survey(config(LitellmParams(model="fine"), params), ENVIRON)
    assert not found.wrong
    (remark,) = found.unservable
    assert remark.index == 1
    assert all(text in remark.text for text in texts)
    fine, unservable = found.deployments
    assert fine.unservable is None
    assert unservable.unservable == remark.text
    assert unservable.group == "g"
    assert not unservable.api_key
    assert deployments(config(LitellmParams(model="fine"), params), ENVIRON)[1].unservable == remark.text


@pytest.mark.parametrize(
    ("params", "texts"),
    [
        (LitellmParams(model="openai/"), ["write a model after `openai/`"]),
        (LitellmParams(model="opnai/gpt-4o"), ["no provider `opnai`", "did you mean `openai/gpt-4o`?"]),
        (
            LitellmParams(model="m", api_base="https://u:hunter2@h"),
            ["litellm_params.api_base", "credentials"],
        ),
    ],
)
def test_what_is_wrong_names_its_entry_and_stops(params: LitellmParams, texts: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        deployments(config(LitellmParams(model="fine"), params), ENVIRON)
    (line,) = str(caught.value).splitlines()
    assert line.startswith("model_list[1].litellm_params.")
    assert all(text in line for text in texts)
    assert "hunter2" not in line


def test_where_nothing_can_be_served_every_reason_is_told() -> None:
    entries = LitellmParams(model="a/b"), LitellmParams(model="m"), LitellmParams(model="c/d")
    with pytest.raises(ConfigError) as caught:
        deployments(config(*entries), {})
    assert [line.partition(".")[0] for line in str(caught.value).splitlines()] == [
        "model_list[0]",
        "model_list[1]",
        "model_list[2]",
    ]
    target = GeneralSettings(pass_through_endpoints=(PassThroughEndpoint(path="/x", target="http://h"),))
    assert len(deployments(config(*entries, general_settings=target), {})) == 3


@pytest.mark.parametrize(
    "provider", ["hosted_vllm", "openai_like", "custom_openai", "litellm_proxy", "lm_studio"]
)
def test_a_server_of_ones_own_has_its_own_key_or_none(provider: str) -> None:
    base = "http://10.0.0.7:8000/v1"
    plain = only(LitellmParams(model=f"{provider}/meta/llama", api_base=base))
    assert (plain.provider, plain.model, plain.whole_api) == (provider, "meta/llama", True)
    assert plain.api_key.reveal() == "", "OpenAI's key of the environment stays here"
    assert only(LitellmParams(model=f"{provider}/x", api_base=base, api_key=KEY)).api_key == KEY


@pytest.mark.parametrize("provider", ["hosted_vllm", "openai_like", "custom_openai", "litellm_proxy"])
def test_such_a_servers_base_is_written_or_set(provider: str) -> None:
    with pytest.raises(ConfigError, match="write its `api_base`"):
        only(LitellmParams(model=f"{provider}/x"))
    if provider == "hosted_vllm":
        environ = {"HOSTED_VLLM_API_BASE": "http://v:8000"}
        assert only(LitellmParams(model=f"{provider}/x"), environ).api_base == "http://v:8000/v1"


def test_a_provider_that_is_not_served_outranks_a_variable_that_is_not_set() -> None:
    def why(model: str, *key: str) -> str:
        flaw = Flaw(("litellm_params", *key), "NOPE is not set")
        entry = ModelEntry(model_name="g", litellm_params=LitellmParams(model=model), flaw=flaw)
        (remark,) = survey(Config(model_list=(entry,)), ENVIRON).unservable
        return remark.text

    assert "provider `sagemaker`" in why("sagemaker/x", "api_key")
    assert why("gpt-4o", "api_key") == "NOPE is not set"
    assert why("unknown", "model") == "NOPE is not set"


def test_names_of_two_patterns_cannot_be_served() -> None:
    (remark,) = survey(config(LitellmParams(model="m"), group="a*b*"), ENVIRON).unservable
    assert remark.key == ("model_name",)
    assert "`a*b*` holds more than one `*`" in remark.text


def test_shares_are_of_those_that_are_served() -> None:
    entries = LitellmParams(model="a/b", weight=5), LitellmParams(model="m"), LitellmParams(model="n")
    assert [one.share.weight for one in deployments(config(*entries), ENVIRON)] == [1, 1, 1]


@pytest.mark.parametrize("end", ["/chat/completions", "/completions", "/embeddings", "/chat/completions/"])
def test_a_base_with_an_endpoint_in_it_loses_that_with_a_word(end: str) -> None:
    found = survey(config(LitellmParams(model="m", api_base=f"http://h:8000/v1{end}")), ENVIRON)
    assert found.deployments[0].api_base == "http://h:8000/v1"
    (note,) = found.notes
    assert note.key == ("litellm_params", "api_base")
    assert f"ends in `{end.rstrip('/')}`" in note.text


def test_a_name_that_is_only_like_a_vendors() -> None:
    for model in ("claude-x", "mistral-7b"):
        assert only(LitellmParams(model=model, api_base="http://h")).model == model
    assert only(LitellmParams(model="ft:gpt-4o:claude-x")).provider == "openai"


@pytest.mark.parametrize(
    ("params", "provider", "model", "note"),
    [
        (LitellmParams(model="llama", api_base="https://api.groq.com/openai/v1"), "groq", "llama", None),
        (LitellmParams(model="acme/llama", api_base="https://api.groq.com/openai/v1"), "groq", "acme/llama",
         "taken as `groq/acme/llama`"),
        (LitellmParams(model="acme/llama", api_base="http://h:1"), "openai_like", "acme/llama",
         "taken as `openai_like/acme/llama`"),
        (LitellmParams(model="llama", custom_llm_provider="acme", api_base="http://h:1"), "openai_like", "llama",
         "no provider `acme`"),
        (LitellmParams(model="openai/llama", api_base="https://api.groq.com/openai/v1"), "openai", "llama", None),
        (LitellmParams(model="groq/openai/gpt-oss"), "groq", "openai/gpt-oss", None),
        (LitellmParams(model="llama", custom_llm_provider="groq"), "groq", "llama", None),
        (LitellmParams(model="mistral-large"), "mistral", "mistral-large", None),
        (LitellmParams(model="together/m"), "together_ai", "m", None),
    ],
)  # fmt: skip
def test_a_provider_is_found_by_prefix_name_or_host(
    params: LitellmParams, provider: str, model: str, note: str | None
) -> None:
    environ = {"GROQ_API_KEY": "g", "MISTRAL_API_KEY": "m", "TOGETHERAI_API_KEY": "t", "OPENAI_API_KEY": "o"}
    found = survey(config(params), environ)
    (deployment,) = found.deployments
    assert (deployment.provider, deployment.model) == (provider, model)
    assert bool(note) == bool(found.notes)
    assert note is None or note in found.notes[0].text
    if provider == "openai_like":
        assert not deployment.api_key, "OpenAI's key stays here"


def test_parameters_follow_the_provider_the_entry_and_the_section() -> None:
    environ = {"GROQ_API_KEY": "g"}
    plain = only(LitellmParams(model="groq/m"), environ).parameters
    assert "logit_bias" in plain.refuses
    assert not plain.drops
    allowed = LitellmParams(model="groq/m", allowed_openai_params=("logit_bias",), drop_params=True)
    found = only(allowed, environ).parameters
    assert ("logit_bias" in found.refuses, "n" in found.refuses, found.drops) == (False, True, True)
    settings = LitellmSettings(drop_params=True)
    assert only(LitellmParams(model="groq/m"), environ, litellm_settings=settings).parameters.drops
    refused = only(LitellmParams(model="groq/m", drop_params=False), environ, litellm_settings=settings)
    assert not refused.parameters.drops
    removed = only(LitellmParams(model="m", additional_drop_params=("user",))).parameters
    assert removed.removed == ("user",)
    openais = only(LitellmParams(model="m", drop_params=True))
    assert not dialect_of(openais).adapts, "OpenAI refuses nothing of its own"
    assert only(
        LitellmParams(model="m"), litellm_settings=LitellmSettings(modify_params=True)
    ).parameters.modifies


@pytest.mark.parametrize(
    ("param", "environ", "expected"),
    [
        (None, {}, OPENAI_BASE),
        (None, {"OPENAI_API_BASE": "http://a"}, "http://a/v1"),
        (None, {"OPENAI_API_BASE": "http://a", "OPENAI_BASE_URL": "http://b/x/"}, "http://b/x"),
        ("http://c", {"OPENAI_API_BASE": "http://a", "OPENAI_BASE_URL": "http://b"}, "http://c/v1"),
        (None, {"OPENAI_BASE_URL": ""}, OPENAI_BASE),
    ],
)
def test_api_base(param: str | None, environ: dict[str, str], expected: str) -> None:
    assert only(LitellmParams(model="m", api_key=KEY, api_base=param), environ).api_base == expected


def test_api_key() -> None:
    own_server = "http://vllm:8000"
    assert only(LitellmParams(model="m")).api_key == Secret("sk-of-the-environment")
    assert only(LitellmParams(model="m", api_key=KEY)).api_key == KEY
    assert only(LitellmParams(model="m", api_key=Secret(""), api_base=own_server)).api_key == Secret("")
    assert only(LitellmParams(model="m", mock_response="hi"), {}).mock_response == "hi"
    for environ in ({}, {"OPENAI_API_KEY": ""}):
        with pytest.raises(ConfigError, match="no key: write"):
            only(LitellmParams(model="m", api_base=own_server), environ)


def test_organizations() -> None:
    assert only(LitellmParams(model="m")).organization is None
    assert only(LitellmParams(model="m"), {**ENVIRON, "OPENAI_ORGANIZATION": "org-e"}).organization == "org-e"
    found = deployments(config(LitellmParams(model="m", organization=("org-a", "org-b"))), ENVIRON)
    assert [one.organization for one in found] == ["org-a", "org-b"]
    assert len({one.id for one in found}) == len({one.object_scope for one in found}) == 2


def test_headers_are_merged_and_extra_headers_win() -> None:
    params = LitellmParams(
        model="m",
        headers={"X-A": Secret("1"), "X-B": Secret("2")},
        extra_headers={"x-a": Secret("3"), "X-C": Secret("4")},
    )
    assert only(params).headers == ((b"x-a", b"3"), (b"X-B", b"2"), (b"X-C", b"4"))


def test_identical_entries_have_ids_of_their_own_and_one_scope() -> None:
    one, two = deployments(config(LitellmParams(model="m"), LitellmParams(model="m")), ENVIRON)
    assert two.id == f"{one.id}-2"
    assert one.object_scope == two.object_scope


def test_model_info_names_id_and_scope() -> None:
    info = ModelInfo(id="mine", object_scope="project")
    found = deployments(config(LitellmParams(model="m", organization=("a", "b")), info=info), ENVIRON)
    assert [(one.id, one.object_scope) for one in found] == [("mine", "project"), ("mine-2", "project")]


TimeoutCase = tuple[LitellmParams, RouterSettings, LitellmSettings, tuple[float | None, float | None]]
TIMEOUTS: list[TimeoutCase] = [
    (LitellmParams(model="m"), RouterSettings(), LitellmSettings(), (600.0, None)),
    (LitellmParams(model="m"), RouterSettings(), LitellmSettings(request_timeout=9), (9, None)),
    (LitellmParams(model="m"), RouterSettings(timeout=8, stream_timeout=7), LitellmSettings(), (8, 7)),
    (LitellmParams(model="m", timeout=6, stream_timeout=5), RouterSettings(timeout=8, stream_timeout=7),
     LitellmSettings(request_timeout=9), (6, 5)),
]  # fmt: skip


@pytest.mark.parametrize(("params", "router", "settings", "expected"), TIMEOUTS)
def test_timeouts(
    params: LitellmParams,
    router: RouterSettings,
    settings: LitellmSettings,
    expected: tuple[float | None, float | None],
) -> None:
    found = only(params, router_settings=router, litellm_settings=settings)
    assert (found.trying.timeout_s, found.trying.stream_timeout_s) == expected


def test_ssl_verify_falls_back_to_the_section() -> None:
    settings = LitellmSettings(ssl_verify="/etc/ca.pem")
    assert only(LitellmParams(model="m"), litellm_settings=settings).ssl_verify == "/etc/ca.pem"
    assert only(LitellmParams(model="m", ssl_verify=False), litellm_settings=settings).ssl_verify is False


def test_the_rest_is_carried_over() -> None:
    params = LitellmParams(
        model="m",
        weight=4,
        rpm=1,
        tpm=2,
        order=3,
        max_parallel_requests=5,
        cooldown_time=0,
        supports_system_message=False,
        use_in_pass_through=True,
        default_params={"temperature": Raw(b"0.5")},
    )
    found = only(params)
    read: list[Callable[[Deployment], object]] = [
        lambda one: one.share.rpm,
        lambda one: one.share.tpm,
        lambda one: one.share.order,
        lambda one: one.share.max_parallel_requests,
        lambda one: one.share.cooldown_s,
        lambda one: one.abilities.system_messages,
        lambda one: one.use_in_pass_through,
        lambda one: one.default_params,
    ]
    assert [get(found) for get in read] == [1, 2, 3, 5, 0, False, True, {"temperature": Raw(b"0.5")}]


def test_weights_follow_their_entries_through_organizations() -> None:
    entries = (
        LitellmParams(model="m", weight=6, organization=("a", "b")),
        LitellmParams(model="n", weight=3),
    )
    assert [one.share.weight for one in deployments(config(*entries), ENVIRON)] == [2, 2, 1]


def test_env_deployment() -> None:
    assert env_deployment({}) is None
    assert env_deployment({"OPENAI_API_KEY": " "}) is None
    found = env_deployment({**ENVIRON, "OPENAI_BASE_URL": "http://b", "OPENAI_ORGANIZATION": "org"})
    assert found is not None
    assert (found.id, found.group, found.model, found.provider) == ("env", "*", "*", "openai")
    assert (found.api_base, found.organization) == ("http://b/v1", "org")
    assert found.api_key == Secret("sk-of-the-environment")


def test_the_environment_and_an_entry_with_its_key_share_objects() -> None:
    found = env_deployment(ENVIRON)
    assert found is not None
    assert found.object_scope == only(LitellmParams(model="m")).object_scope


def test_a_bad_base_in_the_environment_is_named() -> None:
    with pytest.raises(ConfigError, match="OPENAI_BASE_URL"):
        env_deployment({**ENVIRON, "OPENAI_BASE_URL": "api.openai.com"})


def test_no_secret_shows() -> None:
    shown = repr(only(LitellmParams(model="m", api_key=KEY)))
    assert KEY.reveal() not in shown


def test_a_deployment_is_found_by_its_line_and_variable() -> None:
    def found(origin: Origin, **params: object) -> list[str]:
        entry = ModelEntry(
            model_name="g",
            litellm_params=LitellmParams(model="m", **params),  # type: ignore[arg-type]
            origin=origin,
        )
        return [one.origin for one in deployments(Config(model_list=(entry,)), ENVIRON)]

    assert found(Origin("config.yaml:3", "KEY_2"), api_key=KEY) == ["config.yaml:3 KEY_2"]
    assert found(Origin("config.yaml:3"), api_key=KEY) == ["config.yaml:3"]
    assert found(Origin("config.yaml:3")) == ["config.yaml:3 OPENAI_API_KEY"]
    assert found(Origin()) == ["OPENAI_API_KEY"]
    organized = found(Origin("config.yaml:3", "KEY"), api_key=KEY, organization=("org-a", "org-b"))
    assert organized == ["config.yaml:3 KEY org-a", "config.yaml:3 KEY org-b"]
    env = env_deployment(ENVIRON)
    assert env is not None
    assert env.called == "env (OPENAI_API_KEY)"


def test_litellms_bridge_is_cut_off_with_a_word() -> None:
    found = survey(config(LitellmParams(model="openai/responses/gpt-4o")), ENVIRON)
    assert found.deployments[0].model == "gpt-4o"
    (note,) = found.notes
    assert note.key == ("litellm_params", "model")
    assert note.text.startswith("`responses/` ")


@pytest.mark.parametrize(
    ("given", "base"),
    [
        (None, "https://api.anthropic.com/v1"),
        ("https://a.example", "https://a.example/v1"),
        ("https://a.example/v1", "https://a.example/v1"),
        ("https://a.example/anthropic/", "https://a.example/anthropic/v1"),
        ("https://a.example/v1/messages", "https://a.example/v1"),
    ],
)
def test_anthropics_base_and_key(given: str | None, base: str) -> None:
    environ = {"ANTHROPIC_API_KEY": "sk-ant-1"}
    found = only(LitellmParams(model="anthropic/claude-x", api_base=given), environ)
    assert (found.provider, found.model, found.api_base) == ("anthropic", "claude-x", base)
    assert found.api_key == Secret("sk-ant-1")
    assert only(LitellmParams(model="claude-x"), environ).provider == "anthropic"
    bearing = only(LitellmParams(model="claude-x"), {"ANTHROPIC_AUTH_TOKEN": "t"})
    assert bearing.headers == ((b"Authorization", b"Bearer t"),)
