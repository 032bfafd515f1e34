"""What a call sends a deployment: the gateway's own `prepare`, and the headers around it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import httpx
import msgspec

import sluice
from proxy.errors import GatewayError
from proxy.providers.prepare import NO_MOMENT, Prepared, Request, prepare
from proxy.providers.sigv4 import signature
from proxy.types import Headers, Moment, Translation
from sluice.asked import Asked
from sluice.body import encoded
from sluice.lines import written
from sluice.raising import of_refusal
from sluice.transport.sending import Sending, timeouts_of
from sluice.ways import Way

_JSON = "application/json"


class Ready(msgspec.Struct, frozen=True, eq=False):
    """One attempt: it may be sent several times."""

    way: Way
    sending: Sending
    translation: Translation | None = None


def ready(asked: Asked, way: Way, model: str, token: Headers = ()) -> Ready:
    """`model`: the upstream's name of it; `token`: headers of a credential that ends. Raises SluiceError."""
    try:
        return _ready(asked, way, model, token)
    except GatewayError as refused:
        raise of_refusal(refused, provider=way.provider, model=model) from None


def _ready(asked: Asked, way: Way, model: str, token: Headers) -> Ready:
    fields, own = asked.fields, asked.own
    if extra := own.get("extra_body"):
        fields = {**fields, **extra}
    if asked.endpoint.form:
        return _form(asked, way, model, fields, token)
    path = asked.endpoint.path
    moment = NO_MOMENT
    if path in way.dialect.translations:
        moment = Moment(int(time.time()), asked.call_id, way.max_tokens)
    body = encoded(model, fields)
    prepared = prepare(way.deployment, way.dialect, Request(path, body, model, None, moment))
    url, target = way.url(prepared.path, model, _query(own))
    headers = _headers(way, own, prepared, token)
    headers["Content-Type"] = _JSON
    signing = way.deployment.signing
    if signing is not None:
        host = way.place.host_header
        headers.update(_text(signature(signing, b"POST", host, target, prepared.body, time.time())))
    return Ready(way, _sending(asked, way, url, headers, prepared.body), prepared.translation)


def _sending(
    asked: Asked, way: Way, url: httpx.URL, headers: httpx.Headers, content: bytes, **form: Any
) -> Sending:
    own = asked.own
    timeout = own.get("timeout")
    if asked.stream:
        timeout = own.get("stream_timeout", way.deployment.trying.stream_timeout_s) or timeout
    timeouts, total_s = timeouts_of(timeout or way.deployment.trying.timeout_s)
    return Sending(
        url, headers, content, timeouts, None if asked.stream else total_s, asked.stream,
        verify=way.deployment.ssl_verify, client=own.get("client"), **form,
    )  # fmt: skip


def _form(asked: Asked, way: Way, model: str, fields: Mapping[str, Any], token: Headers) -> Ready:
    """Files go by their own names; lists as `name[]`, as openai's package sends them."""
    files = [("file", fields["file"])] if "file" in fields else []
    plain: dict[str, Any] = {"model": model}
    for name, value in fields.items():
        if name == "file":
            continue
        several = isinstance(value, list | tuple)
        plain[f"{name}[]" if several else name] = [*map(_word, value)] if several else _word(value)
    url, _ = way.url(asked.endpoint.path, model, _query(asked.own))
    headers = _headers(way, asked.own, Prepared(asked.endpoint.path, b""), token)
    return Ready(way, _sending(asked, way, url, headers, b"", fields=plain, files=files))


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return msgspec.json.encode(value).decode() if isinstance(value, Mapping) else str(value)


def _headers(way: Way, own: Mapping[str, Any], prepared: Prepared, token: Headers) -> httpx.Headers:
    """The deployment's own win over a translation's, as at the gateway; what the caller says wins over all."""
    found = way.headers.copy()
    for name, value in prepared.headers:
        text = name.decode()
        if text not in found or text.lower() in _YIELDING:
            found[text] = value.decode("latin-1")
    for name, value in token:
        found[name.decode()] = value.decode("latin-1")
    if project := own.get("project"):
        found["OpenAI-Project"] = project
    for more in (sluice.headers, own.get("headers"), own.get("extra_headers")):
        if more:
            found.update(written(more))
    return found


_YIELDING = frozenset({"user-agent", "accept"})


def _text(headers: Headers) -> dict[str, str]:
    return {name.decode(): value.decode("latin-1") for name, value in headers}


def _query(own: Mapping[str, Any]) -> bytes | None:
    extra = own.get("extra_query")
    return urlencode(extra, doseq=True).encode() if extra else None
