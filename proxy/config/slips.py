"""Slips of the pen: unknown keys within two letters of one that changes where requests go, or what they cost.

To pass over such a key would have the gateway do something else than was written.
"""

from __future__ import annotations

from proxy.config.fields import Section
from proxy.config.known import names
from proxy.config.models import Credential
from proxy.config.settings import Alias, RetryPolicy
from proxy.config.sluice import SluiceSettings

HEAVY = names("""
    model_list router_settings litellm_settings general_settings sluice_settings credential_list
    model_name litellm_params model_info model custom_llm_provider litellm_credential_name api_key
    api_base base_url organization headers extra_headers weight rpm tpm order timeout stream_timeout
    request_timeout max_parallel_requests num_retries max_retries cooldown_time input_cost_per_token
    output_cost_per_token max_tokens max_completion_tokens max_output_tokens use_in_pass_through
    max_input_tokens object_scope routing_strategy retry_policy model_group_retry_policy
    allowed_fails allowed_fails_policy disable_cooldowns fallbacks default_fallbacks
    context_window_fallbacks content_policy_fallbacks model_group_alias
    default_max_parallel_requests default_litellm_params master_key pass_through_endpoints
    litellm_key_header_name path target auth methods
""")
WHOLE: tuple[type[Section], ...] = (SluiceSettings, Credential, Alias, RetryPolicy)
"""Sections of which every key is such a key."""
_SHORT = 5
"""Words of fewer letters are near too many others: one slip is allowed for in them."""


def slip_of(kind: type[Section], key: str, keys: frozenset[str]) -> str | None:
    """The heavy key among `keys`, those of `kind`, that was probably meant."""
    heavy = keys if kind in WHOLE else keys & HEAVY
    allowed = 1 if len(key) < _SHORT else 2
    near = [(distance(key, name), name) for name in sorted(heavy) if abs(len(name) - len(key)) <= allowed]
    found = min(near, default=(allowed + 1, ""))
    return found[1] if found[0] <= allowed else None


def distance(one: str, other: str) -> int:
    """Letters added, left out, changed or exchanged with the next (optimal string alignment)."""
    before: list[int] = []
    last = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        row = [i]
        for j, wanted in enumerate(other, 1):
            cost = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (letter != wanted))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == wanted:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        before, last = last, row
    return last[-1]
