"""Google Cloud's tokens: of a service account's key, of a person's own login, of the machine.

https://developers.google.com/identity/protocols/oauth2/service-account#httprest (RFC 7523),
https://cloud.google.com/compute/docs/access/authenticate-workloads#applications (metadata server)
"""

from __future__ import annotations

from base64 import urlsafe_b64encode

import msgspec

from proxy.errors import UNREADABLE
from proxy.providers.tokens.asking import TokenRefused, form
from proxy.types import Ask, Secret, TokenSource

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
TOKENS = "https://oauth2.googleapis.com/token"
METADATA_HOST = "metadata.google.internal"
LASTS_S = 3600
"""The longest that is given."""
_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_encode = msgspec.json.Encoder().encode


class _Key(msgspec.Struct):
    type: str = "service_account"
    client_email: str = ""
    private_key: str = ""
    private_key_id: str = ""
    token_uri: str = TOKENS
    project_id: str | None = None
    client_id: str = ""
    client_secret: str = ""
    refresh_token: str = ""


_decode = msgspec.json.Decoder(_Key).decode


class KeyFile(TokenSource, frozen=True, kw_only=True):
    """JSON as Google gives it: in `file`, or written here."""

    written: Secret | None = None

    def ask(self, file: bytes, now_unix: float) -> Ask:
        key = _read(self.written.reveal().encode() if self.written else file)
        if key.type == "authorized_user":
            return form(
                key.token_uri,
                {
                    "grant_type": "refresh_token",
                    "client_id": key.client_id,
                    "client_secret": key.client_secret,
                    "refresh_token": key.refresh_token,
                },
            )
        return form(key.token_uri, {"grant_type": _BEARER, "assertion": _assertion(key, now_unix)})


class Machine(TokenSource, frozen=True, kw_only=True):
    host: str = METADATA_HOST

    def ask(self, file: bytes, now_unix: float) -> Ask:
        path = "computeMetadata/v1/instance/service-accounts/default/token"
        return Ask("GET", f"http://{self.host}/{path}", {"Metadata-Flavor": "Google"})


def project_in(written: str) -> str | None:
    """Of a key that is written as JSON."""
    try:
        return _decode(written.encode()).project_id
    except UNREADABLE:
        return None


def _read(text: bytes) -> _Key:
    try:
        key = _decode(text)
    except UNREADABLE:
        raise TokenRefused("has a key file that is not Google's JSON") from None
    if key.type not in ("service_account", "authorized_user"):
        raise TokenRefused("has a key file of another kind than service_account or authorized_user")
    return key


def _assertion(key: _Key, now_unix: float) -> str:
    """RFC 7519, signed as RFC 7518 section 3.3 says. Raises TokenRefused."""
    now = int(now_unix)
    claims = {"iss": key.client_email, "scope": SCOPE, "aud": key.token_uri, "iat": now, "exp": now + LASTS_S}
    head = {"alg": "RS256", "typ": "JWT", "kid": key.private_key_id}
    signed = b".".join(map(_base64, (_encode(head), _encode(claims))))
    return b".".join((signed, _base64(_signature(key.private_key, signed)))).decode()


def _base64(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")


def _signature(private_key: str, text: bytes) -> bytes:
    # Loaded only where a service account's key is: it takes 50 ms and 10 MB.
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

    try:
        key = load_pem_private_key(private_key.encode(), None)
    except (ValueError, TypeError):
        raise TokenRefused("has a key file whose private_key cannot be read") from None
    if not isinstance(key, RSAPrivateKey):
        raise TokenRefused("has a key file whose private_key is no RSA key")
    return key.sign(text, PKCS1v15(), SHA256())
