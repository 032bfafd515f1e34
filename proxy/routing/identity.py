"""By what hosts and keys are told apart: the same in every process and after every reload, never with a credential."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from urllib.parse import urlsplit

import msgspec

from proxy.types import Deployment

_DEFAULT_PORTS = {"http": 80, "https": 443}


def host_id(deployment: Deployment) -> str:
    """`https://api.openai.com:443`; how certificates are checked, where that is not the usual way."""
    if deployment.unservable is not None:  # and what is written may be no address
        return "nowhere"
    parts = urlsplit(deployment.api_base)
    port = parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
    checked = "" if deployment.ssl_verify is True or parts.scheme == "http" else f" ({deployment.ssl_verify})"
    return f"{parts.scheme}://{_bracketed(parts.hostname or '')}:{port}{checked}"


def key_digest(deployment: Deployment) -> bytes:
    """16 bytes of what identifies a key: its base, since one host may serve several upstreams by path."""
    parts: Sequence[object] = (
        host_id(deployment),
        deployment.api_base.partition("://")[2].partition("/")[2].rstrip("/").removesuffix("v1"),
        deployment.api_key.reveal(),
        deployment.organization,
        deployment.headers,
    )
    return hashlib.blake2b(msgspec.msgpack.encode(parts), digest_size=16, person=b"sluice-key").digest()


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def called(deployment: Deployment) -> str:
    """By the variable that a person wrote, else by the entry that names it first. Never the credential."""
    return deployment.origin or deployment.id
