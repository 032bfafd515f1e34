"""Which headers stay at the gateway, and what a configuration changes about it."""

from __future__ import annotations

import pytest

from proxy.credentials import BY_DEFAULT, KEY_HEADERS, withheld

IDENTITIES = """
    cookie x-amzn-oidc-data x-amzn-oidc-accesstoken x-amzn-oidc-identity x-amzn-mtls-clientcert-leaf
    x-goog-iap-jwt-assertion x-goog-authenticated-user-email x-goog-authenticated-user-id
    cf-access-jwt-assertion cf-access-authenticated-user-email
    x-forwarded-access-token x-forwarded-user x-forwarded-email x-forwarded-groups x-forwarded-preferred-username
    x-auth-request-user x-auth-request-access-token x-auth-request-email
    x-ms-client-principal x-ms-client-principal-id x-ms-token-aad-access-token x-ms-token-google-id-token
    x-pomerium-jwt-assertion x-pomerium-claim-email teleport-jwt-assertion tailscale-user-login
    x-authentik-jwt remote-user x-forwarded-client-cert x-forwarded-tls-client-cert-info client-cert
"""
"""As the makers of these proxies document them."""
OF_PROVIDERS = """
    accept content-type content-encoding user-agent openai-organization openai-project openai-beta idempotency-key
    x-stainless-lang x-request-id x-forwarded-for x-forwarded-proto traceparent helicone-auth anthropic-version
    x-client-request-id x-amzn-trace-id x-ms-client-request-id x-goog-user-project x-cookie cookies
"""


@pytest.mark.parametrize("name", [*KEY_HEADERS, b"x-goog-api-key", b"cf-access-client-secret"])
def test_credentials_stay_whatever_is_configured(name: bytes) -> None:
    assert BY_DEFAULT.holds(name)
    assert withheld(passed=["*", name.decode(), "x-*"]).holds(name)
    assert BY_DEFAULT.holds(name.replace(b"-", b"_"))


@pytest.mark.parametrize("name", IDENTITIES.split())
def test_identities_stay_unless_they_are_let_through(name: str) -> None:
    assert BY_DEFAULT.holds(name.encode())
    assert BY_DEFAULT.holds(name.replace("-", "_").encode())
    assert not withheld(passed=[name.title()]).holds(name.encode())
    assert withheld(passed=[name], more=[name]).holds(name.encode())


@pytest.mark.parametrize("name", OF_PROVIDERS.split())
def test_other_headers_are_the_providers(name: str) -> None:
    assert not BY_DEFAULT.holds(name.encode())


def test_a_key_header_of_ones_own() -> None:
    rule = withheld(["X-My-Key", "X_Old_Key"])
    assert all(map(rule.holds, (b"x-my-key", b"x_my_key", b"x-old-key", b"authorization")))
    assert not rule.holds(b"x-my-key-2")


def test_beginnings() -> None:
    rule = withheld(more=["X-Corp-*"], passed=["x-ms-*", "cookie"])
    assert rule.holds(b"x-corp-user")
    assert not rule.holds(b"x-corporation")
    assert not rule.holds(b"x-ms-token-aad-id-token")
    assert not rule.holds(b"cookie")
    assert rule.holds(b"x-goog-iap-jwt-assertion")
