"""What entries of Azure, Bedrock and Vertex lead to."""

from __future__ import annotations

import pytest

from proxy.config.errors import ConfigError
from proxy.config.models import LitellmParams, ModelEntry
from proxy.config.schema import Config
from proxy.config.settings import LitellmSettings
from proxy.errors import GatewayError
from proxy.providers.clouds.azure import place
from proxy.providers.clouds.claude import EnvelopedPlace
from proxy.providers.dialect import dialect_of, own_headers, refused_by
from proxy.providers.prepare import Request, prepare
from proxy.providers.table import deployments, survey
from proxy.providers.tokens.entra import ClientSecret, ManagedIdentity, WorkloadIdentity
from proxy.providers.tokens.google import KeyFile, Machine
from proxy.types import Deployment, Secret

RES = "https://res.openai.azure.com"
KEY = Secret("k")


def only(params: LitellmParams, environ: dict[str, str] | None = None, **settings: bool) -> Deployment:
    entry = ModelEntry(model_name="g", litellm_params=params)
    config = Config(model_list=(entry,), litellm_settings=LitellmSettings(**settings))
    (deployment,) = deployments(config, environ or {})
    return deployment


def azure(api_base: str | None = RES, environ: dict[str, str] | None = None, **more: object) -> Deployment:
    words = {"api_key": KEY, **more}
    return only(LitellmParams(model="azure/gpt", api_base=api_base, **words), environ)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("api_base", "version", "base", "found", "model"),
    [
        (RES, "2024-10-21", RES, "2024-10-21", "gpt"),
        (f"{RES}/", None, RES, "2025-02-01-preview", "gpt"),
        (f"{RES}/openai", "2024-10-21", RES, "2024-10-21", "gpt"),
        (f"{RES}/openai/deployments/my%20gpt/chat/completions?api-version=2024-06-01", None, RES, "2024-06-01",
         "my gpt"),
        (RES, "v1", f"{RES}/openai/v1", None, "gpt"),
        (RES, "preview", f"{RES}/openai/v1", None, "gpt"),
        (f"{RES}/openai/v1/", None, f"{RES}/openai/v1", None, "gpt"),
        ("https://apim.example/tenant/openai", "2024-10-21", "https://apim.example/tenant", "2024-10-21", "gpt"),
    ],
)  # fmt: skip
def test_azures_addresses(
    api_base: str, version: str | None, base: str, found: str | None, model: str
) -> None:
    deployment = azure(api_base, api_version=version)
    assert (deployment.api_base, deployment.api_version, deployment.model) == (base, found, model)
    assert own_headers(deployment) == ((b"api-key", b"k"),)
    assert (dialect_of(deployment).place is None) == (found is None)


def test_azures_environment() -> None:
    environ = {"AZURE_API_BASE": RES, "AZURE_API_KEY": "of-env", "AZURE_API_VERSION": "2024-10-21"}
    found = azure(None, environ, api_key=None)
    assert (found.api_base, found.api_key.reveal(), found.api_version) == (RES, "of-env", "2024-10-21")
    assert found.whole_api
    with pytest.raises(ConfigError, match="AZURE_OPENAI_API_KEY"):
        azure(RES, {"OPENAI_API_KEY": "o"}, api_key=None)
    with pytest.raises(ConfigError, match="the resource's address"):
        azure(None)


def test_azures_tokens() -> None:
    client = {"tenant_id": "t", "client_id": "c", "client_secret": Secret("s")}
    found = azure(RES, {"AZURE_API_KEY": "not this"}, api_key=None, **client)
    assert found.token == ClientSecret(tenant="t", client="c", secret=Secret("s"))
    assert not found.api_key
    assert own_headers(found) == ()
    static = azure(RES, api_key=None, azure_ad_token=Secret("ad"))
    assert own_headers(static) == ((b"Authorization", b"Bearer ad"),)
    with pytest.raises(ConfigError, match="all three"):
        azure(RES, api_key=None, tenant_id="t")
    params = LitellmParams(model="azure/gpt", api_base=RES)
    machine = only(params, {}, enable_azure_ad_token_refresh=True)
    assert machine.token == ManagedIdentity()
    environ = {"AZURE_TENANT_ID": "t", "AZURE_CLIENT_ID": "c", "AZURE_FEDERATED_TOKEN_FILE": "/f"}
    workload = only(params, environ, enable_azure_ad_token_refresh=True)
    assert workload.token == WorkloadIdentity(tenant="t", client="c", file="/f")
    assert len({machine.object_scope, workload.object_scope, found.object_scope}) == 3
    assert len({machine.id, workload.id, found.id}) == 3


def test_foundry() -> None:
    foundry = LitellmParams(
        model="azure_ai/DeepSeek-R1", api_base="https://r.services.ai.azure.com", api_key=KEY
    )
    found = only(foundry)
    assert found.api_base == "https://r.services.ai.azure.com/openai/v1"
    assert own_headers(found) == ((b"api-key", b"k"),)


@pytest.mark.parametrize(
    ("path", "model", "query", "target"),
    [
        (b"/chat/completions", "my gpt", None, b"/b/openai/deployments/my%20gpt/chat/completions?api-version=V"),
        (b"/v1/chat/completions", "g", b"api-version=old&x=1",
         b"/b/openai/deployments/g/chat/completions?x=1&api-version=V"),
        (b"/audio/speech", "g", None, b"/b/openai/deployments/g/audio/speech?api-version=V"),
        (b"/responses", "g", None, b"/b/openai/responses?api-version=V"),
        (b"/v1/files/f/content", None, b"", b"/b/openai/files/f/content?api-version=V"),
    ],
)  # fmt: skip
def test_azures_targets(path: bytes, model: str | None, query: bytes | None, target: bytes) -> None:
    assert place(b"/b", "V")(path, model, query) == target


def test_no_path_climbs() -> None:
    with pytest.raises(GatewayError):
        place(b"", "V")(b"/v1/files/../../x", None, None)


@pytest.mark.parametrize(
    ("model", "environ", "sent", "base", "notes"),
    [
        ("bedrock/openai.gpt-oss-120b-1:0", {}, "openai.gpt-oss-120b-1:0",
         "https://bedrock-runtime.us-east-1.amazonaws.com/openai/v1", False),
        ("bedrock/converse/eu-west-1/m", {}, "m", "https://bedrock-runtime.eu-west-1.amazonaws.com/openai/v1", True),
        ("bedrock/m", {"AWS_REGION": "us-west-2"}, "m", "https://bedrock-runtime.us-west-2.amazonaws.com/openai/v1",
         False),
        ("bedrock_mantle/m", {}, "m", "https://bedrock-mantle.us-east-1.api.aws/v1", False),
        ("bedrock/us.amazon.nova-pro-v1:0", {}, "us.amazon.nova-pro-v1:0",
         "https://bedrock-runtime.us-east-1.amazonaws.com/openai/v1", True),
        ("bedrock/ai21.jamba-1-5-mini-v1:0", {}, "ai21.jamba-1-5-mini-v1:0",
         "https://bedrock-runtime.us-east-1.amazonaws.com/openai/v1", True),
    ],
)  # fmt: skip
def test_bedrocks_addresses(model: str, environ: dict[str, str], sent: str, base: str, notes: bool) -> None:
    variables = {"AWS_BEARER_TOKEN_BEDROCK": "b", **environ}
    found = only(LitellmParams(model=model), variables)
    assert (found.model, found.api_base, found.api_key.reveal()) == (sent, base, "b")
    entry = ModelEntry(model_name="g", litellm_params=LitellmParams(model=model))
    assert bool(survey(Config(model_list=(entry,)), variables).notes) is notes
    assert found.signing is None
    assert own_headers(found) == ((b"Authorization", b"Bearer b"),)


def test_bedrock_signs() -> None:
    environ = {"AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": "S", "AWS_SESSION_TOKEN": "T"}
    found = only(LitellmParams(model="bedrock/m", aws_region_name="eu-central-1"), environ)
    assert found.signing is not None
    signing = found.signing
    assert (signing.access_key, signing.region, signing.service) == ("A", "eu-central-1", "bedrock")
    assert signing.session == Secret("T")
    assert dialect_of(found).adapts, "each request is made anew"
    assert own_headers(found) == ()
    own = LitellmParams(
        model="bedrock_mantle/m", aws_access_key_id=Secret("B"), aws_secret_access_key=Secret("C")
    )
    mantle = only(own, {"AWS_BEARER_TOKEN_BEDROCK": "not this", **environ}).signing
    assert mantle is not None
    assert (mantle.access_key, mantle.service, mantle.session) == ("B", "bedrock-mantle", None)
    assert "'S'" not in repr(signing)
    with pytest.raises(ConfigError, match="AWS_BEARER_TOKEN_BEDROCK"):
        only(LitellmParams(model="bedrock/m"))


def test_vertexs_addresses_and_tokens() -> None:
    params = LitellmParams(
        model="vertex_ai/gemini-2.5-pro", vertex_project="p", vertex_location="europe-west1"
    )
    found = only(params)
    assert found.api_base == (
        "https://europe-west1-aiplatform.googleapis.com/v1/projects/p/locations/europe-west1/endpoints/openapi"
    )
    assert (found.model, found.token, found.provider) == ("google/gemini-2.5-pro", Machine(), "vertex_ai")
    everywhere = only(
        LitellmParams(model="vertex_ai/meta/llama", vertex_location="global"), {"VERTEXAI_PROJECT": "q"}
    )
    assert everywhere.api_base == (
        "https://aiplatform.googleapis.com/v1/projects/q/locations/global/endpoints/openapi"
    )
    assert everywhere.model == "meta/llama"
    file = {"GOOGLE_APPLICATION_CREDENTIALS": "/key.json", "VERTEXAI_PROJECT": "q"}
    assert only(LitellmParams(model="vertex_ai/m"), file).token == KeyFile(file="/key.json")
    written = Secret('{"type":"service_account","project_id":"in-the-key"}')
    own = only(LitellmParams(model="vertex_ai/m", vertex_credentials=written))
    assert own.token == KeyFile(written=written)
    assert "/projects/in-the-key/" in own.api_base
    with pytest.raises(ConfigError, match="VERTEXAI_PROJECT"):
        only(LitellmParams(model="vertex_ai/m"))


SONNET = "claude-sonnet-4-5-20250929"


@pytest.mark.parametrize(
    ("params", "sent", "base", "target"),
    [
        ({"model": f"bedrock/us.anthropic.{SONNET}-v1:0"}, f"us.anthropic.{SONNET}-v1:0",
         "https://bedrock-runtime.us-east-1.amazonaws.com", f"/model/us.anthropic.{SONNET}-v1%3A0/invoke"),
        ({"model": f"bedrock/invoke/eu-west-1/anthropic.{SONNET}-v1:0"}, f"anthropic.{SONNET}-v1:0",
         "https://bedrock-runtime.eu-west-1.amazonaws.com", f"/model/anthropic.{SONNET}-v1%3A0/invoke"),
        ({"model": "bedrock/arn:aws:bedrock:ap-south-1:1:application-inference-profile/x",
          "base_model": f"anthropic.{SONNET}-v1:0"}, "arn:aws:bedrock:ap-south-1:1:application-inference-profile/x",
         "https://bedrock-runtime.ap-south-1.amazonaws.com",
         "/model/arn%3Aaws%3Abedrock%3Aap-south-1%3A1%3Aapplication-inference-profile%2Fx/invoke"),
        ({"model": "bedrock/anthropic.claude-x", "api_base": "https://vpce.example/openai/v1/"}, "anthropic.claude-x",
         "https://vpce.example", "/model/anthropic.claude-x/invoke"),
        ({"model": "bedrock_mantle/anthropic.claude-x"}, "anthropic.claude-x",
         "https://bedrock-mantle.us-east-1.api.aws/anthropic/v1", "/messages"),
        ({"model": "vertex_ai/claude-sonnet-4@20250514"}, "claude-sonnet-4@20250514",
         "https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/us-central1/publishers/anthropic/models",
         "/claude-sonnet-4@20250514:rawPredict"),
        ({"model": "vertex_ai/anthropic/claude-opus-4-6", "vertex_location": "eu"}, "claude-opus-4-6",
         "https://aiplatform.eu.rep.googleapis.com/v1/projects/p/locations/eu/publishers/anthropic/models",
         "/claude-opus-4-6:rawPredict"),
        ({"model": "azure_ai/claude-opus-4-6", "api_base": "https://r.services.ai.azure.com"}, "claude-opus-4-6",
         "https://r.services.ai.azure.com/anthropic/v1", "/messages"),
        ({"model": "azure_ai/claude-opus-4-6", "api_base": "https://r.services.ai.azure.com/anthropic"},
         "claude-opus-4-6", "https://r.services.ai.azure.com/anthropic/v1", "/messages"),
    ],
)  # fmt: skip
def test_claude_at_the_clouds(params: dict[str, str], sent: str, base: str, target: str) -> None:
    environ = {"AWS_BEARER_TOKEN_BEDROCK": "b", "VERTEXAI_PROJECT": "p", "AZURE_AI_API_KEY": "b"}
    found = only(LitellmParams(**params), environ)  # type: ignore[arg-type]
    assert (found.model, found.api_base) == (sent, base)
    body = b'{"model":"asked","messages":[{"role":"user","content":"Hi"}]}'
    prepared = prepare(found, dialect_of(found), Request(b"/chat/completions", body, "asked", sent))
    assert prepared.path == target.encode()
    assert refused_by(found) >= {"n", "seed"}
    headers = {name.lower(): value for name, value in own_headers(found)}
    bearer = {b"authorization": b"Bearer b"} if found.provider.startswith("bedrock") else {}
    plain = {b"anthropic-version": b"2023-06-01"}
    expected = {
        "azure_ai": {b"x-api-key": b"b", **plain}, "bedrock_mantle": bearer | plain,
    }.get(found.provider, bearer)  # fmt: skip
    assert headers == expected


def test_the_query_of_anthropics_own_api_stays_here() -> None:
    assert EnvelopedPlace(b"/v1")(b"/m:rawPredict", None, b"beta=true") == b"/v1/m:rawPredict"
    with pytest.raises(GatewayError):
        EnvelopedPlace(b"")(b"/model/../x", None, None)
