"""Which request headers say who asks. They are the gateway's business and stay with it: one table for every room.

In names `_` counts as `-`: servers behind CGI, WSGI and the like read both as one.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

KEY_HEADERS = (
    b"x-litellm-api-key", b"authorization", b"api-key", b"x-api-key", b"ocp-apim-subscription-key", b"x-goog-api-key",
)  # fmt: skip
"""Where clients put the gateway's key, the most specific first: LiteLLM's order."""
CREDENTIALS = (
    *(name.decode() for name in KEY_HEADERS),
    "proxy-authorization",
    "x-serverless-authorization",  # Google Cloud Run: in front of the program's own Authorization
    "x-amz-security-token",  # AWS: a session's, beside a signed Authorization
    "cf-access-client-*",  # Cloudflare Access: service tokens
)
"""What lets one in: never sent on, whatever the configuration says."""
IDENTITIES = (
    "cookie",
    "client-cert", "client-cert-chain",  # RFC 9440
    "cf-access-*", "cf-authorization",  # Cloudflare Access
    "gap-auth", "gap-signature",  # oauth2-proxy, with the next three lines
    "x-auth-request-*",
    "x-forwarded-access-token", "x-forwarded-email", "x-forwarded-groups", "x-forwarded-preferred-username",
    "x-forwarded-user",
    "impersonate-*", "x-remote-*",  # Kubernetes' authenticating proxies
    "oidc-*",  # Apache's mod_auth_openidc
    "remote-email", "remote-groups", "remote-name", "remote-user",  # Authelia
    "ssl-client-*", "x-ssl-client-*", "x-client-cert", "x-client-verify",  # nginx and its ingress controllers
    "sm-user", "sm-universalid", "smsession",  # SiteMinder
    "tailscale-*",  # Tailscale Serve
    "teleport-*",  # Teleport
    "x-access-token", "x-id-token", "x-userinfo",  # Kong's OpenID plugins
    "x-anonymous-consumer", "x-consumer-*", "x-credential-identifier", "x-authenticated-*",  # Kong
    "x-amzn-mtls-*", "x-amzn-oidc-*",  # AWS load balancers
    "x-authentik-*",  # authentik
    "x-forwarded-client-cert",  # Envoy, Istio
    "x-forwarded-tls-client-cert*",  # Traefik
    "x-goog-authenticated-user-*", "x-goog-iap-*",  # Google's Identity-Aware Proxy
    "x-jwt-assertion",
    "x-ms-client-principal*", "x-ms-token-*", "x-zumo-auth",  # Azure App Service, Container Apps
    "x-pomerium-*",  # Pomerium
    "x-vercel-oidc-token", "x-vouch-*", "x-webauth-*",
)  # fmt: skip
"""Whom a proxy in front of the gateway let in, and by what token: of no use to a provider, and not its business."""


class Names(msgspec.Struct, frozen=True):
    """Header names in lower case: whole ones, and what others begin with."""

    whole: frozenset[bytes]
    beginnings: tuple[bytes, ...]

    def __contains__(self, lower: bytes) -> bool:
        name = lower.replace(b"_", b"-")
        return name in self.whole or name.startswith(self.beginnings)


def names(patterns: Iterable[str]) -> Names:
    """Of patterns as a configuration writes them: a `*` at the end stands for any ending."""
    plain = [pattern.lower().replace("_", "-").encode() for pattern in patterns]
    beginnings = tuple(pattern[:-1] for pattern in plain if pattern.endswith(b"*"))
    return Names(frozenset(pattern for pattern in plain if not pattern.endswith(b"*")), beginnings)


class Withheld(msgspec.Struct, frozen=True):
    """The rule of one configuration: what stays at the gateway."""

    credentials: Names
    always: Names
    """The operator's own list."""
    identities: Names
    passed: Names
    """Of the identities, those that the operator lets through."""

    def holds(self, lower: bytes) -> bool:
        if lower in self.credentials or lower in self.always:
            return True
        return lower in self.identities and lower not in self.passed


def withheld(
    key_headers: Iterable[str] = (), more: Iterable[str] = (), passed: Iterable[str] = ()
) -> Withheld:
    """`key_headers`: where else this gateway's key comes in, or came in before the last reload."""
    return Withheld(names((*CREDENTIALS, *key_headers)), names(more), names(IDENTITIES), names(passed))


BY_DEFAULT = withheld()
