"""What no single value can tell: whether the parts of a decoded file agree."""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from datetime import datetime
from zoneinfo import ZoneInfo

from proxy.config.known import PASS_THROUGH_HEADERS
from proxy.config.notices import Findings
from proxy.config.paths import KeyPath
from proxy.config.schema import Config
from proxy.config.settings import GeneralSettings
from proxy.config.wording import did_you_mean
from proxy.credentials import withheld
from proxy.types import Secret

UNKNOWN_STRATEGY = "lar1"
WEAK_KEYS = frozenset({
    "", "sk-1234", "sk-12345", "sk-123456", "sk-anything", "anything", "changeme", "sk-changeme", "password",
    "your-master-key", "sk-your-master-key", "sk-secret", "secret", "test", "sk-test",
})  # fmt: skip
"""Keys of documentation and of first tries: everybody's keys."""
SHORT_KEY_CHARACTERS = 16
"""Shorter keys can be guessed over the network within days."""


_FALLBACKS = ("fallbacks", "context_window_fallbacks", "content_policy_fallbacks")
ANY = "*"


class Served:
    """The names that requests may have."""

    def __init__(self, config: Config, *, aliases: bool = True) -> None:
        groups = {entry.model_name for entry in config.model_list}
        self.names = groups | (set(config.router_settings.model_group_alias) if aliases else set())
        self._patterns = [name.partition("*") for name in groups if "*" in name]

    def has(self, name: str) -> bool:
        return name in self.names or any(
            name.startswith(before) and name.endswith(after) for before, _, after in self._patterns
        )


def bundle_problem(path: str) -> str | None:
    """Why certificates to trust cannot be read from `path`."""
    try:
        ssl.create_default_context(cafile=path)
    except ssl.SSLError:
        return "holds no certificates in PEM"
    except OSError as error:
        return error.strerror or "cannot be read"
    except ValueError:  # a null byte
        return "is no path"
    return None


def check(config: Config, findings: Findings) -> None:
    """Adds errors and warnings about `config`."""
    _check_ids(config, findings)
    _check_fallbacks(config, findings)
    _check_bundles(config, findings)
    _check_aliases(config, findings)
    _check_master_key(config.general_settings, findings)
    _check_keys(config, findings)
    _check_zone(config.litellm_settings.timezone, findings)
    _check_pass_through(config.general_settings, findings)
    _check_passed_headers(config, findings)
    if config.router_settings.routing_strategy == UNKNOWN_STRATEGY:
        findings.warn(("router_settings", "routing_strategy"), "is not there yet: `simple-shuffle` is used")


def _check_fallbacks(config: Config, findings: Findings) -> None:
    """Groups that are not there: requests for them, or to them, would go nowhere."""
    served = Served(config)
    for section in ("router_settings", "litellm_settings"):
        for name in _FALLBACKS:
            for place, lists in enumerate(getattr(getattr(config, section), name)):
                for group, others in lists.items():
                    _check_groups((section, name, place, group), (group, *others), served, findings)
        listed = getattr(config, section).default_fallbacks
        _check_groups((section, "default_fallbacks"), listed, served, findings)


def _check_groups(path: KeyPath, groups: Iterable[str], served: Served, findings: Findings) -> None:
    for group in groups:
        if group != ANY and not served.has(group):
            findings.warn(
                path, f"no entry of `model_list` serves `{group}`{did_you_mean(group, served.names)}"
            )


def _check_bundles(config: Config, findings: Findings) -> None:
    """Certificates that cannot be read would fail every request."""
    written: list[tuple[KeyPath, bool | str | None]] = [
        (("litellm_settings", "ssl_verify"), config.litellm_settings.ssl_verify),
        *(
            (("model_list", index, "litellm_params", "ssl_verify"), entry.litellm_params.ssl_verify)
            for index, entry in enumerate(config.model_list)
        ),
    ]
    for path, bundle in written:
        if isinstance(bundle, str) and (problem := bundle_problem(bundle)) is not None:
            findings.error(path, f"{bundle}: {problem}")


def _check_ids(config: Config, findings: Findings) -> None:
    first: dict[str, int] = {}
    for index, entry in enumerate(config.model_list):
        name = entry.model_info.id
        if name is not None and first.setdefault(name, index) != index:
            text = f"the id of model_list[{first[name]}] too: give each entry its own"
            findings.error(("model_list", index, "model_info", "id"), text)


def _check_aliases(config: Config, findings: Findings) -> None:
    served = Served(config, aliases=False)
    for alias, target in config.router_settings.model_group_alias.items():
        if not served.has(target.model):
            text = "no entry of `model_list` has this `model_name`" + did_you_mean(target.model, served.names)
            findings.warn(("router_settings", "model_group_alias", alias), text)


def _check_master_key(settings: GeneralSettings, findings: Findings) -> None:
    if settings.master_key is not None:
        _check_strength(("general_settings", "master_key"), settings.master_key, findings)


def _check_strength(path: KeyPath, key: Secret, findings: Findings) -> None:
    if key.reveal() in WEAK_KEYS:
        text = "empty, or a key out of documentation"
    elif len(key.reveal()) < SHORT_KEY_CHARACTERS:
        text = f"shorter than {SHORT_KEY_CHARACTERS} characters"
    else:
        return
    make = "python3 -c 'import secrets; print(\"sk-\" + secrets.token_urlsafe(24))'"
    findings.warn(path, f"weak: {text}; make one with {make}")


def _check_keys(config: Config, findings: Findings) -> None:
    """A key that is another's would have either's rights; without a master key nobody is asked for any."""
    keys, master = config.sluice_settings.keys, config.general_settings.master_key
    place: KeyPath = ("sluice_settings", "keys")
    if keys and master is None:
        findings.error(
            place, "needs a master key beside it (general_settings.master_key): no key is asked for"
        )
    first = {} if master is None else {master: "the master key"}
    for index, each in enumerate(keys):
        _check_strength((*place, index, "key"), each.key, findings)
        if not each.key:
            findings.error((*place, index, "key"), "is empty")
        elif (owner := first.setdefault(each.key, f"keys[{index}]")) != f"keys[{index}]":
            findings.error((*place, index, "key"), f"is {owner} too: give each its own")
        if each.expires is not None:
            _check_moment((*place, index, "expires"), each.expires, findings)


def _check_moment(path: KeyPath, text: str, findings: Findings) -> None:
    try:
        datetime.fromisoformat(text)
    except ValueError as error:
        findings.error(path, f"{text}: {error}")


def _check_zone(name: str, findings: Findings) -> None:
    try:
        if name.upper() != "UTC":
            ZoneInfo(name)
    except (LookupError, OSError, ValueError):
        text = "is no time zone that is known here: write one as `Europe/Berlin`"
        findings.error(("litellm_settings", "timezone"), text)


def _check_pass_through(settings: GeneralSettings, findings: Findings) -> None:
    for endpoint in settings.pass_through_endpoints:
        for name in endpoint.headers.keys() & PASS_THROUGH_HEADERS:
            path = ("general_settings", "pass_through_endpoints", endpoint.place, "headers", name)
            findings.warn(path, "has no special meaning here, as it has in LiteLLM: it is sent as it is")


def _check_passed_headers(config: Config, findings: Findings) -> None:
    key_header = config.general_settings.litellm_key_header_name
    rule = withheld([key_header] if key_header else ())
    for index, pattern in enumerate(config.sluice_settings.passed_headers):
        name = pattern.lower().encode().removesuffix(b"*")
        if name in rule.credentials:
            findings.error(
                ("sluice_settings", "passed_headers", index), "a credential, which never leaves the gateway"
            )
