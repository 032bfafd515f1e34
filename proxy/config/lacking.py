"""What follows from a variable that is not set: for an entry that it cannot be served, elsewhere a word."""

from __future__ import annotations

from proxy.config.clean import Cleaned
from proxy.config.notices import Findings
from proxy.config.paths import KeyPath
from proxy.config.unset import Unset

UNKNOWN = "unknown"
"""The model of an entry whose model is not known."""
_DEFAULTS_HOLD = frozenset({"litellm_settings", "router_settings", "sluice_settings"})
_NEVER_WITHOUT = "default_litellm_params"


class Lacking:
    """Sorts what `clean` found, once."""

    def __init__(self, findings: Findings) -> None:
        self._entries: dict[int, list[tuple[KeyPath, Unset]]] = {}
        self._credentials: dict[int, list[tuple[KeyPath, Unset]]] = {}
        self.targets: set[int] = set()
        """Places of `pass_through_endpoints` that lack something."""
        for path, unset in findings.missing:
            self._sort(path, unset, findings)

    def of_entry(self, index: int, credential: int | None, params: Cleaned) -> dict[str, object] | None:
        """Its `models.Flaw`. What it says itself it need not have of its credential."""
        for path, unset in self._entries.get(index, ()):
            return {"key": path[2:], "text": unset.text}
        for path, unset in self._credentials.get(-1 if credential is None else credential, ()):
            if path[3] not in params:
                return {
                    "key": ("litellm_params", "litellm_credential_name"),
                    "text": f"{path[3]}: {unset.text}",
                }
        return None

    def _sort(self, path: KeyPath, unset: Unset, findings: Findings) -> None:
        section, index, part = (*path, "", "", "")[:3]
        if section == "model_list" and isinstance(index, int) and part in ("litellm_params", "model_name"):
            self._entries.setdefault(index, []).append((path, unset))
        elif section == "credential_list" and isinstance(index, int) and len(path) > 3:
            self._credentials.setdefault(index, []).append((path, unset))
        elif path[1:2] == ("pass_through_endpoints",) and isinstance(part, int):
            self.targets.add(part)
            findings.warn(path, f"{unset.text}. Its path is not served")
        elif section == "environment_variables" or part == "model_info":
            findings.warn(path, unset.text)
        elif section in _DEFAULTS_HOLD and _NEVER_WITHOUT not in path:
            findings.warn(path, f"{unset.text}; the default holds")
        else:
            findings.error(path, unset.text)
