from __future__ import annotations

import base64
from urllib.parse import parse_qs

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from proxy.providers.tokens.asking import TokenRefused
from proxy.providers.tokens.entra import (
    SCOPE,
    ClientSecret,
    ManagedIdentity,
    WorkloadIdentity,
    of_environment,
)
from proxy.providers.tokens.google import KeyFile, Machine, project_in
from proxy.types import Secret

RSA = generate_private_key(public_exponent=65537, key_size=2048)
PEM = RSA.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
ACCOUNT = {
    "type": "service_account", "client_email": "me@p.iam.gserviceaccount.com", "private_key": PEM,
    "private_key_id": "kid-1", "token_uri": "https://oauth2.googleapis.com/token", "project_id": "p",
}  # fmt: skip
SECRET = ClientSecret(tenant="t/1", client="c", secret=Secret("s&1"))


def fields(body: bytes) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(body.decode()).items()}


def test_a_client_with_a_secret() -> None:
    asked = SECRET.ask(b"", 0.0)
    assert asked.url == "https://login.microsoftonline.com/t%2F1/oauth2/v2.0/token"
    assert asked.method == "POST"
    assert fields(asked.body) == {
        "client_secret": "s&1", "grant_type": "client_credentials", "client_id": "c", "scope": SCOPE,
    }  # fmt: skip
    assert ClientSecret(tenant="t/1", client="c", secret=Secret("s&1")) == SECRET, (
        "equal sources share a token"
    )
    assert hash(SECRET) == hash(ClientSecret(tenant="t/1", client="c", secret=Secret("s&1")))
    assert "s&1" not in repr(SECRET)


def test_a_workloads_own_identity_is_read_anew_each_time() -> None:
    source = WorkloadIdentity(tenant="t", client="c", file="/f")
    asked = fields(source.ask(b" assertion\n", 0.0).body)
    assert (asked["client_assertion"], asked["client_id"]) == ("assertion", "c")
    assert asked["client_assertion_type"].endswith("jwt-bearer")
    with pytest.raises(TokenRefused, match="empty"):
        source.ask(b"\n", 0.0)


def test_a_machines_identity() -> None:
    asked = ManagedIdentity(client="c").ask(b"", 0.0)
    assert (asked.method, asked.headers) == ("GET", {"Metadata": "true"})
    assert asked.url == (
        "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01"
        "&resource=https%3A%2F%2Fcognitiveservices.azure.com&client_id=c"
    )
    service = ManagedIdentity(endpoint="http://localhost:1/msi", header=Secret("h")).ask(b"", 0.0)
    assert service.headers == {"X-IDENTITY-HEADER": "h"}
    assert "api-version=2019-08-01" in service.url


def test_what_the_place_offers() -> None:
    workload = {"AZURE_TENANT_ID": "t", "AZURE_CLIENT_ID": "c", "AZURE_FEDERATED_TOKEN_FILE": "/f"}
    assert of_environment(workload, SCOPE, None) == WorkloadIdentity(tenant="t", client="c", file="/f")
    service = {"IDENTITY_ENDPOINT": "http://e", "IDENTITY_HEADER": "h"}
    assert of_environment(service, SCOPE, "c") == ManagedIdentity(
        client="c", endpoint="http://e", header=Secret("h")
    )
    assert of_environment({}, SCOPE, None) == ManagedIdentity()


def test_a_service_account_signs_its_question() -> None:
    asked = KeyFile(file="/k").ask(msgspec.json.encode(ACCOUNT), 1000.7)
    assert asked.url == ACCOUNT["token_uri"]
    said = fields(asked.body)
    assert said["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    head, claims, signed = said["assertion"].split(".")

    def decoded(text: str) -> bytes:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))

    assert msgspec.json.decode(decoded(head)) == {"alg": "RS256", "typ": "JWT", "kid": "kid-1"}
    assert msgspec.json.decode(decoded(claims)) == {
        "iss": ACCOUNT["client_email"], "scope": "https://www.googleapis.com/auth/cloud-platform",
        "aud": ACCOUNT["token_uri"], "iat": 1000, "exp": 4600,
    }  # fmt: skip
    RSA.public_key().verify(decoded(signed), f"{head}.{claims}".encode(), PKCS1v15(), SHA256())


def test_a_persons_login_and_a_machine() -> None:
    login = {"type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "r"}
    asked = KeyFile(written=Secret(msgspec.json.encode(login).decode())).ask(b"", 0.0)
    assert fields(asked.body)["refresh_token"] == "r"
    machine = Machine(host="127.0.0.1:1").ask(b"", 0.0)
    assert machine.url == "http://127.0.0.1:1/computeMetadata/v1/instance/service-accounts/default/token"
    assert machine.headers == {"Metadata-Flavor": "Google"}


@pytest.mark.parametrize(
    "text",
    [
        b"not json",
        b'{"type":"external_account"}',
        msgspec.json.encode({**ACCOUNT, "private_key": "sk-secret"}),
    ],
)
def test_a_key_file_that_is_none_is_told_without_its_words(text: bytes) -> None:
    with pytest.raises(TokenRefused) as caught:
        KeyFile(file="/k").ask(text, 0.0)
    assert "sk-secret" not in str(caught.value)


def test_the_project_in_a_key() -> None:
    assert project_in(msgspec.json.encode(ACCOUNT).decode()) == "p"
    assert project_in("{") is None
