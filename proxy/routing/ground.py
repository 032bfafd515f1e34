"""What the entries of one configuration stand on: its hosts and keys, each once."""

from __future__ import annotations

from collections.abc import Iterator

from proxy.routing.identity import called, host_id, key_digest
from proxy.routing.layered import Change, Layered, Report, untold
from proxy.routing.layers import Host, Key
from proxy.types import Deployment
from proxy.types import Layer as Kind

ID_CHARS = 12
"""Of a digest in hex: 48 bits, to tell a configuration's keys apart."""


class Layers:
    """Hosts and keys of one configuration; those that stay are taken over from the one before."""

    def __init__(self, report: Report = untold) -> None:
        self.report = report
        self.hosts: dict[str, Host] = {}
        self.keys: dict[bytes, Key] = {}

    def key_of(self, deployment: Deployment) -> Key:
        digest = key_digest(deployment)
        key = self.keys.get(digest)
        if key is None:
            host = self._host(deployment)
            name = called(deployment)
            key = Key(digest.hex()[:ID_CHARS], digest, name, deployment.api_base, host, self._tell)
            self.keys[digest] = key
        return key

    def take_over(self, old: Layers) -> None:
        """Those of `old` in place of this one's own; members must ask for theirs again."""
        self.hosts = {id_: old.hosts.get(id_, host) for id_, host in self.hosts.items()}
        for digest, key in self.keys.items():
            kept = old.keys.get(digest)
            if kept is not None:
                self.keys[digest] = kept
            else:
                key.host = self.hosts[key.host.id]
        for layered in self.all():
            layered.report = self._tell
            layered.look_again()

    def all(self) -> Iterator[Layered]:
        yield from self.hosts.values()
        for key in self.keys.values():
            yield from key.layers()

    def find(self, kind: Kind, id_: str, now: float) -> Layered | None:
        """For the operator. `id_` as `/admin/layers` shows it; a model or family nobody remembers is made."""
        if kind is Kind.HOST:
            return self.hosts.get(id_)
        key_id, slash, name = id_.partition("/")
        key = next((key for key in self.keys.values() if key.id == key_id), None)
        if key is None or kind is Kind.KEY:
            return key if not slash else None
        if not slash:
            return None
        return key.remembered(name, now) if kind is Kind.MODEL else key.family(name)

    def _host(self, deployment: Deployment) -> Host:
        id_ = host_id(deployment)
        host = self.hosts.get(id_)
        if host is None:
            host = self.hosts[id_] = Host(id_, self._tell)
        return host

    def _tell(self, change: Change) -> None:
        self.report(change)
