"""What is known of one provider: where it is, whose key it takes, and what it says differently."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from proxy.types import Parameters

NO_RENAMES: Mapping[str, str] = {}


class Provider(msgspec.Struct, frozen=True):
    name: str
    """The prefix of `model`, LiteLLM's."""
    base: str | None
    """With the version that its paths follow, if there is one. None: a server of one's own, whose base is written."""
    keys: tuple[str, ...] = ()
    """Variables that may hold its key; the first that is set counts."""
    bases: tuple[str, ...] = ()
    """Variables that may hold another base."""
    keyless: bool = False
    """It is asked without a key where none is written or set."""
    renames: Mapping[str, str] = NO_RENAMES
    """Chat parameters under another name."""
    refuses: frozenset[str] = frozenset()
    """Chat parameters that it answers 400 or 422 for."""
    omits: frozenset[str] = frozenset()
    """Chat parameters that it refuses, and whose answer is the same without."""
    headers: tuple[tuple[str, str], ...] = ()
    """(name, value); `{key}` is its key, `$NAME` a variable: without that the header is not sent."""
    moves: Mapping[str, str] = NO_RENAMES
    """Where its OpenAI-compatible API is, by the path of a base that is its own API's."""
    hosts: tuple[str, ...] = ()
    """By which an `api_base` is known to be its, beside its own base's."""
    version: str = ""
    """What follows every base that does not end in it."""
    whole: bool = False
    """It has OpenAI's API with files and threads, and not its models' endpoints alone."""

    @property
    def parameters(self) -> Parameters:
        return Parameters(renames=self.renames, refuses=self.refuses, omits=self.omits)

    @property
    def bare(self) -> bool:
        """Its paths follow the host: no `/v1` belongs between."""
        return self.base is not None and self.base.count("/") == len("//")
