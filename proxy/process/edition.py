"""One good configuration, numbered: a reload brings the next."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import msgspec

from proxy.config.schema import Config
from proxy.process.orders import Order


class Edition(msgspec.Struct, frozen=True):
    number: int
    config: Config
    environ: Mapping[str, str]
    """As the configuration was loaded with."""

    def __repr__(self) -> str:
        return f"Edition(number={self.number})"  # the environment holds keys


class News(msgspec.Struct, frozen=True):
    """What a worker has not heard yet."""

    edition: Edition | None = None
    orders: tuple[Order, ...] = ()


Latest: TypeAlias = Callable[[], News]
"""What is new since the last call. It may wait for a disk: call it in a thread."""
