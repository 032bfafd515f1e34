"""What the operations are told, for those who read the API's description."""

from __future__ import annotations

from collections.abc import Mapping

EXAMPLES: Mapping[str, Mapping[str, object]] = {
    "/key/generate": {"key_alias": "ci", "models": ["gpt-4o"], "max_budget": 10, "duration": "30d"},
    "/key/update": {"key": "sk-...", "max_budget": 20},
    "/key/delete": {"keys": ["sk-..."]},
    "/key/regenerate": {"key": "sk-...", "grace_period": "24h"},
    "/key/block": {"key": "sk-..."},
    "/key/unblock": {"key": "sk-..."},
    "/user/new": {
        "user_id": "ada",
        "user_email": "ada@example.com",
        "max_budget": 100,
        "budget_duration": "1mo",
    },
    "/user/update": {"user_id": "ada", "max_budget": 200},
    "/user/delete": {"user_ids": ["ada"]},
    "/team/new": {
        "team_id": "research",
        "models": ["gpt-4o", "gpt-4o-mini"],
        "max_budget": 500,
        "budget_duration": "1mo",
    },
    "/team/update": {"team_id": "research", "rpm_limit": 600},
    "/team/delete": {"team_ids": ["research"]},
    "/team/member_add": {"team_id": "research", "member": {"role": "user", "user_id": "ada"}},
    "/team/member_update": {"team_id": "research", "user_id": "ada", "max_budget_in_team": 20},
    "/team/member_delete": {"team_id": "research", "user_id": "ada"},
    "/team/block": {"team_id": "research"},
    "/team/unblock": {"team_id": "research"},
    "/budget/new": {"budget_id": "free", "max_budget": 1, "budget_duration": "1d"},
    "/budget/update": {"budget_id": "free", "max_budget": 2},
    "/budget/info": {"budgets": ["free"]},
    "/budget/delete": {"id": "free"},
    "/tag/new": {"name": "nightly", "max_budget": 50, "budget_duration": "1mo"},
    "/tag/update": {"name": "nightly", "max_budget": 60},
    "/tag/info": {"names": ["nightly"]},
    "/tag/delete": {"name": "nightly"},
    "/customer/new": {"user_id": "acme", "max_budget": 5, "budget_duration": "1mo"},
    "/customer/update": {"user_id": "acme", "max_budget": 6},
    "/customer/delete": {"user_ids": ["acme"]},
    "/customer/block": {"user_ids": ["acme"]},
    "/customer/unblock": {"user_ids": ["acme"]},
}
"""Of what an operation is told."""
QUERIES: Mapping[str, Mapping[str, str]] = {
    "/key/info": {"key": "The key, or its hash; without it the one that asks."},
    "/key/list": {
        "page": "From 1.", "size": "Of a page.", "user_id": "Of this user.", "team_id": "Of this team.",
        "key_alias": "With this alias.", "key_hash": "With this hash.", "return_full_object": "`true`: all of them.",
    },
    "/user/info": {"user_id": "Without it: of who asks."},
    "/user/list": {
        "page": "From 1.", "page_size": "Of a page.", "user_ids": "These, separated by commas.",
        "team": "Of this team.",
        "user_email": "Whose address holds this.", "role": "Of this role.",
    },
    "/team/info": {"team_id": "Which."},
    "/team/list": {"user_id": "Of which this user is a member."},
    "/customer/info": {"end_user_id": "Which."},
    "/end_user/info": {"end_user_id": "Which."},
}  # fmt: skip
"""Of each page that is asked: what it can be asked."""
