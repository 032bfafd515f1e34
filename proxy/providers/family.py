"""The kind of request that a path is: what a key's scopes allow, they allow by family and access.

https://platform.openai.com/docs/guides/rbac: restricted keys read, write, or do neither, resource by resource.
"""

from __future__ import annotations

OTHER = "other"
RESPONSES = "responses"
READS = ".read"
"""Ends the families of requests that only look: a key may list files and not upload any."""
_FAMILIES = frozenset(
    {
        "assistants", "audio", "batches", "chat", "completions", "containers", "conversations", "embeddings",
        "evals", "files", "fine_tuning", "images", "messages", "models", "moderations", "organization", "realtime",
        "responses", "skills", "threads", "uploads", "vector_stores", "videos",
    }
)  # fmt: skip
_SAME = {"projects": "organization", "live": "realtime"}
_READING = frozenset((b"GET", b"HEAD", b"OPTIONS"))


def family_of(method: bytes, path: bytes) -> str:
    """Of a path as OpenAI has it, with or without `/v1`: `chat`, `files`, `files.read` ... Bounded in number."""
    segments = path.lstrip(b"/").split(b"/", 2)
    first = segments[1 if segments[0] == b"v1" and len(segments) > 1 else 0].decode("latin-1")
    name = _SAME.get(first, first)
    family = name if name in _FAMILIES else OTHER
    return family + READS if method in _READING else family


def resource_of(family: str) -> str:
    """`files.read` is about `files`."""
    return family.removesuffix(READS)
