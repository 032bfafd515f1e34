"""What upstreams call their errors, and what each name says failed: one table for all that speak OpenAI's language.

A code or a type is the upstream's own. A message may repeat what the client wrote, so it is only believed from its
first letter on.
"""

from __future__ import annotations

import re

import msgspec

from proxy.types import Layer, ResultKind

_AUTH, _LIMITED, _FAILING = ResultKind.AUTH, ResultKind.RATE_LIMITED, ResultKind.SERVER_ERROR


class Meaning(msgspec.Struct, frozen=True, eq=False):
    name: str
    """For those who ask why, where the upstream has no name for it."""
    blame: Layer
    kind: ResultKind
    identity: bool = False
    """About the organization or project that is named: true of another where the client named its own."""


WRONG_KEY = Meaning("wrong_key", Layer.KEY, _AUTH)
"""The credential itself, whoever is named beside it."""
NO_ACCESS = Meaning("no_access", Layer.KEY, _AUTH, identity=True)
"""Membership, region, money: of the account or project that is named."""
NO_MODEL = Meaning("no_model", Layer.MODEL, _AUTH, identity=True)
NO_SCOPE = Meaning("missing_scopes", Layer.FAMILY, _AUTH, identity=True)
TOO_FAST = Meaning("rate_limited", Layer.MODEL, _LIMITED, identity=True)
TOO_LARGE = Meaning("too_large", Layer.NOBODY, _LIMITED)
"""No time helps it on this key; another may allow more."""
UNAFFORDABLE = Meaning("unaffordable", Layer.NOBODY, _AUTH)
"""Too dear for what this key has left, which is enough for others."""
OVERLOADED = Meaning("overloaded", Layer.MODEL, _FAILING)
CLIENTS = Meaning("refused", Layer.NOBODY, ResultKind.NEUTRAL)
UNKNOWN = Meaning("unknown", Layer.KEY, _AUTH)
"""A 401 or 403 without a word that decides: a suspicion."""

WORDS: dict[str, Meaning] = {
    # OpenAI: https://platform.openai.com/docs/guides/error-codes, and what its threads of support quote
    "invalid_api_key": WRONG_KEY,
    "invalid_authentication": WRONG_KEY,
    "account_deactivated": WRONG_KEY,
    "account_deactivation": WRONG_KEY,
    "deactivated_workspace": WRONG_KEY,
    "token_expired": WRONG_KEY,
    "token_revoked": WRONG_KEY,
    "invalid_organization": NO_ACCESS,
    "mismatched_organization": NO_ACCESS,
    "organization_not_found": NO_ACCESS,
    "organization_deactivated": NO_ACCESS,
    "no_organization": NO_ACCESS,
    "invalid_project": NO_ACCESS,
    "mismatched_project": NO_ACCESS,
    "project_not_found": NO_ACCESS,
    "project_archived": NO_ACCESS,
    "ip_not_authorized": NO_ACCESS,
    "unsupported_country_region_territory": NO_ACCESS,
    "insufficient_quota": NO_ACCESS,
    "billing_not_active": NO_ACCESS,
    "billing_hard_limit_reached": NO_ACCESS,
    "access_terminated": NO_ACCESS,
    "missing_scope": NO_SCOPE,
    "insufficient_permissions": NO_SCOPE,
    "model_not_found": NO_MODEL,
    "rate_limit_exceeded": TOO_FAST,
    "slow_down": TOO_FAST,
    "engine_overloaded": OVERLOADED,
    # Azure: https://learn.microsoft.com/azure/ai-foundry/openai/quotas-limits
    "DeploymentNotFound": NO_MODEL,
    "PermissionDenied": NO_SCOPE,
    "AuthenticationTypeDisabled": NO_ACCESS,
    "AccessDenied": NO_ACCESS,
    "SubscriptionNotRegistered": NO_ACCESS,
    "RateLimitReached": TOO_FAST,
    "NoCapacity": TOO_FAST,
    # Anthropic: https://docs.anthropic.com/en/api/errors
    "authentication_error": WRONG_KEY,
    "billing_error": NO_ACCESS,
    "enforced_spend_limit_reached": NO_ACCESS,
    "rate_limit_error": TOO_FAST,
    "overloaded_error": OVERLOADED,
    # Google: https://cloud.google.com/apis/design/errors
    "API_KEY_INVALID": WRONG_KEY,
    "API_KEY_SERVICE_BLOCKED": NO_ACCESS,
    "BILLING_DISABLED": NO_ACCESS,
    "SERVICE_DISABLED": NO_ACCESS,
    "CONSUMER_SUSPENDED": NO_ACCESS,
    "UNAUTHENTICATED": WRONG_KEY,
    "RESOURCE_EXHAUSTED": TOO_FAST,
    "UNAVAILABLE": OVERLOADED,
    # AWS: https://docs.aws.amazon.com/bedrock/latest/APIReference/CommonErrors.html
    "UnrecognizedClientException": WRONG_KEY,
    "InvalidClientTokenId": WRONG_KEY,
    "InvalidSignatureException": WRONG_KEY,
    "IncompleteSignature": WRONG_KEY,
    "ExpiredTokenException": WRONG_KEY,
    "OptInRequired": NO_ACCESS,
    "ThrottlingException": TOO_FAST,
    "ServiceQuotaExceededException": TOO_FAST,
    "ModelNotReadyException": OVERLOADED,
    "ServiceUnavailableException": OVERLOADED,
    # Cerebras, Novita, Volcengine
    "wrong_api_key": WRONG_KEY,
    "INVALID_API_KEY": WRONG_KEY,
    "NOT_ENOUGH_BALANCE": NO_ACCESS,
    "MODEL_NOT_FOUND": NO_MODEL,
    "RATE_LIMIT_EXCEEDED": TOO_FAST,
    "AuthenticationError": WRONG_KEY,
    "AccountOverdueError": NO_ACCESS,
    "InvalidEndpointOrModel.NotFound": NO_MODEL,
    # Groq, Together, Fireworks, Mistral, DeepSeek, Moonshot, DashScope, Zhipu, one-api and those that follow them
    "missing_api_key": WRONG_KEY,
    "InvalidApiKey": WRONG_KEY,
    "invalid_authentication_error": WRONG_KEY,
    "expired_api_key": WRONG_KEY,
    "organization_restricted": NO_ACCESS,
    "credit_limit": NO_ACCESS,
    "insufficient_balance": NO_ACCESS,
    "insufficient_credits": NO_ACCESS,
    "insufficient_user_quota": NO_ACCESS,
    "exceeded_current_quota_error": NO_ACCESS,
    "Arrearage": NO_ACCESS,
    "payment_required": NO_ACCESS,
    "model_not_available": NO_MODEL,
    "model_not_supported": NO_MODEL,
    "model_decommissioned": NO_MODEL,
    "model_permission_blocked_org": NO_MODEL,
    "model_permission_blocked_project": NO_MODEL,
    "model_terms_required": NO_MODEL,
    "ModelNotFound": NO_MODEL,
    "model_rate_limit": TOO_FAST,
    "rate_limit_reached_error": TOO_FAST,
    "rate_limited": TOO_FAST,
    "engine_overloaded_error": OVERLOADED,
}  # fmt: skip
"""By `code`, `type`, `status` or `reason`, in that order."""

GENERIC = frozenset(
    {
        "api_error", "access_denied", "bad_request", "error", "forbidden", "invalid_request", "invalid_request_error",
        "not_found", "not_found_error", "permission_denied", "permission_error", "requests", "server_error",
        "tokens", "unauthorized", "NOT_FOUND", "PERMISSION_DENIED", "INVALID_ARGUMENT", "NotFoundError",
        "BadRequestError", "internal_error", "invalid_type", "invalid_value", "null",
    }
)  # fmt: skip
"""Words that say no more than the status does: not worth a line in the log."""

_MESSAGES: tuple[tuple[re.Pattern[str], Meaning], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), meaning)
    for pattern, meaning in (
        # what the client brought about comes first: it must not be read as the key's
        (r"this request requires more credits, or fewer max_tokens.{0,80}can only afford (?!-|0\b)\d", UNAFFORDABLE),
        (r".{0,80}requires moderation|your input was flagged|content violates usage guidelines", CLIENTS),
        # scopes
        (r"you have insufficient permissions for this operation", NO_SCOPE),
        (r"missing (?:required )?scopes?\b", NO_SCOPE),
        # models
        (r"the model:? .{1,256}? (?:does not exist|was not found|is not available)", NO_MODEL),
        (r"the model:? .{1,256}? has been (?:deprecated|decommissioned)", NO_MODEL),
        (r"(?:your )?(?:project|organization|team|account)\b.{0,160} (?:does not|doesn't) have access to", NO_MODEL),
        (r"you (?:do not|don't) have (?:access to|permission to (?:access|use)) (?:the |this )?model", NO_MODEL),
        (r"the api deployment for this resource does not exist", NO_MODEL),
        (r"model .{1,256}? (?:not found|does not exist)", NO_MODEL),
        (r"model(?: not found, inaccessible|not exist| not exist)", NO_MODEL),
        (r"models/\S{1,256} is not (?:found|supported)", NO_MODEL),
        (r"model: \S{1,256}$", NO_MODEL),
        (r"invalid model:? ", NO_MODEL),
        (r"no endpoints found for |\S{1,256} is not a valid model id", NO_MODEL),
        (r"unable to access (?:non-serverless )?model", NO_MODEL),
        # keys
        (r"(?:incorrect|invalid) api key|api key (?:not valid|expired|not found)|your api key", WRONG_KEY),
        (r"authentication fails|no (?:auth credentials|cookie auth credentials) found|user not found\.?$", WRONG_KEY),
        (r"invalid (?:authentication|token|x-api-key|bearer token)|unauthorized$|the api key you provided", WRONG_KEY),
        (r"access denied due to invalid subscription key", WRONG_KEY),
        (r"the security token included in the request is (?:invalid|expired)|invalid api token", WRONG_KEY),
        (r"the request signature we calculated does not match", WRONG_KEY),
        # accounts
        (r"openai-(?:organization|project) header should match|no such (?:organization|project)", NO_ACCESS),
        (r"you must be a member of an organization|your ip (?:address )?is not authori[sz]ed", NO_ACCESS),
        (r"country, region, or territory not supported|user location is not supported", NO_ACCESS),
        (r"your (?:newly created )?team .{0,80}(?:credits|spending limit)|you have run out of credits", NO_ACCESS),
        (r"your credit balance is too low|insufficient (?:account )?(?:balance|credits|funds)", NO_ACCESS),
        (r"you (?:have )?(?:exceeded|reached) your (?:monthly|usage|spend)", NO_ACCESS),
        (r"payment required|credit limit exceeded", NO_ACCESS),
    )
)  # fmt: skip
_NAMES = frozenset(
    meaning.name
    for meaning in (
        WRONG_KEY, NO_ACCESS, NO_MODEL, NO_SCOPE, TOO_FAST, TOO_LARGE, UNAFFORDABLE, OVERLOADED, CLIENTS, UNKNOWN,
    )
)  # fmt: skip
_CLEAN = re.compile(r"[A-Za-z][A-Za-z_.-]{1,47}|\d{1,5}")


def meaning_of(words: tuple[str, ...]) -> Meaning | None:
    """By the first name that is known."""
    return next((WORDS[word] for word in words if word in WORDS), None)


def meaning_of_message(message: str) -> Meaning | None:
    return next((meaning for pattern, meaning in _MESSAGES if pattern.match(message)), None)


def clean(words: tuple[str, ...]) -> str:
    """The first that is a name and no sentence, and says more than the status if any does.

    Keys and ids hold letters and digits together: they are none.
    """
    names = [word for word in words if _CLEAN.fullmatch(word)]
    telling = (word for word in names if not (word.isdigit() or word in GENERIC))
    return next(telling, names[0] if names else "")


def known(word: str) -> bool:
    """Whether there is nothing to add to this table for it."""
    return word.isdigit() or word in WORDS or word in GENERIC or word in _NAMES
