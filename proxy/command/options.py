"""What a person may ask for."""

from __future__ import annotations

import enum
from pathlib import Path

import msgspec

from proxy.command.defaults import Wanted


class Action(enum.Enum):
    SERVE = "serve"
    VALIDATE = "validate"
    HEALTH = "health"
    TEST = "test"


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """The command line, parsed."""

    config: Path | None = None
    model: str | None = None
    api_base: str | None = None
    alias: str | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    request_timeout: float | None = None
    keepalive_timeout: float | None = None
    host: str | None = None
    port: int = 4000
    num_workers: int = 1
    strict: bool = False
    action: Action = Action.SERVE

    @property
    def wanted(self) -> Wanted:
        return Wanted(self.model, self.api_base, self.alias, self.temperature, self.max_tokens)
