"""Whether a configuration can be built: everything that a worker would make of it is made, and serves nothing.

A start, a reload and `--validate_config` ask here. Whatever building raises is an error of that configuration: it must
never end a gateway that serves well with another one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec
import trio

from proxy.accounting.bus import Bus
from proxy.config.errors import ConfigError, unforeseen
from proxy.config.paths import KeyPath
from proxy.config.schema import Config
from proxy.worker.assembly import Gateway


class Flop(msgspec.Struct, frozen=True):
    """What cannot be built."""

    path: KeyPath
    """Of the part of the configuration, as far as it can be told."""
    text: str


class _NoPoller:
    """No socket is watched."""

    def register(self, fd: int, mask: int, /) -> None: ...
    def unregister(self, fd: int, /) -> None: ...
    def poll(self, timeout_s: float, most: int, /) -> list[tuple[int, int]]:
        return []

    def arrived(self, fd: int, /) -> bool:
        return False

    async def wait(self) -> None:
        await trio.sleep_forever()


def build(config: Config, environ: Mapping[str, str]) -> Flop | None:
    """None: a worker can be made of it."""
    text = _fault(config, environ)
    if text is None:
        return None
    for path, alone in _parts(config):
        fault = _fault(alone, environ)
        if fault is not None:
            return Flop(path, fault)
    return Flop((), text)


def _fault(config: Config, environ: Mapping[str, str]) -> str | None:
    try:
        Gateway(config, environ, Bus(()), poller=_NoPoller())
    except ConfigError as problem:
        return str(problem)
    except Exception as error:  # noqa: BLE001 - the one place that holds for whatever building raises
        return unforeseen(error)
    return None


def _parts(config: Config) -> Iterator[tuple[KeyPath, Config]]:
    """Each entry and each target alone: what fails alone is to blame."""
    replace = msgspec.structs.replace
    bare = Config()
    for index, entry in enumerate(config.model_list):
        yield ("model_list", index), replace(bare, model_list=(entry,))
    for endpoint in config.general_settings.pass_through_endpoints:
        general = replace(bare.general_settings, pass_through_endpoints=(endpoint,))
        yield (
            ("general_settings", "pass_through_endpoints", endpoint.place),
            replace(bare, general_settings=general),
        )
    for section in ("router_settings", "litellm_settings", "general_settings", "sluice_settings"):
        yield (section,), replace(bare, **{section: getattr(config, section)})
