"""Memory that the first process writes and its workers read: the newest edition, and the operator's last words.

A worker reads when a signal tells it to, and one that is new before anything else.
"""

from __future__ import annotations

import os
import pickle
import struct
import zlib

import msgspec

from proxy.process.edition import Edition, News
from proxy.process.orders import LastWords, Order

_HEAD = struct.Struct("=QI")
"""Length and checksum of what follows: a reader sees all of it or none."""


class _Page(msgspec.Struct, frozen=True, array_like=True):
    number: int = 0
    """Of the edition; 0: there was no reload yet."""
    edition: bytes = b""
    orders: list[tuple[int, Order]] = []


class Bulletin:
    """Made before the workers are forked. Anonymous memory, for these processes only: it holds keys."""

    def __init__(self) -> None:
        self._fd = os.memfd_create("sluice-bulletin", os.MFD_CLOEXEC)
        self._page = _Page()
        self._said = LastWords()

    def publish(self, edition: Edition) -> None:
        """In the first process."""
        self._write(msgspec.structs.replace(self._page, number=edition.number, edition=pickle.dumps(edition)))

    def pass_on(self, order: Order) -> None:
        """In the first process."""
        self._said.add(order)
        self._write(msgspec.structs.replace(self._page, orders=self._said.numbered()))

    def read(self) -> _Page | None:
        """In a worker. None: it is just being written, and a signal follows."""
        data = os.pread(self._fd, os.fstat(self._fd).st_size, 0)
        if len(data) < _HEAD.size:
            return _Page()
        length, checksum = _HEAD.unpack_from(data)
        body = data[_HEAD.size : _HEAD.size + length]
        return msgspec.msgpack.decode(body, type=_Page) if zlib.crc32(body) == checksum else None

    def _write(self, page: _Page) -> None:
        self._page = page
        body = msgspec.msgpack.encode(page)
        os.pwrite(self._fd, _HEAD.pack(len(body), zlib.crc32(body)) + body, 0)


class Reader:
    """What one worker has not heard yet."""

    def __init__(self, bulletin: Bulletin, edition: int) -> None:
        """`edition`: the number of that which it was started with."""
        self._bulletin = bulletin
        self._edition = edition
        self._heard = 0

    def latest(self) -> News:
        page = self._bulletin.read()
        if page is None:
            return News()
        new = tuple(order for number, order in page.orders if number > self._heard)
        self._heard = max((number for number, _ in page.orders), default=self._heard)
        return News(self._newer(page), new)

    def _newer(self, page: _Page) -> Edition | None:
        if page.number <= self._edition:
            return None
        edition = pickle.loads(page.edition)  # noqa: S301 - written by the process that forked this one
        assert isinstance(edition, Edition)
        self._edition = edition.number
        return edition
