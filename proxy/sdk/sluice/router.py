"""`Router(model_list=[...])`: the gateway's router for programs, of the same entries and the same files."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from proxy.config.decoding import decoded
from proxy.config.errors import ConfigError
from proxy.config.notices import Findings
from proxy.config.schema import Config
from proxy.providers.retrying import policy_of
from proxy.providers.table import deployments
from proxy.routing.affinity import MemoryStore
from proxy.routing.configured import fallbacks_of, router_of
from sluice.asked import Asked
from sluice.course import Course
from sluice.exceptions import BadRequestError
from sluice.routed import Routed
from sluice.trip import Place, Rules, Trip

PREFIX = "os.environ/"


class Router(Routed):
    """Spreads calls over the deployments of a model's name: turns by weight, rests what fails, asks others instead.

    What it learns stays with it: make one, and keep it. It may be used from several threads and event loops at once.
    """

    def __init__(
        self, model_list: Sequence[Mapping[str, Any]] = (), *, set_verbose: bool = False, **settings: Any
    ) -> None:
        """`model_list`: entries as in the configuration (docs/configuration.md): `model_name`, `litellm_params`,
        `model_info`. `settings`: keys of `router_settings` (`fallbacks`, `num_retries`, `routing_strategy`, `timeout`,
        `allowed_fails`, `cooldown_time` ...), and `drop_params`.

        Raises BadRequestError, with a line for each thing that is wrong.
        """
        ours = {
            name: settings.pop(name)
            for name in ("drop_params", "modify_params", "ssl_verify")
            if name in settings
        }
        written = {"model_list": [*model_list], "router_settings": settings, "litellm_settings": ours}
        findings = Findings("Router")
        config = decoded(_resolved(written, findings), os.environ, findings)
        if config is None or findings.errors:
            raise BadRequestError("\n".join(map(str, findings.errors)))
        self._build(config, os.environ)

    @classmethod
    def from_config(cls, path: str | os.PathLike[str] = "config.yaml") -> Self:
        """Of the gateway's own file: `model_list`, `router_settings`, `litellm_settings`, and its `.env`.

        Raises BadRequestError, with a line for each thing that is wrong; ImportError where PyYAML is not installed.
        """
        try:
            from proxy.config.load import load  # noqa: PLC0415 - the library alone brings no YAML
        except ModuleNotFoundError as missing:
            raise ImportError(f"Reading {path} needs PyYAML: pip install pyyaml") from missing
        try:
            loaded = load(Path(path), os.environ)
        except ConfigError as error:
            raise BadRequestError(str(error)) from None
        made = cls.__new__(cls)
        made._build(loaded.config, loaded.environ)  # noqa: SLF001 - its own
        return made

    def _build(self, config: Config, environ: Mapping[str, str]) -> None:
        try:
            found = deployments(config, environ)
        except ConfigError as error:
            raise BadRequestError(str(error)) from None
        settings = config.router_settings
        groups = {group: policy_of(policy) for group, policy in settings.model_group_retry_policy.items()}
        rules = Rules(
            settings.num_retries,
            policy_of(settings.retry_policy),
            groups,
            settings.retry_after,
            fallbacks_of(config),
        )
        self._router = router_of(config, found, None, MemoryStore(0))
        self._place = Place(self._router, rules)

    @property
    def model_names(self) -> tuple[str, ...]:
        """What `model` may be, but for patterns with a `*`."""
        return self._router.model_names()

    def get_model_names(self) -> list[str]:
        return [*self.model_names]

    def _course(self, asked: Asked) -> Course:
        return Trip(self._place, asked).run()


def _resolved(value: Any, findings: Findings, path: tuple[str | int, ...] = ()) -> Any:
    """With what the environment has for `os.environ/NAME`."""
    if isinstance(value, Mapping):
        return {name: _resolved(each, findings, (*path, name)) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_resolved(each, findings, (*path, place)) for place, each in enumerate(value)]
    if not isinstance(value, str) or not value.startswith(PREFIX):
        return value
    found = os.environ.get(value.removeprefix(PREFIX))
    if found is None:
        findings.error(path, f"the variable {value.removeprefix(PREFIX)} is not set")
    return found
