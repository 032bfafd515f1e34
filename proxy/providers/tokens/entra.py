"""Microsoft Entra's tokens for Azure: of a client with a secret, of a workload's own identity, of a machine's.

https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow (secret; federated credential),
https://learn.microsoft.com/azure/app-service/overview-managed-identity (IDENTITY_ENDPOINT),
https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token (169.254.169.254)
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, urlencode

from proxy.providers.tokens.asking import TokenRefused, form
from proxy.types import Ask, Secret, TokenSource

SCOPE = "https://cognitiveservices.azure.com/.default"
AUTHORITY = "https://login.microsoftonline.com"
MACHINES = "http://169.254.169.254/metadata/identity/oauth2/token"
_ASSERTED = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class ClientSecret(TokenSource, frozen=True, kw_only=True):
    tenant: str
    client: str
    secret: Secret
    scope: str = SCOPE
    authority: str = AUTHORITY

    def ask(self, file: bytes, now_unix: float) -> Ask:
        fields = {"client_secret": self.secret.reveal(), **_grant(self.client, self.scope)}
        return form(_address(self.authority, self.tenant), fields)


class WorkloadIdentity(TokenSource, frozen=True, kw_only=True):
    """As in Kubernetes: a token of the cluster's own, in `file`, which is renewed there."""

    tenant: str
    client: str
    scope: str = SCOPE
    authority: str = AUTHORITY

    def ask(self, file: bytes, now_unix: float) -> Ask:
        assertion = file.decode("ascii", "replace").strip()
        if not assertion:
            raise TokenRefused("has an empty token file")
        asserted = {"client_assertion_type": _ASSERTED, "client_assertion": assertion}
        fields = {**asserted, **_grant(self.client, self.scope)}
        return form(_address(self.authority, self.tenant), fields)


class ManagedIdentity(TokenSource, frozen=True, kw_only=True):
    """Of a machine, or of an App Service, which has an endpoint and a header's value of its own."""

    client: str | None = None
    """Of an identity that a user assigned."""
    scope: str = SCOPE
    endpoint: str = MACHINES
    header: Secret | None = None

    def ask(self, file: bytes, now_unix: float) -> Ask:
        version = "2018-02-01" if self.header is None else "2019-08-01"
        fields = {"api-version": version, "resource": self.scope.removesuffix("/.default")}
        if self.client is not None:
            fields["client_id"] = self.client
        said = {"Metadata": "true"} if self.header is None else {"X-IDENTITY-HEADER": self.header.reveal()}
        return Ask("GET", f"{self.endpoint}?{urlencode(fields)}", said)


def of_environment(environ: Mapping[str, str], scope: str, client: str | None) -> TokenSource:
    """What the place that this runs at offers: a workload's identity, else the machine's."""
    tenant, file = environ.get("AZURE_TENANT_ID"), environ.get("AZURE_FEDERATED_TOKEN_FILE")
    client = client or environ.get("AZURE_CLIENT_ID") or None
    if tenant and file and client:
        authority = environ.get("AZURE_AUTHORITY_HOST", AUTHORITY)
        return WorkloadIdentity(tenant=tenant, client=client, scope=scope, authority=authority, file=file)
    endpoint, header = environ.get("IDENTITY_ENDPOINT"), environ.get("IDENTITY_HEADER")
    if endpoint and header:
        return ManagedIdentity(client=client, scope=scope, endpoint=endpoint, header=Secret(header))
    return ManagedIdentity(client=client, scope=scope)


def _address(authority: str, tenant: str) -> str:
    return f"{authority.rstrip('/')}/{quote(tenant, safe='')}/oauth2/v2.0/token"


def _grant(client: str, scope: str) -> dict[str, str]:
    return {"grant_type": "client_credentials", "client_id": client, "scope": scope}
