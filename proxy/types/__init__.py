"""The words that every room shares: immutable values, no behaviour beyond reading them."""

from __future__ import annotations

from proxy.types.accounts import Cost, Usage
from proxy.types.credentials import Ask, Secret, SigningKey, TokenSource
from proxy.types.deployment import (
    Abilities,
    Deployment,
    Parameters,
    Price,
    SessionAffinity,
    Share,
    Streaming,
    StreamMode,
    Trying,
)
from proxy.types.headers import Header, Headers
from proxy.types.pages import Page, PageRequest, Reply
from proxy.types.results import Layer, Limits, Outcome, Refusal, Result, ResultKind
from proxy.types.translation import Moment, StreamTranslator, Translation

__all__ = [
    "Abilities",
    "Ask",
    "Cost",
    "Deployment",
    "Header",
    "Headers",
    "Layer",
    "Limits",
    "Moment",
    "Outcome",
    "Page",
    "PageRequest",
    "Parameters",
    "Price",
    "Refusal",
    "Reply",
    "Result",
    "ResultKind",
    "Secret",
    "SessionAffinity",
    "Share",
    "SigningKey",
    "StreamMode",
    "StreamTranslator",
    "Streaming",
    "TokenSource",
    "Translation",
    "Trying",
    "Usage",
]
