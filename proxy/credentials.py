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


BODY_CREDENTIALS = (
    "api_key", "api_base", "base_url", "user_config", "extra_headers",
    "azure_ad_token", "client_secret", "aws_secret_access_key", "aws_session_token", "vertex_credentials",
)  # fmt: skip
"""Fields of a request where LiteLLM's clients have a secret of their own, or say where to go with it. Nobody heeds them
here, and they are no upstream's business, least of all another provider's on a fallback. To look for one costs each
request some 7 ns."""
QUERY_CREDENTIALS = frozenset(
    (b"key", b"api_key", b"api-key", b"apikey", b"x-api-key", b"x-goog-api-key", b"access_token", b"token",
     b"subscription-key", b"authorization")
)  # fmt: skip
OF_PROVIDERS: tuple[tuple[bytes, frozenset[str]], ...] = (
    (b"openai-organization", frozenset({"openai", "text-completion-openai", "litellm_proxy"})),
    (b"openai-project", frozenset({"openai", "text-completion-openai", "litellm_proxy"})),
    (b"chatgpt-account-id", frozenset({"openai", "litellm_proxy"})),
    (b"anthropic-", frozenset({"anthropic", "azure_ai", "bedrock", "litellm_proxy", "vertex_ai"})),
    (
        b"x-goog-",
        frozenset({"gemini", "openai", "vertex_ai"}),
    ),  # Google's has an endpoint in OpenAI's language
    (b"x-amz-", frozenset({"bedrock", "bedrock_mantle", "sagemaker"})),
)
"""How headers begin by which a client speaks to a provider of its account there, and to which: nobody else is told."""
TARGET = "target"
"""In a provider's place: what the operator has named a target of its own, with the headers that shall go on."""


def foreign_to(provider: str) -> tuple[bytes, ...]:
    """How headers begin that are other providers' business."""
    if provider == TARGET:
        return ()
    return tuple(beginning for beginning, whose in OF_PROVIDERS if provider not in whose)


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
