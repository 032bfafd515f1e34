"""AWS Signature Version 4: a request's own signature, made for each anew.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from datetime import UTC, datetime
from urllib.parse import quote, unquote_to_bytes

from proxy.types import Headers, SigningKey

_ALGORITHM = "AWS4-HMAC-SHA256"
_UNRESERVED = "-._~"


def signature(
    key: SigningKey, method: bytes, host: bytes, target: bytes, body: bytes, now_unix: float
) -> Headers:
    """The headers that sign a request with this body: date, session and Authorization. Others need not be signed."""
    stamp = datetime.fromtimestamp(now_unix, UTC).strftime("%Y%m%dT%H%M%SZ")
    dated: list[tuple[bytes, bytes]] = [(b"X-Amz-Date", stamp.encode())]
    if key.session:
        dated.append((b"X-Amz-Security-Token", key.session.reveal().encode()))
    path, _, query = target.partition(b"?")
    own = authorization(key, method, path, query, ((b"host", host), *dated), body, stamp)
    return (*dated, (b"Authorization", own))


def authorization(
    key: SigningKey,
    method: bytes,
    path: bytes,
    query: bytes,
    headers: Iterable[tuple[bytes, bytes]],
    body: bytes,
    stamp: str,
) -> bytes:
    """`path` and `query` as they are sent; `headers`: all that are signed; `stamp`: `20150830T123600Z`."""
    named = sorted((name.lower(), b" ".join(value.split())) for name, value in headers)
    signed = b";".join(name for name, _ in named)
    request = b"\n".join(
        (
            method,
            _path(path),
            _query(query),
            *(b"%b:%b" % line for line in named),
            b"",
            signed,
            hashlib.sha256(body).hexdigest().encode(),
        )
    )
    scope = f"{stamp[:8]}/{key.region}/{key.service}/aws4_request"
    text = "\n".join((_ALGORITHM, stamp, scope, hashlib.sha256(request).hexdigest()))
    made = _hmac(_key_of_day(key, stamp[:8]), text).hex()
    credential = f"Credential={key.access_key}/{scope}, SignedHeaders={signed.decode()}, Signature={made}"
    return f"{_ALGORITHM} {credential}".encode()


def _key_of_day(key: SigningKey, day: str) -> bytes:
    made = f"AWS4{key.secret.reveal()}".encode()
    for word in (day, key.region, key.service, "aws4_request"):
        made = _hmac(made, word)
    return made


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")


def _path(path: bytes) -> bytes:
    """Each segment as it is sent, encoded once more: all services but S3 ask for that."""
    return b"/".join(quote(segment, safe=_UNRESERVED).encode() for segment in path.split(b"/")) or b"/"


def _query(query: bytes) -> bytes:
    """Sorted, with one spelling of each escape."""
    pairs = (pair.partition(b"=") for pair in query.split(b"&") if pair)
    said = ((_escaped(name), _escaped(value)) for name, _, value in pairs)
    return b"&".join(b"%b=%b" % pair for pair in sorted(said))


def _escaped(text: bytes) -> bytes:
    return quote(unquote_to_bytes(text), safe=_UNRESERVED).encode()
