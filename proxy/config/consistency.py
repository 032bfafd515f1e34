"""What no single value can tell: whether the parts of a decoded file agree."""

from __future__ import annotations

from proxy.config.known import PASS_THROUGH_HEADERS
from proxy.config.notices import Findings
from proxy.config.schema import Config
from proxy.config.settings import GeneralSettings
from proxy.config.wording import did_you_mean

UNKNOWN_STRATEGY = "lar1"
WEAK_KEYS = frozenset({
    "", "sk-1234", "sk-12345", "sk-123456", "sk-anything", "anything", "changeme", "sk-changeme", "password",
    "your-master-key", "sk-your-master-key", "sk-secret", "secret", "test", "sk-test",
})  # fmt: skip
"""Keys of documentation and of first tries: everybody's keys."""
SHORT_KEY_CHARACTERS = 16
"""Shorter keys can be guessed over the network within days."""


def check(config: Config, findings: Findings) -> None:
    """Adds errors and warnings about `config`."""
    _check_ids(config, findings)
    _check_aliases(config, findings)
    _check_master_key(config.general_settings, findings)
    _check_pass_through(config.general_settings, findings)
    if config.router_settings.routing_strategy == UNKNOWN_STRATEGY:
        findings.warn(("router_settings", "routing_strategy"), "is not there yet: `simple-shuffle` is used")


def _check_ids(config: Config, findings: Findings) -> None:
    first: dict[str, int] = {}
    for index, entry in enumerate(config.model_list):
        name = entry.model_info.id
        if name is not None and first.setdefault(name, index) != index:
            text = f"the id of model_list[{first[name]}] too: give each entry its own"
            findings.error(("model_list", index, "model_info", "id"), text)


def _check_aliases(config: Config, findings: Findings) -> None:
    groups = {entry.model_name for entry in config.model_list}
    if any("*" in group for group in groups):
        return
    for alias, target in config.router_settings.model_group_alias.items():
        if target.model not in groups:
            text = "no entry of `model_list` has this `model_name`" + did_you_mean(target.model, groups)
            findings.warn(("router_settings", "model_group_alias", alias), text)


def _check_master_key(settings: GeneralSettings, findings: Findings) -> None:
    key = settings.master_key
    if key is None:
        return
    if key.reveal() in WEAK_KEYS:
        text = "empty, or a key out of documentation"
    elif len(key.reveal()) < SHORT_KEY_CHARACTERS:
        text = f"shorter than {SHORT_KEY_CHARACTERS} characters"
    else:
        return
    make = "python3 -c 'import secrets; print(\"sk-\" + secrets.token_urlsafe(24))'"
    findings.warn(("general_settings", "master_key"), f"weak: {text}; make one with {make}")


def _check_pass_through(settings: GeneralSettings, findings: Findings) -> None:
    for index, endpoint in enumerate(settings.pass_through_endpoints):
        for name in endpoint.headers.keys() & PASS_THROUGH_HEADERS:
            path = ("general_settings", "pass_through_endpoints", index, "headers", name)
            findings.warn(path, "has no special meaning here, as it has in LiteLLM: it is sent as it is")
